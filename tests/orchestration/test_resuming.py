"""A scheduled benchmark that failed resumes by itself: three times, later each time, and never twice at once."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_project.definitions import defs
from dagster_project.instance import add_benchmark_run, fail_dead_runs, open_instance
from dagster_project.resources import StoreResource
from dagster_project.sensors.failed_benchmarks import (
    BACK_OFF,
    RESUME_TAG,
    failed_benchmarks,
    next_resumption,
    settle_failures,
)
from docmind_core.alerts.listing import open_alerts
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from tests.alerts.builders import judge_and_evaluate, make_suite, plant_night_of

SCHEDULED = {"dagster/schedule_name": "suite_toy"}
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)


@pytest.fixture
def instance(settings):
    with open_instance(settings) as instance:
        yield instance


@pytest.fixture
def key(settings, instance):
    key = freeze_benchmark_run(make_suite(engine="http://127.0.0.1:9"), settings)
    add_benchmark_run(instance, key)
    return key


def launch(instance, key, status=FAILURE, **tags):
    run = dg.DagsterRun(
        job_name="benchmark", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": key, **tags}
    )
    instance.add_run(run)
    if status == FAILURE:
        instance.report_run_failed(run)
    elif status == dg.DagsterRunStatus.CANCELED:
        instance.report_run_canceled(run)
    return run


def settle(instance, settings, *, later=timedelta()):
    """Return the number of each resumption that is due so much later, and the benchmark runs with a new alert."""
    resumed, booked = settle_failures(instance, settings, LONG_AGO, datetime.now(UTC) + later)
    return [resumption.number for resumption in resumed], booked


def test_it_resumes_three_times_later_each_time_and_then_raises_its_alert(settings, instance, key):
    launch(instance, key, **SCHEDULED)
    for number, pause in enumerate(BACK_OFF, 1):
        assert settle(instance, settings, later=pause - timedelta(seconds=30)) == ([], []), "not yet, and no alert"
        assert settle(instance, settings, later=pause) == ([number], [])
        launch(instance, key, **{RESUME_TAG: str(number)})
    assert settle(instance, settings, later=timedelta(hours=1)) == ([], [key])
    assert [row["rule_id"] for row in open_alerts(settings)] == ["run_failed"]
    assert sorted(BACK_OFF) == list(BACK_OFF)


def test_a_scheduled_run_whose_process_was_killed_resumes(settings, instance, key):
    run = launch(instance, key, dg.DagsterRunStatus.STARTED, **SCHEDULED)
    event = dg.DagsterEvent(event_type_value="PIPELINE_START", job_name=run.job_name, pid=2**22 - 1)
    instance.report_dagster_event(event, run_id=run.run_id)
    assert fail_dead_runs(instance) == (run.run_id,)
    assert settle(instance, settings, later=BACK_OFF[0]) == ([1], [])


@pytest.mark.parametrize("tags", [{}, {"docmind/process": "1:x"}])
def test_a_run_that_a_person_started_is_left_to_that_person(settings, instance, key, tags):
    launch(instance, key, **tags)
    assert settle(instance, settings, later=timedelta(hours=1)) == ([], [key])


def test_a_scheduled_run_that_a_person_has_resumed_is_left_to_that_person(settings, instance, key):
    launch(instance, key, **SCHEDULED)
    launch(instance, key)
    assert settle(instance, settings, later=timedelta(hours=1)) == ([], [key])


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED])
def test_a_run_that_is_in_progress_or_was_stopped_does_not_resume(settings, instance, key, status):
    launch(instance, key, **SCHEDULED)
    launch(instance, key, status, **{RESUME_TAG: "1"})
    assert settle(instance, settings, later=timedelta(hours=1)) == ([], [])


def test_a_failure_that_was_seen_a_day_too_late_raises_an_alert_and_does_not_resume(settings, instance, key):
    launch(instance, key, **SCHEDULED)
    assert settle(instance, settings, later=timedelta(days=2)) == ([], [key])


def test_a_run_that_was_evaluated_and_has_no_report_does_not_resume(settings, instance, key):
    launch(instance, key, **SCHEDULED)
    judge_and_evaluate(settings, plant_night_of(settings, key), make_suite())
    assert settle(instance, settings, later=timedelta(hours=1)) == ([], [key])
    assert [row["rule_id"] for row in open_alerts(settings)] == ["report_failed"]


def test_two_ticks_ask_for_one_launch_of_the_same_job_on_the_same_partition(settings, instance, key, monkeypatch):
    launch(instance, key, **SCHEDULED)
    monkeypatch.setattr("dagster_project.sensors.failed_benchmarks.BACK_OFF", (timedelta(),))
    resources = {"store": StoreResource(home=str(settings.home))}
    requests = []
    for _ in range(2):
        with dg.build_sensor_context(
            instance=instance, resources=resources, repository_def=defs.get_repository_def()
        ) as context:
            context._instance_ref = instance.get_ref()  # what the daemon has, and a context made in a test lacks
            requests += failed_benchmarks.evaluate_tick(context).run_requests
    assert {request.run_key for request in requests} == {f"{key}:resume:1"}
    assert [request.tags["dagster/partition"] for request in requests] == [key, key]
    assert requests[0].tags[RESUME_TAG] == "1"
    assert failed_benchmarks.job_name == "benchmark"


def test_only_we_resume(instance, key):
    assert not instance.run_retries_enabled
    launch(instance, key, **SCHEDULED)
    assert next_resumption(instance, "20261122T020000Z-other-7f3a", NOW) is None
