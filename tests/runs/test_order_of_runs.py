"""Which run is the newest, whatever its key says; and folders of runs that were never begun."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dagster_project.cli.main import run as docmind
from docmind_core.alerts.freshness import Expected, book_overdue
from docmind_core.alerts.listing import open_alerts
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.health import examine
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import benchmark_runs_of, new_benchmark_run
from docmind_core.runs.pruning import half_frozen, old_runs
from docmind_core.runs.run_states import list_benchmark_runs

NOW = datetime.now(UTC)
AHEAD = NOW + timedelta(days=900)


@pytest.fixture
def freeze_at(home, make_suite, monkeypatch):
    """Freeze a suite while the clock says something."""

    def freeze(moment, **changes):
        monkeypatch.setattr(
            "docmind_core.runs.frozen_suite.new_benchmark_run", lambda name, _now: new_benchmark_run(name, moment)
        )
        return freeze_benchmark_run(make_suite(**changes), home)

    return freeze


@pytest.fixture
def three(freeze_at):
    """A run, one of a clock that was ahead, and one after the clock was set right."""
    return [freeze_at(moment) for moment in (NOW - timedelta(days=1), AHEAD, NOW)]


def test_runs_are_in_the_order_in_which_they_were_begun(home, three):
    assert list(benchmark_runs_of(home.benchmarks, "toy")) == three
    assert [state.benchmark_run for state in list_benchmark_runs(home)] == three


def test_pruning_keeps_the_run_that_was_begun_last_and_not_the_one_with_the_largest_key(home, three):
    assert [old.benchmark_run for old in old_runs(home, keep=1)] == sorted(three[:2])


def test_the_list_and_doctor_show_the_run_that_was_begun_last_first(home, three, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    assert docmind(["runs"]) == 0
    shown = capsys.readouterr().out
    assert shown.index(three[2]) < shown.index(three[1])
    runs = [finding.text for finding in examine(home) if finding.what == "run"]
    assert [key for text in runs for key in three if text.startswith(key)] == three[::-1]


def test_a_key_of_the_future_hides_no_benchmark_that_is_missing(home, make_suite, freeze_at):
    freeze_at(NOW - timedelta(days=2))
    freeze_at(AHEAD)
    suite = make_suite(schedule="0 2 * * *")
    tick = NOW - timedelta(hours=1)
    expected = Expected(suite=suite, ticks=[tick], since=tick, due_every=timedelta(days=1))
    assert [outcome.firing for outcome in book_overdue(home, expected, NOW)] == [("benchmark_missing",)]
    assert len(open_alerts(home)) == 1


_DIE_WHILE_FREEZING = """
import os, sys
from pathlib import Path
from docmind_core.runs import frozen_suite
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite

frozen_suite.replace_durably = lambda part, path: os._exit(9)
suite = Suite.model_validate_json(sys.argv[2])
frozen_suite.freeze_benchmark_run(suite, Settings(home=Path(sys.argv[1])))
"""


def die_while_freezing(home, suite):
    command = [sys.executable, "-c", _DIE_WHILE_FREEZING, str(home.home), suite.model_dump_json()]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 9


def leave_a_folder_without_a_suite(home, suite):
    folder = home.benchmarks / new_benchmark_run(suite.name, NOW)
    folder.mkdir(parents=True)
    (folder / "suite.yaml.tmp").write_text("name: to")


@pytest.mark.parametrize("leave", [die_while_freezing, leave_a_folder_without_a_suite])
def test_a_half_frozen_folder_is_named_by_doctor_and_removed_by_the_next_start(home, make_suite, leave):
    leave(home, make_suite())
    [left] = half_frozen(home)
    [said] = [finding for finding in examine(home) if left.name in finding.text]
    assert "left by a process that died" in said.text
    assert said.advice == "No run used it; the next benchmark removes it"
    key = freeze_benchmark_run(make_suite(), home)
    assert [path.name for path in home.benchmarks.iterdir()] == [key]


def test_a_folder_of_a_run_that_has_begun_is_not_half_frozen_though_its_suite_is_gone(home, make_suite):
    key = freeze_benchmark_run(make_suite(), home)
    with Journal(home.journals / f"{key}.sqlite"):
        pass
    (home.benchmarks / key / "suite.yaml").unlink()
    assert half_frozen(home) == ()
    freeze_benchmark_run(make_suite(), home)
    assert (home.benchmarks / key).exists()


def test_a_suite_that_another_process_freezes_now_is_left_alone(home, make_suite):
    freeze_benchmark_run(make_suite(), home)
    in_progress = home.benchmarks / ".20261122T020000Z-toy-7f3a.1.part"
    in_progress.mkdir()
    assert half_frozen(home) == ()
