"""Finds scheduled benchmarks that never began or don't end, and raises alerts for them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import ScheduleInstigatorData

# Internal API of Dagster, its own reading of a cron expression: what is due here must be what its schedules make due.
from dagster._utils.schedules import reverse_cron_string_iterator

from dagster_project.resources import StoreResource
from dagster_project.schedules import readable_suites, schedule_name, suite_sources
from docmind_core.alerts.freshness import GRACE, Expected, book_overdue
from docmind_core.settings import Settings

TICKS_MAX = 200


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def overdue_benchmarks(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SkipReason:
    """Raises `benchmark_missing`, `run_failed` or `alerting_stale` where a started schedule is not kept."""
    now = datetime.now(UTC)
    if has_just_begun(context.last_tick_completion_time, now):
        return dg.SkipReason("the daemon has just come up: its schedules catch up first")
    settings = store.settings()
    booked = [
        f"{rule} of {expected.suite.name}"
        for expected in expected_benchmarks(context.instance, settings, now)
        for outcome in book_overdue(settings, expected, now)
        for rule in (*outcome.firing, *outcome.repeated)
    ]
    return dg.SkipReason(f"{len(booked)} overdue benchmarks booked: {', '.join(booked) or 'none'}")


def has_just_begun(last_tick: float | None, now: datetime) -> bool:
    """Return whether nobody watched for a while: then a schedule may still begin what was due meanwhile."""
    return last_tick is None or now - datetime.fromtimestamp(last_tick, UTC) > GRACE


def expected_benchmarks(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[Expected]:
    """Yield what is due of each suite whose schedule somebody has started."""
    started = {
        state.name: state.instigator_data.start_timestamp
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        if state.is_running and isinstance(state.instigator_data, ScheduleInstigatorData)
    }
    for _, suite in readable_suites(suite_sources(settings)):
        since = started.get(schedule_name(suite))
        if suite.schedule is not None and since is not None:
            ticks = reverse_cron_string_iterator(now.timestamp(), suite.schedule, suite.timezone)
            newest = islice(ticks, TICKS_MAX)
            yield Expected(suite=suite, ticks=tuple(tick for tick in newest if tick.timestamp() >= since))
