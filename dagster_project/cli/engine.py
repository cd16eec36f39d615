"""`docmind engine`: keep a managed engine running between benchmarks."""

import click

from dagster_project.cli.terminal_text import json_option, print_rows, say


@click.group()
def engine() -> None:
    """Keep an engine running between benchmarks.

    \b
    Examples:
      docmind engine start
      docmind bench smoke
      docmind engine stop
    """


@engine.command(short_help="Start an engine and leave it running for later benchmarks.")
@click.argument("profile", default="cpu-smollm2")
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; a free one by default.")
def start(profile: str, port: int | None) -> None:
    """Start an engine of PROFILE and leave it running; benchmarks with this profile use it.

    \b
    Examples:
      docmind engine start
      docmind engine start cpu-smollm2 --port 8000
    """
    from docmind_core.serving.engine import start_engine_detached
    from docmind_core.settings import load_settings

    status = start_engine_detached(profile, load_settings(), _announce, port=port)
    say(f"{status.model} at {status.url}; log: {status.log}")
    say("stop it: docmind engine stop")


@engine.command(name="status")
@json_option
def show_status(as_json: bool) -> None:
    """Show the engine of this home.

    \b
    Examples:
      docmind engine status
      docmind engine status --json
    """
    from docmind_core.serving.engine import engine_status
    from docmind_core.settings import load_settings

    status = engine_status(load_settings())
    if as_json:
        names = ["profile", "model", "url", "healthy", "detached", "log"]
        print_rows(names, [[getattr(status, name) for name in names]] if status else [], as_json=True)
        return
    if status is None:
        say("no engine is running")
        return
    health = "healthy" if status.healthy else "not answering"
    owner = "until docmind engine stop" if status.detached else "until its benchmark ends"
    say(f"{status.profile}: {status.model} at {status.url}, {health}, runs {owner}; log: {status.log}")


@engine.command()
def stop() -> None:
    """Stop the engine of this home.

    \b
    Example:
      docmind engine stop
    """
    from docmind_core.serving.engine import stop_engine
    from docmind_core.settings import load_settings

    say("stopped" if stop_engine(load_settings(), _announce) else "no engine was running")


def _announce(text: str) -> None:
    say(text, err=True)
