"""Which schedules are watched, and when."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData

from dagster_project.instance import open_instance
from dagster_project.resources import StoreResource
from dagster_project.sensors.overdue_benchmarks import expected_benchmarks, has_just_begun, overdue_benchmarks
from docmind_core.alerts.freshness import book_overdue, write_watched
from docmind_core.alerts.listing import alerting_health
from docmind_core.suites.suite import load_suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.alerts.builders import waiting_messages

NOW = datetime(2026, 11, 23, 1, 12, tzinfo=UTC)
SUITE = {"name": "mine", "query_set": "python-reference", "schedule": "0 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def instance(settings):
    (settings.home / "suites").mkdir(parents=True)
    (settings.home / "suites" / "mine.yaml").write_text(json.dumps(SUITE))
    with open_instance(settings) as instance:
        yield instance


def set_schedule(instance, status, since):
    location = InProcessCodeLocationOrigin(
        loadable_target_origin=dg._core.types.loadable_target_origin.LoadableTargetOrigin(module_name="m")
    )
    origin = RemoteInstigatorOrigin(
        repository_origin=RemoteRepositoryOrigin(code_location_origin=location, repository_name="r"),
        instigator_name="suite_mine",
    )
    data = ScheduleInstigatorData(cron_schedule=SUITE["schedule"], start_timestamp=since.timestamp())
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))


def test_a_started_schedule_is_expected_at_its_own_times_since_it_was_started(settings, instance):
    set_schedule(instance, InstigatorStatus.RUNNING, NOW - timedelta(days=2))
    [expected] = expected_benchmarks(instance, settings, NOW)
    assert expected.suite.name == "mine"
    assert [tick.astimezone(UTC).isoformat() for tick in expected.ticks] == [
        "2026-11-23T01:00:00+00:00",
        "2026-11-22T01:00:00+00:00",
    ]


def test_a_stopped_schedule_and_one_never_started_are_not_expected(settings, instance):
    assert list(expected_benchmarks(instance, settings, NOW)) == []
    set_schedule(instance, InstigatorStatus.STOPPED, NOW - timedelta(days=2))
    assert list(expected_benchmarks(instance, settings, NOW)) == []


def test_a_started_schedule_whose_file_broke_is_missed_on_the_channels_of_its_newest_run(settings, instance):
    set_schedule(instance, InstigatorStatus.RUNNING, NOW - timedelta(days=2))
    suite = load_suite(str(settings.home / "suites" / "mine.yaml")).model_copy(update={"channels": ("ops",)})
    path = settings.benchmarks / "20261121T010000Z-mine-7f3a" / "suite.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(suite.model_dump_json())
    (settings.home / "suites" / "mine.yaml").write_text("name: [")
    [expected] = expected_benchmarks(instance, settings, NOW)
    [outcome] = book_overdue(settings, expected, NOW)
    assert outcome.firing == ("benchmark_missing",)
    [message] = waiting_messages(settings, "20261121T010000Z-mine-7f3a", 1)
    assert message.channel == "ops"
    assert "its suite is missing or can't be read" in message.message.text


def test_a_broken_suite_that_never_ran_has_no_one_to_tell_and_disturbs_nothing(settings, instance):
    set_schedule(instance, InstigatorStatus.RUNNING, NOW - timedelta(days=2))
    (settings.home / "suites" / "mine.yaml").unlink()
    assert list(expected_benchmarks(instance, settings, NOW)) == []


def test_a_suite_that_is_not_evaluated_for_two_due_times_has_a_stale_heartbeat_also_without_a_daemon(
    settings, instance
):
    set_schedule(instance, InstigatorStatus.RUNNING, datetime.now(UTC) - timedelta(days=3))
    expected = tuple(expected_benchmarks(instance, settings, datetime.now(UTC)))
    assert expected[0].due_every >= timedelta(days=1)
    write_watched(settings, expected, datetime.now(UTC))
    stale = {row["name"]: (row["stale"], row["because"]) for row in alerting_health(settings)}
    assert stale == {"mine": (1, "not evaluated for two due times")}
    publish(settings)
    _, found = query_rows(settings, "select name, stale, due_every_s >= 86400 from alerting_health")
    assert found == [("mine", True, True)]
    write_watched(settings, (), datetime.now(UTC))
    assert list(alerting_health(settings)) == []


def test_each_tick_sends_a_heartbeat_and_a_failed_one_only_says_so(settings, instance, monkeypatch):
    failures = iter([None, "the heartbeat to http://h/*** failed (ConnectError)"])
    monkeypatch.setattr("dagster_project.sensors.overdue_benchmarks.send_heartbeat", lambda settings: next(failures))
    resources = {"store": StoreResource(home=str(settings.home))}
    said = []
    for last_tick in (None, datetime.now(UTC).timestamp()):
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            context._last_tick_completion_time = last_tick
            said.append(overdue_benchmarks.evaluate_tick(context).skip_message)
    assert "heartbeat" not in said[0]
    assert said[1].endswith("; the heartbeat to http://h/*** failed (ConnectError)")


def test_a_sensor_that_has_just_come_up_lets_the_schedules_catch_up_first(settings, instance):
    assert has_just_begun(None, NOW)
    assert has_just_begun((NOW - timedelta(hours=8)).timestamp(), NOW)
    assert not has_just_begun((NOW - timedelta(minutes=1)).timestamp(), NOW)
    set_schedule(instance, InstigatorStatus.RUNNING, datetime.now(UTC) - timedelta(days=2))
    with dg.build_sensor_context(
        instance=instance, resources={"store": StoreResource(home=str(settings.home))}
    ) as context:
        assert "catch up first" in overdue_benchmarks.evaluate_tick(context).skip_message
        context._last_tick_completion_time = datetime.now(UTC).timestamp()
        assert "1 overdue benchmarks recorded: benchmark_missing of mine" in (
            overdue_benchmarks.evaluate_tick(context).skip_message
        )
