"""Takes the pictures under docs/img: Dagster's UI on a home with a finished benchmark run, in headless Chromium.

    docmind bench smoke
    .venv/bin/python scripts/screenshots.py

Needs Chromium (Debian, Ubuntu: apt install chromium).
"""

import argparse
import asyncio
import base64
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from docmind_core.settings import child_environment, load_settings

# The graph opens with its groups folded up unless the address names them.
GROUPS = ",".join(f"global@global:{name}" for name in ("query_sets", "agent_runs", "metrics", "reports", "alerts"))
LOCATION = "locations/__repository__@docmind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the UI and when it is ready for its picture."""

    path: str
    shows: str
    """Text that is there once the page is drawn."""
    width: int = 1600
    height: int = 1000
    click_in_row: str | None = None
    """First cell of the metadata row whose button opens what the picture is of."""


PAGES = {
    "asset-graph.png": Page(path=f"asset-groups?expanded={GROUPS}", shows="alert_states", width=2600, height=1200),
    "asset-checks.png": Page(
        path="assets/metrics_database?view=checks&checkDetail=limit_reduction_pct_min", shows="limit_reduction_pct_min"
    ),
    "report-asset.png": Page(path="assets/performance_report?view=events", shows="guide_grade", width=2100, height=990),
    "report-chart.png": Page(path="assets/performance_report?view=events", shows="guide_grade", click_in_row="chart"),
    "sensor.png": Page(path=f"{LOCATION}/sensors/alert_delivery", shows="deliver_alerts"),
    "schedule.png": Page(path=f"{LOCATION}/schedules/suite_nightly", shows="Execution timezone"),
}
STARTUP_S = 180
DRAWN_WITHIN_S = 60
# After its text a page still loads its pictures and numbers.
SETTLING_S = 4
CLICK = """
[...document.querySelectorAll("tr")].find((row) => row.cells[0]?.innerText.trim() === %s)
    .querySelector("button, a, [role=button]").click()
"""
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
            with open_browser(browser, PAGES[name]) as port:
                picture.write_bytes(asyncio.run(picture_of(port, f"{address}/{PAGES[name].path}", PAGES[name])))
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
def running_ui(**environment: str) -> Iterator[str]:
    """Run `docmind ui` on a free port until the block ends; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dagster_project.cli", "ui", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=child_environment(**environment), start_new_session=True
        )
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


@contextmanager
def open_browser(browser: str, page: Page) -> Iterator[int]:
    """Run a browser without a window until the block ends; yield the port of its debugger."""
    # The processes of a killed browser may still write.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0"
        )
        window = f"--window-size={page.width},{page.height}"
        command = [browser, *flags.split(), f"--user-data-dir={profile}", window, "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield debugger_port(Path(profile) / "DevToolsActivePort")
            finally:
                process.kill()


def debugger_port(written: Path) -> int:
    """Wait until the browser has written the port of its debugger."""
    until = time.monotonic() + DRAWN_WITHIN_S
    while time.monotonic() < until:
        if written.exists() and (lines := written.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.1)
    sys.exit("Chromium did not start")


async def picture_of(port: int, url: str, page: Page) -> bytes:
    """Draw one page, wait for its text, open what is to be seen, and return the PNG."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as response:
            target = next(entry for entry in await response.json() if entry["type"] == "page")
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket_:
            await ask(socket_, "Page.navigate", url=url)
            await wait_for_text(socket_, page.shows)
            if page.click_in_row is not None:
                await ask(socket_, "Runtime.evaluate", expression=CLICK % json.dumps(page.click_in_row))
            await asyncio.sleep(SETTLING_S)
            picture = await ask(socket_, "Page.captureScreenshot", format="png")
    return base64.b64decode(picture["data"])


async def wait_for_text(socket_: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Wait until a text is on the page."""
    until = time.monotonic() + DRAWN_WITHIN_S
    expression = f"document.body.innerText.includes({json.dumps(text)})"
    while time.monotonic() < until:
        found = await ask(socket_, "Runtime.evaluate", expression=expression)
        if found["result"].get("value"):
            return
        await asyncio.sleep(0.5)
    sys.exit(f"the page never showed {text!r}")


async def ask(socket_: aiohttp.ClientWebSocketResponse, method: str, **parameters: object) -> dict[str, Any]:
    """Send one command to the browser and return its result; events in between are passed over."""
    await socket_.send_json({"id": 1, "method": method, "params": parameters})
    while True:
        message = await socket_.receive_json()
        if message.get("id") == 1:
            return dict(message.get("result", {}))


if __name__ == "__main__":
    main()
