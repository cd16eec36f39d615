"""Finds scheduled benchmarks that never began or don't end, and raises alerts for them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import ScheduleInstigatorData

# Internal API of Dagster, its own reading of a cron expression: what is due here must be what its schedules make due.
from dagster._utils.schedules import reverse_cron_string_iterator

from dagster_project.resources import StoreResource
from dagster_project.schedules import SCHEDULE_PREFIX, readable_suites, schedule_name, schedule_name_of, suite_sources
from dagster_project.stops import stopped_benchmarks
from docmind_core.alerts.ending import expire_lost_alerts
from docmind_core.alerts.freshness import GRACE, Expected, book_overdue, write_watched
from docmind_core.alerts.heartbeat import send_heartbeat
from docmind_core.errors import DocMindError
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.keys import in_order, is_benchmark_run, suite_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite

LOOKED_BACK = timedelta(days=31)
"""Further than the newest benchmark run of a schedule lies back."""
TICKS_MAX = 200
TICKS_OF_INTERVAL = 20
"""Due times whose longest distance is the interval of a schedule: a weekend belongs to "0 2 * * 1-5"."""
BROKEN = "its suite is missing or can't be read; fix the file, or stop the schedule {schedule} in the UI"


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def overdue_benchmarks(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SkipReason:
    """Raises `benchmark_missing`, `run_failed` or `alerting_stale` if a running schedule misses a benchmark."""
    now, settings = datetime.now(UTC), store.settings()
    if has_just_begun(context.last_tick_completion_time, now):
        said = "the daemon has just started: its schedules catch up first"
    else:
        said = _look(context.instance, settings, now)
    silent_because = send_heartbeat(settings)
    return dg.SkipReason(f"{said}; {silent_because}" if silent_because else said)


def _look(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> str:
    stopped = stopped_benchmarks(instance, now - LOOKED_BACK)
    expected = tuple(replace(one, stopped=stopped) for one in expected_benchmarks(instance, settings, now))
    write_watched(settings, expected, now)
    booked = [
        f"{rule} of {one.suite.name}"
        for one in expected
        for outcome in book_overdue(settings, one, now)
        for rule in (*outcome.firing, *outcome.repeated)
    ]
    readable = {suite.name for _, suite in readable_suites(suite_sources(settings))}
    watched = {one.suite.name for one in expected}
    expired = expire_lost_alerts(settings, watched=watched, known=readable, now=now)
    lost = f"; expired: {', '.join(expired)}" if expired else ""
    return f"{len(booked)} overdue benchmarks recorded: {', '.join(booked) or 'none'}{lost}"


def has_just_begun(last_tick: float | None, now: datetime) -> bool:
    """Return whether the daemon was off for a while: then a schedule may still start what became due in that time."""
    return last_tick is None or now - datetime.fromtimestamp(last_tick, UTC) > GRACE


def expected_benchmarks(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[Expected]:
    """Yield what is due of each suite whose schedule is active, whether or not the suite can be read now."""
    started = {
        state.name: state.instigator_data
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        if state.is_running and isinstance(state.instigator_data, ScheduleInstigatorData)
    }
    for _, suite in readable_suites(suite_sources(settings)):
        data = started.pop(schedule_name(suite), None)
        if suite.schedule is not None and data is not None and data.start_timestamp is not None:
            yield _expected(suite, suite.schedule, data.start_timestamp, now)
    for name, data in started.items():
        frozen = newest_frozen_suite(settings, name) if name.startswith(SCHEDULE_PREFIX) else None
        if frozen is not None and isinstance(data.cron_schedule, str) and data.start_timestamp is not None:
            lost = _expected(frozen, data.cron_schedule, data.start_timestamp, now)
            yield replace(lost, broken_because=BROKEN.format(schedule=name))


def newest_frozen_suite(settings: Settings, name: str) -> Suite | None:
    """Return the suite of a schedule as its newest benchmark run froze it; None where it never ran.

    The file of the suite can't be read or is gone: only this one still says which channels to tell.
    """
    found = (path.name for path in settings.benchmarks.glob("*") if is_benchmark_run(path.name))
    for key in reversed(in_order(settings.benchmarks, found)):
        if schedule_name_of(suite_of(key)) == name:
            try:
                return read_frozen_suite(settings, key)
            except DocMindError as error:
                dg.get_dagster_logger().warning(str(error))
    return None


def _expected(suite: Suite, cron: str, since: float, now: datetime) -> Expected:
    ticks = list(islice(reverse_cron_string_iterator(now.timestamp(), cron, suite.timezone), TICKS_MAX))
    gaps = [later - earlier for later, earlier in pairwise(ticks[:TICKS_OF_INTERVAL])]
    return Expected(
        suite=suite,
        ticks=tuple(tick for tick in ticks if tick.timestamp() >= since),
        since=datetime.fromtimestamp(since, UTC),
        due_every=max(gaps, default=timedelta(days=1)),
    )
