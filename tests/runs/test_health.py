from pathlib import Path

import pytest

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.health import examine
from docmind_core.runs.lock import lock_home
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.settings import Settings


def findings(settings):
    return {finding.what: finding for finding in examine(settings)}


def test_a_new_home_has_no_problem_and_is_not_made(home, monkeypatch):
    monkeypatch.setattr("docmind_core.runs.health.FREE_BYTES_MIN", 0)
    found = list(examine(home))

    assert [finding.what for finding in found if finding.advice] == []
    assert not home.home.exists()


def test_runs_and_tables_are_counted_and_an_unfinished_run_says_how_to_continue(home, make_suite):
    key = freeze_benchmark_run(make_suite(arms=["single_pass"]), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    started = freeze_benchmark_run(make_suite(name="later"), home)

    runs = [finding.text for finding in examine(home) if finding.what == "run"]
    assert f"{key}, finished" in runs
    assert f"{started}, 0 of ? queries; resume it: docmind bench later --resume {started}" in runs
    assert findings(home)["database"].text.startswith("1 runs, 6 calls, ")

    of_a_file = freeze_benchmark_run(make_suite(name="of-a-file"), home, named="/my suites/toy.yaml")
    runs = [finding.text for finding in examine(home) if finding.what == "run"]
    assert f"{of_a_file}, 0 of ? queries; resume it: docmind bench '/my suites/toy.yaml' --resume {of_a_file}" in runs


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which nobody can write to, root neither")
def test_a_home_that_cannot_be_written_to_is_a_problem():
    found = findings(Settings(home=Path("/proc/docmind")))["home"]

    assert "can't be written to" in found.text
    assert "DOCMIND_HOME" in found.advice


def test_a_full_disk_is_a_problem(home, monkeypatch):
    monkeypatch.setattr("docmind_core.runs.health.FREE_BYTES_MIN", 2**80)

    assert "docmind prune" in findings(home)["disk"].advice


def test_a_damaged_database_and_model_are_problems(home):
    home.home.mkdir(parents=True)
    home.metrics_database.write_text("not a database, whatever its name says" * 200)
    (home.models / "smollm2-135m-instruct").mkdir(parents=True)

    found = findings(home)
    assert "can't be opened" in found["database"].text
    assert "docmind doctor --repair" in found["database"].advice
    assert "Delete" in found["bundled model"].advice


def test_who_holds_the_lock_is_named(home):
    with lock_home(home, "docmind bench smoke"):
        assert "which runs docmind bench smoke" in findings(home)["lock"].text


def test_the_command_ends_with_1_when_something_is_wrong(home, monkeypatch, capsys):
    from dagster_project.cli.main import run

    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    monkeypatch.setattr("docmind_core.runs.health.FREE_BYTES_MIN", 0)
    assert run(["doctor"]) == 0
    monkeypatch.setattr("docmind_core.runs.health.FREE_BYTES_MIN", 2**80)
    assert run(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("1 problem\n")


def test_a_run_whose_suite_is_gone_is_named_and_hides_no_other(home, make_suite):
    key = freeze_benchmark_run(make_suite(), home)
    gone = freeze_benchmark_run(make_suite(name="gone"), home)
    (home.benchmarks / gone / "suite.yaml").unlink()

    states = {state.benchmark_run: state.unreadable for state in list_benchmark_runs(home)}
    assert states[key] is None
    assert "suite.yaml is missing" in states[gone]
    (finding,) = [finding for finding in examine(home) if gone in finding.text]
    assert "move" in finding.advice
