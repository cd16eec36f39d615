"""Takes the pictures under docs/img: Dagster's UI on a home with a finished benchmark run, in headless Chromium.

    docmind bench smoke
    .venv/bin/python scripts/screenshots.py

Needs Chromium (Debian, Ubuntu: apt install chromium).
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from docmind_core.settings import child_environment, load_settings

# The graph opens with its groups folded up unless the address names them.
GROUPS = ",".join(f"global@global:{name}" for name in ("query_sets", "agent_runs", "metrics", "reports"))
PAGES = {
    "asset-graph.png": (f"asset-groups?expanded={GROUPS}", "2600,1200"),
    "asset-checks.png": ("assets/metrics_database?view=checks", "1600,1000"),
    "report-asset.png": ("assets/performance_report?view=overview", "1600,1000"),
}
"""File to (page, width and height of the window)."""
STARTUP_S = 180
# The page keeps a connection open for news, so that it is never idle: this much time is enough to draw it.
DRAWING_MS = 20_000
BYTES_MAX = 500_000


def main() -> None:
    """Take every picture, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(PAGES)}; all by default")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "img")
    arguments = parser.parse_args()
    if not load_settings().metrics_database.exists():
        sys.exit("this home has no finished benchmark run; first: docmind bench smoke")
    browser = find_browser()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with running_ui() as address:
        for name in arguments.names or PAGES:
            picture = arguments.out / name
            page, window = PAGES[name]
            take_picture(browser, f"{address}/{page}", window, picture)
            print(f"{picture}: {picture.stat().st_size:,} bytes")
            if picture.stat().st_size > BYTES_MAX:
                sys.exit(f"{picture} is larger than {BYTES_MAX:,} bytes")


def find_browser() -> str:
    """Return the path of Chromium or Chrome, or end with advice."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    sys.exit("no Chromium found. Debian, Ubuntu: apt install chromium")


@contextmanager
def running_ui() -> Iterator[str]:
    """Run `docmind ui` on a free port until the block ends; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dagster_project.cli", "ui", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=child_environment(), start_new_session=True)
        try:
            wait_until_up(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def wait_until_up(address: str, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the code location answers through the web server."""
    question = json.dumps({"query": "{workspaceOrError {__typename}}"}).encode()
    headers = {"Content-Type": "application/json"}
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.post(f"{address}/graphql", content=question, headers=headers, timeout=60, trust_env=False)
        except httpx.HTTPError:
            time.sleep(1)
        else:
            return
    sys.exit("Dagster's UI did not come up; try: docmind ui")


def take_picture(browser: str, url: str, window: str, picture: Path) -> None:
    """Draw one page into a PNG."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={window}",
                f"--virtual-time-budget={DRAWING_MS}",
                f"--screenshot={picture}",
                url,
            ],
            check=True,
            capture_output=True,
            timeout=300,
        )


if __name__ == "__main__":
    main()
