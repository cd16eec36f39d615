"""Old benchmark runs removed from the command line."""

import dagster as dg
import pytest

from dagster_project.cli.main import run
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.partitions import benchmark_runs
from docmind_core.runs.lock import home_holder

KEYS = [f"202611{day}T020000Z-smoke-7f3a" for day in (20, 21, 22)]


@pytest.fixture
def three_runs(settings):
    with open_instance(settings) as instance:
        for key in KEYS:
            (settings.benchmarks / key).mkdir(parents=True)
            (settings.benchmarks / key / "suite.yaml").write_text("name: smoke\nquery_set: python-reference\n")
            add_benchmark_run(instance, key)
    return settings


def keys_of(settings):
    return sorted(path.name for path in settings.benchmarks.iterdir())


def test_a_dry_run_lists_what_would_go_with_its_size(three_runs, capsys):
    assert run(["prune", "--keep", "1", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert [key in shown for key in KEYS] == [True, True, False]
    assert shown.endswith("would remove 2 benchmark runs, 0.0 MiB\n")
    assert keys_of(three_runs) == KEYS


def test_pruned_runs_are_no_partitions_of_dagster_any_more(three_runs, capsys):
    assert run(["prune", "--keep", "1"]) == 0
    assert keys_of(three_runs) == KEYS[2:]
    with open_instance(three_runs) as instance:
        assert instance.get_dynamic_partitions("benchmark_run") == KEYS[2:]
    assert run(["prune", "--keep", "1"]) == 0
    assert capsys.readouterr().out.endswith("no suite has more than 1 benchmark runs; nothing to remove\n")


def test_a_run_of_dagster_keeps_all_until_its_report_is_there(three_runs, capsys):
    """The home is free again while it scores; the process of this test is the one that works on it."""
    seen = []

    @dg.asset(partitions_def=benchmark_runs)
    def measurements():
        seen.append(run(["prune", "--keep", "1"]))

    with open_instance(three_runs) as instance:
        assert dg.materialize([measurements], instance=instance, partition_key=KEYS[0]).success
    assert seen == [1]
    assert f"Dagster works on {KEYS[0]}" in capsys.readouterr().err
    assert keys_of(three_runs) == KEYS

    assert run(["prune", "--keep", "1"]) == 0
    assert keys_of(three_runs) == KEYS[2:]


def test_keys_that_a_pruning_left_behind_when_it_died_are_forgotten_by_the_next(three_runs, monkeypatch):
    monkeypatch.setattr("dagster_project.instance.forget_removed_runs", interrupted)
    assert run(["prune", "--keep", "1"]) == 130
    monkeypatch.undo()
    monkeypatch.setenv("DOCMIND_HOME", str(three_runs.home))

    assert run(["prune", "--keep", "1"]) == 0

    with open_instance(three_runs) as instance:
        assert instance.get_dynamic_partitions("benchmark_run") == KEYS[2:]


def test_the_home_is_locked_until_dagster_has_forgotten_too(three_runs, monkeypatch):
    holders = []
    monkeypatch.setattr(
        "dagster_project.instance.forget_removed_runs", lambda *_: holders.append(home_holder(three_runs))
    )

    assert run(["prune", "--keep", "1"]) == 0

    assert ["docmind prune --keep 1" in holder for holder in holders] == [True]


def interrupted(*_):
    raise KeyboardInterrupt
