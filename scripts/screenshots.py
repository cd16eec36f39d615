"""Takes the pictures under docs/img, in headless Chromium: Dagster's UI, a report, the documentation.

    make bench docs
    .venv/bin/python -m scripts.screenshots

Graph, report and checks are those of the newest benchmark run of this home. Sensor and schedule are pictured in a home
of their own, where a suite on the stand-in engine has run by its schedule and its alert has arrived at a webhook on
loopback: that takes a minute or two, and shows no number of an engine. Needs Chromium (Debian, Ubuntu: apt install
chromium).
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from docmind_core.settings import child_environment, load_settings
from scripts.automated_home import automated_home, wait_for_delivery

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
    click_button: str | None = None
    """Text of the button that opens what the picture is of."""
    media: str = ""
    """`dark`, or `print`; by default a light screen."""


REPORT, TILE = "reports/NEWEST/index.html", "answered"
CHECKS = "assets/limits?view=checks&checkDetail="
PAGES = {
    "asset-graph.png": Page(path=f"asset-groups?expanded={GROUPS}", shows="alert_states", width=2600, height=1200),
    "asset-checks.png": Page(path=f"{CHECKS}limit_reduction_pct_min", shows="limit_reduction_pct_min", width=1280),
    "report-asset.png": Page(path="assets/performance_report", shows="guide_grade", width=1280),
    "report-plots.png": Page(path="assets/performance_report", shows="guide_grade", width=1280, click_button="Plots"),
    "report-first-screen.png": Page(path=REPORT, shows=TILE, width=1280, height=1000),
    "report-dark.png": Page(path=REPORT, shows=TILE, width=1280, height=1000, media="dark"),
    "report-390px.png": Page(path=REPORT, shows=TILE, width=390, height=844),
    "report-print.png": Page(path=REPORT, shows=TILE, width=794, height=1123, media="print"),
    "start-benchmark.png": Page(
        path=f"{LOCATION}/jobs/start_benchmark/playground", shows="No missing config", width=1280, height=800
    ),
}
AUTOMATION_PAGES = {
    "sensor.png": Page(path=f"{LOCATION}/sensors/alert_delivery", shows="deliver_alerts"),
    "schedule.png": Page(path=f"{LOCATION}/schedules/suite_minutely", shows="Execution timezone"),
}
SITE = Path(__file__).parents[1] / "build" / "site"
SITE_PAGES = {"docs-site.png": Page(path="index.html", shows="Get started", width=1280, height=900)}
STARTUP_S = 180
DRAWN_WITHIN_S = 60
# After its text a page still loads its pictures and numbers.
SETTLING_S = 4
CLICK = """
[...document.querySelectorAll("tr")].find((row) => row.cells[0]?.innerText.trim() === %s)
    .querySelector("button, a, [role=button]").click()
"""
CLICK_BUTTON = """
[...document.querySelectorAll("button")].find((button) => button.innerText.trim() === %s).click()
"""
BYTES_MAX = 500_000
PICTURES = Path(__file__).parents[1] / "docs" / "img"


def main() -> None:
    """Take every picture, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*PAGES, *AUTOMATION_PAGES, *SITE_PAGES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known)}; all by default")
    parser.add_argument("--out", type=Path, default=PICTURES)
    arguments = parser.parse_args()
    browser = find_browser()
    names = arguments.names or known
    arguments.out.mkdir(parents=True, exist_ok=True)
    if wanted := {name: PAGES[name] for name in names if name in PAGES}:
        if not load_settings().metrics_database.exists():
            sys.exit("this home has no finished benchmark run; first: docmind bench smoke")
        with running_ui() as address:
            newest = max(path.parent.name for path in load_settings().reports.glob("*Z-*/index.html"))
            pages = {name: replace(page, path=page.path.replace("NEWEST", newest)) for name, page in wanted.items()}
            take(browser, address, pages, arguments.out)
    if wanted := {name: AUTOMATION_PAGES[name] for name in names if name in AUTOMATION_PAGES}:
        with automated_home() as environment, running_ui(**environment) as address:
            wait_for_delivery(address, environment)
            take(browser, address, wanted, arguments.out)
    if wanted := {name: SITE_PAGES[name] for name in names if name in SITE_PAGES}:
        if not SITE.exists():
            sys.exit("the documentation is not built; first: make docs")
        take(browser, SITE.as_uri(), wanted, arguments.out)


def take(browser: str, address: str, pages: Mapping[str, Page], folder: Path = PICTURES) -> None:
    """Write a picture of each page."""
    for name, page in pages.items():
        picture = folder / name
        with open_browser(browser, page) as port:
            picture.write_bytes(asyncio.run(picture_of(port, f"{address}/{page.path}", page)))
        print(f"{picture}: {picture.stat().st_size:,} bytes")
        if picture.stat().st_size > BYTES_MAX:
            sys.exit(f"{picture} is larger than {BYTES_MAX:,} bytes")


def ask_ui(address: str, question: str, **variables: object) -> dict[str, Any]:
    """Return what the UI's GraphQL interface answers."""
    content = json.dumps({"query": question, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    reply = httpx.post(f"{address}/graphql", content=content, headers=headers, timeout=60, trust_env=False).json()
    if "errors" in reply:
        sys.exit(f"Dagster refused the question: {reply['errors'][0]['message']}")
    return dict(reply["data"])


def find_browser() -> str:
    """Return the path of Chromium or Chrome, or end with advice."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    sys.exit("no Chromium found. Debian, Ubuntu: apt install chromium")


@contextmanager
def running_ui(*, cwd: Path | None = None, **environment: str) -> Iterator[str]:
    """Run `docmind ui` on a free port until the block ends, that of the checkout `cwd`; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dagster_project.cli", "ui", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=cwd, env=child_environment(**environment), start_new_session=True
        )
        try:
            if not is_up(f"http://127.0.0.1:{port}", server):
                log.seek(0)
                sys.exit(f"Dagster's UI did not come up:\n{log.read().decode()[-2000:]}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def is_up(address: str, server: "subprocess.Popen[bytes]") -> bool:
    """Wait until the code location answers through the web server; False where it does not."""
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and server.poll() is None:
        try:
            ask_ui(address, "{workspaceOrError {__typename}}")
        except httpx.HTTPError:
            time.sleep(1)
        else:
            return True
    return False


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
            # A window of Chromium is at least 500 pixels wide.
            size = {"width": page.width, "height": page.height, "deviceScaleFactor": 1, "mobile": False}
            await ask(socket_, "Emulation.setDeviceMetricsOverride", **size)
            if page.media == "dark":
                dark = [{"name": "prefers-color-scheme", "value": "dark"}]
                await ask(socket_, "Emulation.setEmulatedMedia", features=dark)
            elif page.media:
                await ask(socket_, "Emulation.setEmulatedMedia", media=page.media)
            await ask(socket_, "Page.navigate", url=url)
            await wait_for_text(socket_, page.shows)
            if page.click_in_row is not None:
                await ask(socket_, "Runtime.evaluate", expression=CLICK % json.dumps(page.click_in_row))
            if page.click_button is not None:
                await ask(socket_, "Runtime.evaluate", expression=CLICK_BUTTON % json.dumps(page.click_button))
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
