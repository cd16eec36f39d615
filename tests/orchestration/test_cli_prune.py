"""Old benchmark runs removed from the command line."""

import pytest

from dagster_project.cli.main import run
from dagster_project.instance import add_benchmark_run, open_instance

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
