"""From a due message to a delivery, and from a failed launch to an alert."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason

from dagster_project.definitions import defs
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.resources import StoreResource
from dagster_project.sensors import alert_delivery as delivery
from dagster_project.sensors.alert_delivery import alert_delivery, deliver_alerts
from dagster_project.sensors.failed_benchmarks import failed_benchmarks, failed_launches, launches, looks_back_to
from dagster_project.stops import stopped_benchmarks
from docmind_core.alerts.delivery import DeliveryOutcome
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.listing import open_alerts
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from tests.alerts.builders import judge_and_evaluate, key_of, make_suite, plant_night_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def tick(sensor, settings, instance=None):
    resources = {"store": StoreResource(home=str(settings.home))}
    with dg.build_sensor_context(
        instance=instance, resources=resources, repository_def=defs.get_repository_def()
    ) as context:
        return sensor.evaluate_tick(context)


def test_each_due_message_is_requested_with_a_key_that_launches_it_once(settings):
    """S59: deduped by run_key."""
    for night in range(3):
        book_failure(settings, key_of(night), make_suite(name=f"toy{night}"), "x")
    for _ in range(2):
        requests = tick(alert_delivery, settings).run_requests
        assert [request.run_key for request in requests] == [f"{key_of(night)}:1" for night in range(3)]
    assert requests[0].run_config["ops"]["deliver"]["config"] == {"benchmark_run": key_of(0), "seq": 1}


def test_a_thousand_due_messages_are_requested_in_one_tick(settings, monkeypatch):
    from docmind_core.alerts.notices import DueNotice

    due = tuple(DueNotice(benchmark_run=key_of(0), seq=seq, hour=0) for seq in range(1, 1001))
    monkeypatch.setattr(delivery, "undelivered", lambda settings: due)
    assert len({request.run_key for request in tick(alert_delivery, settings).run_requests}) == 1000


def test_nothing_due_requests_nothing(settings):
    assert not tick(alert_delivery, settings).run_requests


def run_delivery(settings, monkeypatch, outcome):
    monkeypatch.setattr(delivery, "deliver_notice", lambda *arguments: outcome)
    return deliver_alerts.execute_in_process(
        run_config={
            "ops": {"deliver": {"config": {"benchmark_run": key_of(0), "seq": 1}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        resources={"store": StoreResource(home=str(settings.home))},
        raise_on_error=False,
    )


def test_a_delivery_that_failed_for_one_channel_is_a_step_that_is_tried_again(settings, monkeypatch):
    assert delivery.deliver.retry_policy == delivery.RETRIES
    monkeypatch.setattr(delivery.deliver, "_retry_policy", dg.RetryPolicy(max_retries=delivery.RETRIES.max_retries))
    failed = run_delivery(settings, monkeypatch, DeliveryOutcome(delivered=("ops",), failed=("pager: HTTP 500",)))
    assert not failed.success
    retries = [event for event in failed.all_events if event.event_type_value == "STEP_RESTARTED"]
    assert len(retries) == 3
    assert run_delivery(settings, monkeypatch, DeliveryOutcome(delivered=("ops",), failed=())).success


def plant_launch(settings, instance, suite, status, job_name="benchmark"):
    """Leave a launch of the job in Dagster's history, as the command line does; return its benchmark run."""
    benchmark_run = freeze_benchmark_run(suite, settings)
    add_benchmark_run(instance, benchmark_run)
    instance.add_run(dg.DagsterRun(job_name=job_name, status=status, tags={"dagster/partition": benchmark_run}))
    return benchmark_run


def test_a_launch_that_failed_raises_an_alert_once_however_it_was_started(settings):
    suite = make_suite(engine="http://127.0.0.1:9", channels=("ops",))
    with open_instance(settings) as instance:
        plant_launch(settings, instance, suite, dg.DagsterRunStatus.SUCCESS)
        failed = plant_launch(settings, instance, suite, dg.DagsterRunStatus.FAILURE)
        assert [launch.benchmark_run for launch in failed_launches(instance, LONG_AGO)] == [failed]
        tick(failed_benchmarks, settings, instance)
        tick(failed_benchmarks, settings, instance)
    alerts = open_alerts(settings)
    assert [(row["rule_id"], row["benchmark_run"], row["notify_count"]) for row in alerts] == [
        ("run_failed", failed, 1)
    ]
    assert [request.run_key for request in tick(alert_delivery, settings).run_requests] == [f"{failed}:1"]


def test_a_launch_that_failed_and_continued_later_is_not_a_failure(settings):
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, make_suite(engine="http://127.0.0.1:9"), dg.DagsterRunStatus.FAILURE)
        instance.add_run(
            dg.DagsterRun(job_name="benchmark", status=dg.DagsterRunStatus.SUCCESS, tags={"dagster/partition": key})
        )
        assert list(failed_launches(instance, LONG_AGO)) == []


@pytest.mark.parametrize("stopped", ["in the UI", "by a signal outside of agent_runs"])
def test_a_launch_that_a_person_stopped_raises_no_alert_and_is_canceled(settings, stopped):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.STARTED)
        [run] = instance.get_runs()
        if stopped == "in the UI":
            instance.report_run_canceling(run)
            instance.report_run_canceled(run)
        else:
            reason = RunFailureReason.UNEXPECTED_TERMINATION
            failure = JobFailureData(error=None, failure_reason=reason)
            event = dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.RUN_FAILURE.value,
                job_name=run.job_name,
                event_specific_data=failure,
            )
            instance.report_dagster_event(event, run_id=run.run_id)
        tick(failed_benchmarks, settings, instance)
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED
        assert stopped_benchmarks(instance, LONG_AGO) == {key}
    assert open_alerts(settings) == []


def test_a_run_that_was_stopped_and_then_failed_when_it_was_resumed_has_failed(settings):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.CANCELED)
        launch_again(instance, key, dg.DagsterRunStatus.FAILURE)
        assert stopped_benchmarks(instance, LONG_AGO) == frozenset()
        tick(failed_benchmarks, settings, instance)
    assert [row["rule_id"] for row in open_alerts(settings)] == ["run_failed"]


def launch_again(instance, key, status, assets=("agent_runs", "performance_report")):
    """As `dagster asset materialize` does: by Dagster's own job, for the assets that were selected."""
    selected = frozenset(dg.AssetKey(name) for name in assets)
    tags = {"dagster/partition": key}
    instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", status=status, tags=tags, asset_selection=selected))


def test_a_benchmark_that_continued_by_dagsters_command_line_raises_no_alert(settings):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.FAILURE)
        launch_again(instance, key, dg.DagsterRunStatus.SUCCESS)
        judge_and_evaluate(settings, plant_night_of(settings, key), suite)
        tick(failed_benchmarks, settings, instance)
    assert open_alerts(settings) == []


def test_a_launch_by_dagsters_command_line_that_fails_raises_an_alert(settings):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.FAILURE, job_name="__ASSET_JOB")
        tick(failed_benchmarks, settings, instance)
    assert [(row["rule_id"], row["benchmark_run"]) for row in open_alerts(settings)] == [("run_failed", key)]


def test_a_launch_of_other_assets_that_succeeds_makes_no_report_and_hides_no_failure(settings):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.FAILURE)
        launch_again(instance, key, dg.DagsterRunStatus.SUCCESS, assets=("documents",))
        assert [launch.benchmark_run for launch in failed_launches(instance, LONG_AGO)] == [key]
        assert list(launches(instance, dg.DagsterRunStatus.SUCCESS, LONG_AGO)) == []


def test_a_report_that_fails_behind_the_evaluation_alerts_and_two_that_succeed_end_it(settings):
    suite = make_suite(engine="http://127.0.0.1:9", channels=("ops",))

    def look(status):
        with open_instance(settings) as instance:
            key = plant_launch(settings, instance, suite, status)
            judge_and_evaluate(settings, plant_night_of(settings, key), suite)
            tick(failed_benchmarks, settings, instance)
            tick(failed_benchmarks, settings, instance)
        return key, [(row["rule_id"], row["notify_count"]) for row in open_alerts(settings)]

    assert look(dg.DagsterRunStatus.SUCCESS)[1] == []
    failed, alerts = look(dg.DagsterRunStatus.FAILURE)
    assert alerts == [("report_failed", 1)]
    assert [request.run_key for request in tick(alert_delivery, settings).run_requests] == [f"{failed}:1"]
    assert look(dg.DagsterRunStatus.SUCCESS)[1] == [("report_failed", 1)], "the good run before it is no recovery"
    assert look(dg.DagsterRunStatus.SUCCESS)[1] == []


def test_a_report_that_an_unbalanced_ledger_stopped_is_explained_already(settings):
    suite = make_suite(engine="http://127.0.0.1:9")
    with open_instance(settings) as instance:
        key = plant_launch(settings, instance, suite, dg.DagsterRunStatus.FAILURE)
        judge_and_evaluate(settings, plant_night_of(settings, key, engine_prompt_tokens=99), suite)
        tick(failed_benchmarks, settings, instance)
    assert [row["rule_id"] for row in open_alerts(settings)] == ["ledger_unbalanced"]


def test_a_daemon_that_was_away_for_a_weekend_or_a_month_looks_back_over_all_of_it():
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert looks_back_to(None, now) == now - timedelta(days=7)
    assert looks_back_to((now - timedelta(minutes=1)).timestamp(), now) == now - timedelta(days=7)
    assert looks_back_to((now - timedelta(days=30)).timestamp(), now) < now - timedelta(days=30)
