"""Nothing goes anywhere but to the engine, and the engine's key goes nowhere else."""

import contextlib
import importlib
import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dagster_project import definitions
from dagster_project.cli import main
from dagster_project.cli.main import run
from docmind_core.runs import benchmark
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.serving import managed
from docmind_core.serving.profiles import engine_profile
from docmind_core.settings import TELEMETRY_OFF, Settings, child_environment
from tests.documents import PROJECT, write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.security.one_way_out import ARMS, ELSEWHERE, TALKATIVE

KEY = "sk-planted-7c1e5f0b9a"


def test_a_benchmark_its_report_and_its_alert_send_no_packet_but_to_the_engine_and_the_channel(tmp_path):
    """In a namespace with a way out, and with the tracing of LangGraph switched on in the environment."""
    new_namespace = ["unshare", "--net"]
    missing = [name for name in ("unshare", "ip") if shutil.which(name) is None]
    if missing or subprocess.run([*new_namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("needs unshare, ip and the right to make a network namespace")
    if not Path("/dev/net/tun").exists():
        pytest.skip("needs /dev/net/tun to see what is sent")

    command = [*new_namespace, sys.executable, "-m", "tests.security.one_way_out", str(tmp_path)]
    talkative = child_environment(**TALKATIVE)
    done = subprocess.run(command, check=False, cwd=PROJECT, env=talkative, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "answered": [{"n": len(ARMS)}],
        "posted": 1,
        "sent": [],
        "probe": [ELSEWHERE],
    }


def test_an_environment_that_traces_everything_does_not_reach_langgraph():
    """LangSmith's own function says whether LangGraph would send."""
    code = (
        "from docmind_core.settings import turn_telemetry_off; turn_telemetry_off()\n"
        "import langsmith.utils; print(langsmith.utils.tracing_is_enabled())"
    )
    environment = {**child_environment(), **TALKATIVE}

    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)

    assert done.stdout == "False\n"


BEGINNINGS = {
    "docmind": main.main,
    "a process of Dagster": lambda: importlib.reload(definitions),
    "a benchmark run": lambda: execute_benchmark_run(
        Settings(home=Path()), "20260101T000000Z-smoke-0000", dagster_run_id=None, observer=None
    ),
}


@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
def test_each_of_our_processes_turns_telemetry_off_where_it_begins(begin, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "_execute", lambda *_: None)
    monkeypatch.setattr(main, "run", lambda _: 0)
    monkeypatch.setattr(main, "prepare_streams", lambda: None)
    for name, value in {**TALKATIVE, "DOCMIND_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with contextlib.suppress(SystemExit):
        begin()
    assert child_environment() == dict(os.environ)  # noqa: TID251 - nothing is left to switch off


def test_importing_the_core_changes_nothing_in_the_host_process():
    """A user's scorer or system imports it: the user's tracing, signals, threads and import path stay as they are."""
    code = """
import logging, os, pkgutil, signal, socket, sys, threading
def state():
    signals = [signal.getsignal(number) for number in signal.valid_signals()]
    return (dict(os.environ), os.getcwd(), sys.path[:], sys.excepthook, sys.stdout, sys.stderr, signals, socket.socket,
            threading.enumerate(), logging.root.level, logging.root.handlers[:], os.umask(os.umask(0o22)))
before = state()
import docmind_core
for module in pkgutil.walk_packages(docmind_core.__path__, "docmind_core."):
    __import__(module.name)
assert "docmind_core.settings" in sys.modules and "docmind_core.agents.arms" in sys.modules
for was, now in zip(before, state(), strict=True):
    assert was == now, (was, now)
"""
    environment = {**child_environment(), **TALKATIVE}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=PROJECT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr[-2000:]


def test_every_process_that_we_start_is_set_to_report_to_no_one():
    """The engine among them, whose profile may forget it."""
    profile = engine_profile("cpu-smollm2")
    for environment in (child_environment(), managed._environment(replace(profile, environment={}))):
        assert TELEMETRY_OFF.items() <= environment.items()


def test_the_engine_s_key_is_in_no_file_of_the_home_and_in_no_output(
    tmp_path, dagster_home, monkeypatch, capfd, caplog
):
    """One run that works and one whose engine answers with the key in its error."""
    caplog.set_level(logging.DEBUG)
    settings = Settings(home=tmp_path / "home")
    shutil.copytree(dagster_home, settings.dagster_home)
    monkeypatch.setenv("DOCMIND_HOME", str(settings.home))
    folder = write_query_set(tmp_path / "set")
    suite = tmp_path / "toy.yaml"
    with FakeEngine(api_key=KEY) as engine:
        suite.write_text(
            json.dumps(
                {
                    "name": "toy",
                    "query_set": str(folder),
                    "engine": engine.url,
                    "api_key_env": "TOY_KEY",
                    "arms": ["single_pass"],
                }
            )
        )
        for key in (KEY, KEY + "-wrong"):
            monkeypatch.setenv("TOY_KEY", key)
            assert (run(["bench", str(suite)]) == 0) == (key == KEY)

    shown = capfd.readouterr()
    assert "Database: " in shown.out
    assert "TOY_KEY" in shown.err
    assert KEY not in shown.out + shown.err + caplog.text
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert [str(path) for path in files if KEY.encode() in path.read_bytes()] == []
    assert any(path.name == "metrics.duckdb" for path in files)
    assert any(os.fspath(path).endswith("index.html") for path in files)
