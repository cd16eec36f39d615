"""`docmind ui` as a whole: Dagster's web server, daemon and code server, and the reports, on one port."""

import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from docmind_core.settings import child_environment
from tests.documents import PROJECT, write_query_set

STARTED_S = 300
START_SCHEDULE = 'mutation{startSchedule(scheduleSelector:{scheduleName:"suite_nightly"}){__typename}}'

SCHEDULES = "{repositoriesOrError{...on RepositoryConnection{nodes{schedules{name}}}}}"


def ui(home, *arguments, **options):
    command = [sys.executable, "-m", "dagster_project.cli", "ui", *arguments]
    environment = child_environment(DOCMIND_HOME=str(home.home), PYTHONPATH=str(PROJECT))
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **options)


def schedule_in_running_ui(home):
    """Add a suite as a user does."""
    folder = home.home / "elsewhere"
    write_query_set(folder / "set")
    suite = folder / "added.yaml"
    suite.write_text('name: added\nquery_set: set\narms: [single_pass]\nschedule: "0 3 1 1 *"\n')
    command = [sys.executable, "-m", "dagster_project.cli", "schedule", "add", str(suite)]
    subprocess.run(command, check=True, env=child_environment(DOCMIND_HOME=str(home.home), PYTHONPATH=str(PROJECT)))


def write_report(home):
    page = home.reports / "20261122T020000Z-smoke-7f3a" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>the report</p>")


def wait_until(has_happened):
    deadline = time.monotonic() + STARTED_S
    while not has_happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.daemon
def test_the_ui_serves_dagster_and_reports_refuses_a_second_one_and_ends_whole_on_sigterm(home, port):
    write_report(home)
    process = ui(home, "--port", str(port))
    try:
        assert "starting" in process.stderr.readline()
        assert f"http://127.0.0.1:{port}" in process.stderr.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as browser:
            assert "the report" in browser.get("/reports/20261122T020000Z-smoke-7f3a/index.html").text
            locations = browser.post("/graphql", json={"query": "{workspaceOrError{__typename}}"}).json()
            assert locations["data"]["workspaceOrError"]["__typename"] == "Workspace"
            assert browser.get("/graphql", params={"query": START_SCHEDULE}).status_code == 405
            foreign = browser.post(
                "/graphql", json={"query": START_SCHEDULE}, headers={"Origin": "http://evil.example"}
            )
            assert foreign.status_code == 403
            schedule_in_running_ui(home)
            wait_until(lambda: "suite_added" in str(browser.post("/graphql", json={"query": SCHEDULES}).json()))
        second = ui(home, "--port", str(port + 1))
        (line,) = second.communicate(timeout=STARTED_S)[1].splitlines()
        assert f"already running: {address}" in line
        assert second.returncode == 1
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=STARTED_S)[1]
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "stopped"
    assert process.returncode == 0
    assert len(children) >= 3
    assert psutil.wait_procs(children, timeout=STARTED_S)[1] == []
