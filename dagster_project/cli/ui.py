"""`docmind ui`: Dagster's web UI and daemon on this home."""

import click

LOOPBACK = "127.0.0.1"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on 127.0.0.1.")
def ui(port: int) -> None:
    """Open Dagster's web UI on this home.

    Starts the web server, the daemon for schedules and the code server; Ctrl-C stops them. Whoever reaches
    the port can start runs: it listens on this machine alone.

    \b
    Examples:
      docmind ui
      docmind ui --port 3001
    """
    import os
    import socket
    import sys

    from dagster_project.instance import prepare_dagster_home
    from docmind_core.errors import UsageError
    from docmind_core.settings import child_environment, load_settings

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UsageError(f"port {port} is in use. Take another: docmind ui --port {port + 1}") from error
    settings = load_settings()
    home = prepare_dagster_home(settings)
    click.echo(f"Dagster UI: http://{LOOPBACK}:{port} (about 15 s until it answers; Ctrl-C stops it)", err=True)
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(home / "workspace.yaml"), "-h", LOOPBACK]
    environment = child_environment(DAGSTER_HOME=str(home), DOCMIND_HOME=str(settings.home))
    # In place of this process: signals and the exit code go straight to Dagster.
    os.execve(sys.executable, [*command, "-p", str(port)], environment)  # noqa: S606
