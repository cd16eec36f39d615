"""`docmind ui`: Dagster's web UI and daemon on this home."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, TYPE_CHECKING

import click

from dagster_project.cli.terminal_text import say

if TYPE_CHECKING:
    import subprocess

    from docmind_core.settings import Settings

LOOPBACK = "127.0.0.1"
STOPPED_WITHIN_S = 20.0
LOG = "ui.log"


@click.command(short_help="Open Dagster's web UI, with the reports.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--read-only", is_flag=True, help="Refuse all changes and start no daemon, for a UI behind a proxy.")
@click.option(
    "--allow-host", "hosts", metavar="NAME", multiple=True, help="Also answer to this host name, as sent by a proxy."
)
def ui(port: int, read_only: bool, hosts: tuple[str, ...]) -> None:
    """Open Dagster's web UI on this home, with the reports under /reports/.

    Starts the web server, the daemon for schedules and alerts, and the code server; Ctrl-C or SIGTERM stops them. The
    UI listens on this machine only and has no login: anyone who can reach the port can start runs. Requests from other
    sites are refused.

    \b
    Examples:
      docmind ui
      docmind ui --port 3001
      docmind ui --read-only --port 3001 --allow-host metrics.example.org
    """
    from docmind_core.settings import load_settings

    serve(load_settings(), port, read_only=read_only, hosts=hosts)


def serve(settings: "Settings", port: int, *, read_only: bool = False, hosts: tuple[str, ...] = ()) -> None:
    """Run the web UI of a home until Ctrl-C or SIGTERM.

    Raises:
        UsageError: If the port is in use.
        RunError: If the web UI does not start, or ends by itself.
    """
    from dagster_project.instance import prepare_dagster_home
    from dagster_project.web_lock import only_ui

    _refuse_used_port(port)
    prepare_dagster_home(settings)
    try:
        with (
            nullcontext() if read_only else only_ui(settings) as lock,
            _servers(settings, port, lock, hosts) as servers,
        ):
            say(f"Web UI: http://{LOOPBACK}:{port}  reports: http://{LOOPBACK}:{port}/reports/", err=True)
            say("Press Ctrl-C to stop", err=True)
            servers.wait()
    except KeyboardInterrupt:
        say("stopped", err=True)


def _refuse_used_port(port: int) -> None:
    import socket

    from docmind_core.errors import UsageError

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UsageError(f"port {port} is in use. Use another one: --port {port + 1}") from error


@contextmanager
def _servers(
    settings: "Settings", port: int, lock: IO[str] | None, hosts: tuple[str, ...]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the servers and end them in order, on SIGTERM or Ctrl-C too, from their first moment on."""
    import os
    import signal

    from dagster_project.web_lock import name_holder
    from docmind_core.errors import RunError

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    is_ready, ready = os.pipe()
    words = [str(port), str(ready), *([] if lock else ["read-only"]), *hosts]
    servers = _start(settings, words, [ready, *([lock.fileno()] if lock else [])])
    os.close(ready)
    if lock:
        name_holder(lock, f"http://{LOOPBACK}:{port}", servers.pid)
    try:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)  # a shell starts background jobs with it ignored
        with open(is_ready, "rb") as answer:  # noqa: PTH123 - a file descriptor
            say("starting the web UI, about 15 s", err=True)
            if not answer.readline():
                raise RunError(f"the web UI did not start. See {settings.logs / LOG}")
        yield servers
        raise RunError(f"the web UI exited unexpectedly. See {settings.logs / LOG}")
    finally:
        _end(servers)


def _start(settings: "Settings", words: list[str], files: list[int]) -> "subprocess.Popen[bytes]":
    """Start the servers in a session of their own, so that Ctrl-C reaches this process alone."""
    import subprocess
    import sys

    from docmind_core.settings import child_environment, without_syntax

    dagster_home = without_syntax(settings.dagster_home)
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dagster_project.web_server", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=files,
            env=child_environment(DAGSTER_HOME=str(dagster_home), DOCMIND_HOME=str(settings.home)),
        )


def _end(servers: "subprocess.Popen[bytes]") -> None:
    import os
    import signal
    import subprocess
    from contextlib import suppress

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    servers.terminate()
    with suppress(subprocess.TimeoutExpired):
        servers.wait(STOPPED_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(servers.pid, signal.SIGKILL)
    servers.wait()
