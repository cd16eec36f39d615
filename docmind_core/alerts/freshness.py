"""Finds scheduled benchmarks that did not start, or did not finish in time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.evaluating import Absence, AlertOutcome, book_absence, book_failure
from docmind_core.alerts.listing import RESUMED, RunEvaluated, run_evaluations
from docmind_core.alerts.rules import ALERTING_STALE, BENCHMARK_MISSING
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.keys import benchmark_runs_of, has_begun, started_at
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite

GRACE = timedelta(minutes=10)
"""How long after its due time a benchmark may begin."""
TIMES_USUAL = 2
"""A benchmark that takes longer than this many times the median of its suite is overdue."""
DURATIONS_SEEN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a started schedule has made due."""

    suite: Suite
    ticks: Sequence[datetime]
    """When benchmarks of the suite were due, newest first, none before the schedule was started."""
    since: datetime
    """When the schedule was started."""
    due_every: timedelta
    """Longest time between two due times that follow each other."""
    stopped: frozenset[str] = frozenset()
    """Benchmark runs that a person stopped: nothing is missing about them."""
    broken_because: str | None = None
    """Why its schedule can't begin anything; None where nothing is known to be wrong."""


def write_watched(settings: Settings, expected: Sequence[Expected], now: datetime) -> None:
    """Store which schedules are watched; the alerting health uses it even while no daemon is running."""
    rows = [(one.suite.name, one.due_every.total_seconds(), one.since.isoformat(), now.isoformat()) for one in expected]
    if not rows and not settings.alerts_database.exists():
        return
    with open_alerts_database(settings) as connection, transaction(connection):
        connection.execute("delete from watched_schedules")
        connection.executemany("insert or replace into watched_schedules values (?, ?, ?, ?)", rows)


def book_overdue(settings: Settings, expected: Expected, now: datetime) -> Iterator[AlertOutcome]:
    """Raise alerts for what is overdue: `benchmark_missing`, `run_failed` or `alerting_stale`.

    Missing: no benchmark of the suite has begun since the newest due time. Failed: the benchmark of a due time is
    not evaluated, though it had twice the usual time; one whose process died is found at once, elsewhere. Stale:
    benchmarks begin, and none was evaluated for two due times. Doing it twice changes nothing.
    """
    suite = expected.suite
    keys = [key for key in benchmark_runs_of(settings.benchmarks, suite.name) if has_begun(key, now)]
    newest = keys[-1] if keys else None
    due = [tick for tick in expected.ticks if tick <= now - GRACE]
    if not due:
        return
    if newest is None or started_at(newest) < due[0]:
        because = f"due at {_utc(due[0])}, but no benchmark has started since"
        because += f"; {expected.broken_because}" if expected.broken_because else ""
        absence = Absence(rule=BENCHMARK_MISSING, due_at=due[0], because=because)
        yield book_absence(settings, suite, absence, filed_under=newest, now=now)
        return
    if newest in expected.stopped:
        return
    evaluated = run_evaluations(settings, suite.name)
    endless = _without_end([key for key in keys if key not in expected.stopped], expected.ticks, evaluated, now)
    if endless is not None:
        key, because = endless
        yield book_failure(settings, key, read_frozen_suite(settings, key), because, now=now)
    elif len(due) > 1 and not any(seen.at >= due[1] for seen in evaluated):
        because = f"benchmarks start, but none has been evaluated since {_utc(due[1])}"
        absence = Absence(rule=ALERTING_STALE, due_at=due[0], because=because)
        yield book_absence(settings, suite, absence, filed_under=newest, now=now)


def _without_end(
    keys: Sequence[str], ticks: Sequence[datetime], evaluated: Sequence[RunEvaluated], now: datetime
) -> tuple[str, str] | None:
    """Return the benchmark run of the newest due time that had its time and is not evaluated, and why it counts."""
    usual = _usual_duration(evaluated)
    if usual is None:
        return None
    latest_start = now - max(GRACE, TIMES_USUAL * usual)
    tick = next((tick for tick in ticks if tick <= latest_start), None)
    key = None if tick is None else next((key for key in keys if started_at(key) >= tick), None)
    if key is None or started_at(key) > latest_start or any(seen.benchmark_run == key for seen in evaluated):
        return None
    took = now - started_at(key)
    return key, f"not finished after {_minutes(took)}; the suite usually takes {_minutes(usual)}"


def _usual_duration(evaluated: Sequence[RunEvaluated]) -> timedelta | None:
    unbroken = [seen for seen in evaluated if not seen.failed and not seen.benchmark_run.endswith(RESUMED)]
    seconds = [(seen.at - started_at(seen.benchmark_run)).total_seconds() for seen in unbroken]
    return timedelta(seconds=median(seconds[-DURATIONS_SEEN:])) if seconds else None


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _minutes(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 60:.0f} min"
