"""Nothing goes anywhere but to the engine, and the engine's key goes nowhere else."""

import json
import logging
import os
import shutil
import subprocess
import sys

import pytest

from dagster_project.cli.main import run
from docmind_core.settings import Settings
from tests.documents import PROJECT, write_query_set
from tests.fakes.engine_server import FakeEngine

KEY = "sk-planted-7c1e5f0b9a"

IN_A_NAMESPACE = """
import sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows
from tests.fakes.engine_server import FakeEngine

settings = Settings(home=Path(sys.argv[1]) / "home")
with FakeEngine() as engine:
    suite = Suite(name="toy", query_set=str(Path(sys.argv[1]) / "set"), engine=engine.url, arms=["single_pass"])
    key = freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
print(query_rows(settings, "select status from query_runs")[1])
"""


def test_a_benchmark_needs_no_network_but_the_engine(tmp_path):
    """In a network namespace there is nothing but loopback: whoever needs more fails."""
    write_query_set(tmp_path / "set")
    shell = 'ip link set lo up && exec "$@"'
    command = ["unshare", "--net", "sh", "-c", shell, "sh", sys.executable, "-c", IN_A_NAMESPACE]
    probe = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], check=False, capture_output=True)
    if probe.returncode != 0:
        pytest.skip("needs the right to make a network namespace")

    done = subprocess.run([*command, str(tmp_path)], check=False, cwd=PROJECT, capture_output=True, text=True)

    assert done.stdout == "[('answered',)]\n", done.stderr[-2000:]


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
