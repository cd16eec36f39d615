"""The commands of docs/service.md: a home is backed up, lost, restored elsewhere, and continues."""

import re
import shutil
import subprocess

import click
import pytest
import yaml

from dagster_project.cli.main import docmind, run
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings, child_environment
from tests.documents import PROJECT
from tests.runs.running import interrupt, select
from tests.runs.running import run as bench

BLOCKS = re.findall(r"```bash\n(.+?)```", (PROJECT / "docs" / "service.md").read_text("utf-8"), flags=re.DOTALL)
ROWS = "select query_id, status, billed_tokens, started_at from query_runs order by all"


def shell(text, home, folder):
    text = text.replace("docmind doctor --repair\n", "")
    subprocess.run(["bash", "-ec", text], cwd=folder, env=child_environment(DOCMIND_HOME=str(home)), check=True)


def test_a_home_that_is_restored_elsewhere_has_every_run_and_finishes_the_one_that_was_interrupted(
    home, make_suite, engine, monkeypatch, tmp_path
):
    suite = make_suite(arms=["single_pass"], concurrency=1)
    bench(home, suite)
    rows = select(home, ROWS)
    unfinished = interrupt(home, suite, engine, monkeypatch, after=9)
    backup, restore = BLOCKS
    shell(backup, home.home, tmp_path)
    shutil.rmtree(home.home)

    restored = Settings(home=tmp_path / "elsewhere" / "home")
    shell(restore, restored.home, tmp_path)
    monkeypatch.setenv("DOCMIND_HOME", str(restored.home))
    run(["doctor", "--repair"])
    assert select(restored, ROWS) == rows

    execute_benchmark_run(restored, unfinished, dagster_run_id=None, observer=SilentObserver())
    assert select(restored, "select count(*), count(distinct query_id) from query_runs group by run_id") == [(6, 6)] * 2
    assert len(engine.requests) == 12, "no finished call was made again"


@pytest.mark.parametrize("name", ["docmind"])
def test_the_container_runs_a_command_that_there_is(name):
    service = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"][name]
    program, command, *options = service["command"]
    assert program == "docmind"
    docmind.commands[command].make_context(command, options, parent=click.Context(docmind), resilient_parsing=False)
    assert service["network_mode"] == "host", "the UI listens on loopback alone"
    assert {volume.split(":")[1] for volume in service["volumes"]} >= {"/home/docmind"}
    assert "ENV DOCMIND_HOME=/home/docmind" in (PROJECT / "Dockerfile").read_text("utf-8")
