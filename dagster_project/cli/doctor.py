"""`docmind doctor`: is everything fit to run, and what can an engine do?"""

from typing import TYPE_CHECKING

import click

from dagster_project.cli.terminal_text import json_option, print_rows, print_table, say

if TYPE_CHECKING:
    from docmind_core.serving.connection import EngineConnection

_FACTS = 3
"""Rows of what an engine says of itself, in front of what was tried."""


@click.command(short_help="Check this installation and this home, or an engine.")
@click.option("--engine", metavar="URL", help="Check this running engine instead (replicas: URL,URL).")
@click.option("--model", metavar="NAME", help="With --engine: the model, if the engine serves several.")
@click.option(
    "--api-key-env", metavar="NAME", help="With --engine: name of the environment variable that holds its API key."
)
@click.option("--repair", "repairs", is_flag=True, help="Set damaged files aside and rebuild them from the journals.")
@json_option
def doctor(engine: str | None, model: str | None, api_key_env: str | None, repairs: bool, as_json: bool) -> None:
    """Check whether this installation and this home can run benchmarks.

    Checks the home, the disk, versions, the engine, the bundled model, the database, the lock, every stored file and
    the last runs. Each problem comes with a fix. Exit code 1: problems were found.

    With --engine, tests what a running server (vLLM, or another one with the OpenAI API) supports, and lists what will
    be unknown in its runs. This costs a few short replies.

    \b
    Examples:
      docmind doctor
      docmind doctor --repair
      docmind doctor --engine http://127.0.0.1:8000
      docmind doctor --engine http://127.0.0.1:11434 --model llama3.2 --json
    """
    if engine is not None:
        _ask_engine(engine, model, api_key_env, as_json=as_json)
        return
    if model or api_key_env:
        raise click.UsageError("--model and --api-key-env require --engine URL.")
    if repairs:
        _repair()
    _examine_home(as_json=as_json)


def _repair() -> None:
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.repair import repair
    from docmind_core.settings import load_settings

    settings = load_settings()
    with lock_home(settings, "docmind doctor --repair"):
        for done in repair(settings):
            say(done, err=True)


def _examine_home(*, as_json: bool) -> None:
    from dagster_project.cli.terminal_text import say_wrapped
    from docmind_core.runs.health import examine
    from docmind_core.settings import load_settings

    rows, wrong = [], 0
    for finding in examine(load_settings()):
        rows.append((finding.what, finding.text, finding.advice))
        wrong += finding.advice is not None
        if as_json:
            continue
        say_wrapped(f"{'ok' if finding.advice is None else '!!'}  {finding.what:14}", finding.text)
        if finding.advice is not None:
            say_wrapped(" " * 18, finding.advice)
    if as_json:
        print_rows(["what", "found", "advice"], rows, as_json=True)
    else:
        say(f"{wrong} {'problem' if wrong == 1 else 'problems'}" if wrong else "no problems found")
    if wrong:
        click.get_current_context().exit(1)


def _ask_engine(engine: str, model: str | None, api_key_env: str | None, *, as_json: bool) -> None:
    from docmind_core.errors import UsageError
    from docmind_core.serving.engine import EngineRequest, is_url, prepare_engine
    from docmind_core.settings import load_settings

    if not is_url(engine):
        raise UsageError(f"{engine!r} is not a URL; write it like http://127.0.0.1:8000. Profiles always run vLLM.")
    request = EngineRequest(engine=engine, model=model, api_key_env=api_key_env)
    connection = prepare_engine(request, load_settings(), lambda _: None)
    if connection is None:
        raise RuntimeError("a URL has a connection")
    names, replicas = ["ability", "offered", "found", "unknown"], connection.replicas
    if not as_json:
        for replica in replicas:
            _say_abilities(replica)
    elif len(replicas) == 1:
        print_rows(names, _abilities(connection), as_json=True)
    else:
        rows = [(replica.base_url, *row) for replica in replicas for row in _abilities(replica)]
        print_rows(["url", *names], rows, as_json=True)


def _say_abilities(connection: "EngineConnection") -> None:
    rows = _abilities(connection)
    print_table(["ability", "offered", "found", "unknown without it"], rows)
    tried = rows[_FACTS:]
    unknown = sum(row[3] is not None for row in tried)
    missing = f"{unknown} of {len(tried)} abilities {'is' if unknown == 1 else 'are'} missing"
    say(f"{connection.base_url} can be used" + f"; {missing}, so some figures will be unknown" * bool(unknown))


def _abilities(connection: "EngineConnection") -> list[tuple[str, str, str, str | None]]:
    from docmind_core.serving.engine_abilities import engine_abilities

    version, redact = connection.engine_version, connection.redact
    return [
        ("dialect", "yes", connection.dialect.name, None),
        ("model", "yes", connection.model, None),
        ("version", *(("yes", version) if version else ("no", "not reported")), None),
        *((row.ability, row.offered, redact(row.found), row.unknown) for row in engine_abilities(connection)),
    ]
