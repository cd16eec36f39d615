"""The process of `docmind ui`: Dagster's web UI with a guard in front, its daemon, and the reports on the same port.

python -m dagster_project.web_server PORT READY_FD [read-only] [HOST ...]
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn
import yaml
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from dagster_project.instance import open_instance
from dagster_project.web_guard import Guard
from docmind_core.reports.report_pages import list_page
from docmind_core.settings import Settings, load_settings, turn_telemetry_off

LOOPBACK = "127.0.0.1"
ENDS_WITHIN_S = 10.0
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'"
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class _Reports(StaticFiles):
    """Files of the folder of reports; a report can't run scripts or load anything from elsewhere."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the page that lists all reports."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = _REPORT_POLICY
        return response


def guarded_app(dagster_app: ASGIApp, settings: Settings, *, port: int, hosts: Sequence[str] = ()) -> Guard:
    """Return what `docmind ui` serves: Dagster's app and `/reports/`, guarded.

    Args:
        dagster_app: Dagster's own web app.
        settings: The home whose reports are served.
        port: On which it listens.
        hosts: Further names under which a proxy offers it.
    """

    def listing(_: Request) -> Response:
        page = list_page(settings)
        return HTMLResponse(page, headers={"Content-Security-Policy": _REPORT_POLICY})

    settings.reports.mkdir(parents=True, exist_ok=True)
    routes = [
        Route("/reports", lambda _: RedirectResponse("/reports/")),
        Route("/reports/", listing),
        Mount("/reports", _Reports(directory=settings.reports, html=True)),
        Mount("/", dagster_app),
    ]
    own = [f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]")]
    return Guard(Starlette(routes=routes), hosts=[*own, *hosts])


class _Server(uvicorn.Server):
    """Says through a file when it answers."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        os.write(self._ready, b"ready\n")
        os.close(self._ready)


def serve(settings: Settings, *, port: int, ready: int, read_only: bool, hosts: Sequence[str]) -> None:
    """Serve until SIGTERM: code server, daemon (not for a read-only UI) and web server."""
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(open_instance(settings))
        target = WorkspaceFileTarget([str(settings.dagster_home / "workspace.yaml")])
        servers = stack.enter_context(ProxyServerManager(instance, target, code_server_log_level="WARNING"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docmind-ui-")))
        workspace = folder / "workspace.yaml"
        workspace.write_text(yaml.safe_dump({"load_from": [*servers.get_code_server_specs()]}), "utf-8")
        if not read_only:
            stack.enter_context(_daemon(workspace))
        instance.optimize_for_webserver(15000, 3600, 20)
        context = stack.enter_context(
            WorkspaceProcessContext(
                instance,
                version=__version__,
                read_only=read_only,
                workspace_load_target=WorkspaceFileTarget([str(workspace)]),
                code_server_log_level="WARNING",
            )
        )
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=_reload, args=(context,)).start())
        app = guarded_app(create_app_from_workspace_process_context(context), settings, port=port, hosts=hosts)
        config = uvicorn.Config(
            app, host=LOOPBACK, port=port, log_level="warning", timeout_graceful_shutdown=3, server_header=False
        )
        _Server(config, ready).run()


def _reload(context: WorkspaceProcessContext) -> None:
    """Let the code server read the suites again, and with it the daemon, which looks at the same code server."""
    for name in context.create_request_context().code_location_names:
        context.reload_code_location(name)


@contextlib.contextmanager
def _daemon(workspace: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "dagster._daemon", "run", "--log-level", "warning", "-w", str(workspace)]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when `docmind ui` has gone, also by -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)


def main() -> None:
    """Serve as the arguments say; SIGTERM ends all of it in order, also while it is starting."""
    port, ready, *words = sys.argv[1:]
    turn_telemetry_off()
    _end_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whatever it would read again is not read yet
    hosts = [word for word in words if word != "read-only"]
    serve(load_settings(), port=int(port), ready=int(ready), read_only="read-only" in words, hosts=hosts)


if __name__ == "__main__":
    main()
