"""Old benchmark runs removed from the command line."""

import re
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from dagster_project.cli.main import run
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.partitions import benchmark_runs
from docmind_core.runs.lock import home_holder
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.alerts.builders import judge_and_evaluate, make_suite, plant_night_of

LOCATION = InProcessCodeLocationOrigin(loadable_target_origin=LoadableTargetOrigin(module_name="m"))
ORIGIN = RemoteInstigatorOrigin(
    repository_origin=RemoteRepositoryOrigin(code_location_origin=LOCATION, repository_name="r"), instigator_name="s"
)
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
    assert re.search(r"would remove 2 benchmark runs, \d+ B\n\Z", shown)
    assert keys_of(three_runs) == KEYS


def test_pruned_runs_are_not_partitions_of_dagster_any_more(three_runs, capsys):
    assert run(["prune", "--keep", "1"]) == 0
    assert keys_of(three_runs) == KEYS[2:]
    with open_instance(three_runs) as instance:
        assert instance.get_dynamic_partitions("benchmark_run") == KEYS[2:]
    assert run(["prune", "--keep", "1"]) == 0
    assert capsys.readouterr().out.endswith("no suite has more than 1 benchmark runs; nothing to remove\n")


def launched(instance, key, **tags):
    """A launch of a benchmark run, or the delivery of its message, with events and a log of its own."""

    @dg.op
    def work(context):
        context.log.info("worked")

    @dg.job
    def job():
        work()

    return job.execute_in_process(instance=instance, tags={**tags} or {"dagster/partition": key}).run_id


def traces_of(settings, run_id):
    return [path for path in settings.dagster_home.rglob("*") if run_id in path.name]


def test_dagsters_history_of_pruned_runs_goes_with_their_deliveries_and_that_of_the_others_stays(three_runs):
    with open_instance(three_runs) as instance:
        gone = [launched(instance, KEYS[0]), launched(instance, KEYS[0], **{"docmind/benchmark_run": KEYS[0]})]
        kept = [launched(instance, KEYS[2]), launched(instance, "x", some="tag")]
        assert all(traces_of(three_runs, run_id) for run_id in (*gone, *kept))
    assert run(["prune", "--keep", "1"]) == 0
    assert [traces_of(three_runs, run_id) for run_id in gone] == [[], []]
    with open_instance(three_runs) as instance:
        assert {record.run_id for record in instance.get_runs()} == set(kept)
        assert [instance.all_logs(run_id) for run_id in gone] == [[], []]
        assert instance.all_logs(kept[0])


def test_old_ticks_are_purged_and_young_ones_stay(three_runs):
    with open_instance(three_runs) as instance:
        state = InstigatorState(ORIGIN, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
        instance.add_instigator_state(state)
        for days in (1, 3, 40):
            moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
            for status in (TickStatus.SKIPPED, TickStatus.SUCCESS):
                data = TickData(
                    instigator_origin_id=state.instigator_origin_id, selector_id=state.selector_id,
                    instigator_name="s", instigator_type=InstigatorType.SENSOR, status=status, timestamp=moment,
                    run_ids=[],
                )  # fmt: skip
                instance.create_tick(data)
    assert run(["prune", "--keep", "1"]) == 0
    with open_instance(three_runs) as instance:
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    left = sorted(
        (tick.status.value, round((datetime.now(UTC).timestamp() - tick.timestamp) / 86400)) for tick in ticks
    )
    assert left == [("SKIPPED", 1), ("SUCCESS", 1), ("SUCCESS", 3)]


def test_period_reports_and_engine_logs_older_than_every_run_that_stays_are_removed(three_runs):
    names = {
        "reports/periods": [
            "performance_metrics_20261101_000000.html", "performance_metrics_20261123_000000.json", "x.txt",
        ],
        "logs": [
            "engine-a-20261101T000000Z.log", "engine-a-20261110T000000Z.log", "engine-a-20261122T030000Z.log", "ui.log",
            "engine-a-99999999T999999Z.log",
        ],
    }  # fmt: skip
    for folder, files in names.items():
        (three_runs.home / folder).mkdir(parents=True, exist_ok=True)
        for name in files:
            (three_runs.home / folder / name).write_text("x")
    assert run(["prune", "--keep", "1"]) == 0
    left = {folder: sorted(path.name for path in (three_runs.home / folder).iterdir()) for folder in names}
    assert left == {"reports/periods": sorted(names["reports/periods"][1:]), "logs": sorted(names["logs"][1:])}


def test_the_alerts_of_pruned_runs_go_from_the_published_database_too(three_runs):
    for key in KEYS:
        judge_and_evaluate(three_runs, plant_night_of(three_runs, key), make_suite())
    publish(three_runs)
    assert run(["prune", "--keep", "1"]) == 0
    assert query_rows(three_runs, "select distinct benchmark_run from alert_evaluations")[1] == [(KEYS[2],)]


def test_a_run_of_dagster_keeps_all_until_its_report_is_there(three_runs, capsys):
    """The home is free again while it scores; the process of this test is the one that works on it."""
    seen = []

    @dg.asset(partitions_def=benchmark_runs)
    def measurements():
        seen.append(run(["prune", "--keep", "1"]))

    with open_instance(three_runs) as instance:
        assert dg.materialize([measurements], instance=instance, partition_key=KEYS[0]).success
    assert seen == [1]
    assert f"Dagster is still working on {KEYS[0]}" in capsys.readouterr().err
    assert keys_of(three_runs) == KEYS

    assert run(["prune", "--keep", "1"]) == 0
    assert keys_of(three_runs) == KEYS[2:]


def test_keys_without_a_run_are_forgotten_whether_a_pruning_died_before_or_they_were_typed_into_the_ui(
    three_runs, monkeypatch
):
    with open_instance(three_runs) as instance:
        instance.add_dynamic_partitions("benchmark_run", ["typed into the UI"])
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
