"""Finds benchmark runs that failed or died: those of a schedule resume by themselves, the others raise alerts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from dagster_project.instance import fail_dead_runs
from dagster_project.resources import StoreResource
from dagster_project.stops import PARTITION_TAG, RECORDS_MAX, cancel_stopped_runs
from docmind_core.alerts.evaluating import Launch, book_failure, book_launch
from docmind_core.alerts.lifecycle import BAD
from docmind_core.alerts.listing import open_suites, outcome_of
from docmind_core.alerts.rules import LEDGER_UNBALANCED, REPORT_FAILED, RUN_FAILED
from docmind_core.errors import DocMindError
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.keys import benchmark_runs_of, is_benchmark_run
from docmind_core.settings import Settings

RESUME_TAG = "docmind/resume"
"""On a launch: which resumption of its benchmark run it is, from 1."""
BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""Delay of each automatic resumption after a failure; the number of entries is the maximum."""
TOO_LATE = timedelta(days=1)
"""A failure that is older when a daemon first sees it is left to a person."""
LOOKED_BACK = timedelta(days=7)
"""At least; further where the sensor itself has not run for longer."""
REPORT = dg.AssetKey("performance_report")
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """The next launch of a scheduled benchmark run that has failed."""

    benchmark_run: str
    number: int
    due_at: datetime

    @property
    def request(self) -> dg.RunRequest:
        """Return what launches it; its key keeps it from being launched twice."""
        return dg.RunRequest(
            run_key=f"{self.benchmark_run}:resume:{self.number}",
            partition_key=self.benchmark_run,
            tags={RESUME_TAG: str(self.number)},
        )


def next_resumption(instance: dg.DagsterInstance, benchmark_run: str, now: datetime) -> Resumption | None:
    """Return how a benchmark run resumes automatically; None if it does not.

    Only what a schedule has started resumes, only while no person has launched it since, and only after a failure:
    a run that was canceled was stopped on purpose.
    """
    of_run = dg.RunsFilter(tags={PARTITION_TAG: benchmark_run})
    records = instance.get_run_records(of_run, limit=RECORDS_MAX)  # newest first
    if not records or not all(_by_itself(record.dagster_run) for record in records):
        return None
    newest = records[0]
    failed_at = datetime.fromtimestamp(newest.end_time or newest.update_timestamp.timestamp(), UTC)
    number = len(records)
    if newest.dagster_run.status != dg.DagsterRunStatus.FAILURE or number > len(BACK_OFF):
        return None
    due_at = failed_at + BACK_OFF[number - 1]
    return Resumption(benchmark_run=benchmark_run, number=number, due_at=due_at) if now - due_at < TOO_LATE else None


def _by_itself(run: dg.DagsterRun) -> bool:
    return SCHEDULE_NAME_TAG in run.tags or RESUME_TAG in run.tags


@dg.sensor(job_name="benchmark", minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def failed_benchmarks(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    """Resumes failed scheduled benchmarks up to three times; raises `run_failed` or `report_failed` for the rest."""
    # Not a run_failure_sensor: that one passes over every run of the command line, and never sees a kill -9.
    fail_dead_runs(context.instance)
    now = datetime.now(UTC)
    settings, since = store.settings(), looks_back_to(context.last_tick_completion_time, now)
    cancel_stopped_runs(context.instance, since)
    resumed, booked = settle_failures(context.instance, settings, since, now)
    if recovering := open_suites(settings, REPORT_FAILED.rule_id):
        for launch in launches(context.instance, SUCCESS, since):
            book_recovery(settings, launch, recovering)
    if resumed:
        return dg.SensorResult(run_requests=[resumption.request for resumption in resumed])
    return dg.SensorResult(skip_reason=f"{len(booked)} failed benchmark runs recorded: {', '.join(booked) or 'none'}")


def settle_failures(
    instance: dg.DagsterInstance, settings: Settings, since: datetime, now: datetime
) -> tuple[list[Resumption], list[str]]:
    """Return the resumptions that are due, and the benchmark runs for which an alert was raised now.

    A benchmark run that will resume by itself raises none yet.
    """
    resumed, booked = [], []
    for launch in failed_launches(instance, since):
        evaluated = outcome_of(settings, RUN_FAILED.rule_id, launch.benchmark_run) is not None
        resumption = None if evaluated else next_resumption(instance, launch.benchmark_run, now)
        if resumption is None:
            booked += [launch.benchmark_run] if book(settings, launch) else []
        elif resumption.due_at <= now:
            resumed.append(resumption)
    return resumed, booked


def looks_back_to(last_tick: float | None, now: datetime) -> datetime:
    """Return since when launches are looked at: a week, or all the time since the last look."""
    week = now - LOOKED_BACK
    return week if last_tick is None else min(week, datetime.fromtimestamp(last_tick, UTC) - timedelta(hours=1))


def launches(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, since: datetime) -> Iterator[Launch]:
    """Yield the launches that ended so, oldest first; `dagster asset materialize` runs a job of its own."""
    ended = dg.RunsFilter(statuses=[status], updated_after=since)
    for record in reversed(instance.get_run_records(ended, limit=RECORDS_MAX)):
        benchmark_run = record.dagster_run.tags.get(PARTITION_TAG, "")
        if is_benchmark_run(benchmark_run) and not is_other_success(record.dagster_run):
            yield Launch(benchmark_run=benchmark_run, dagster_run_id=record.dagster_run.run_id)


def failed_launches(instance: dg.DagsterInstance, since: datetime) -> Iterator[Launch]:
    """Yield the launches that failed and have not been launched again, oldest first."""
    for launch in launches(instance, FAILURE, since):
        of_run = dg.RunsFilter(tags={PARTITION_TAG: launch.benchmark_run})
        newest_first = (record.dagster_run for record in instance.get_run_records(of_run, limit=RECORDS_MAX))
        newest = next(run for run in newest_first if not is_other_success(run))
        if newest.run_id == launch.dagster_run_id:
            yield launch


def is_other_success(run: dg.DagsterRun) -> bool:
    """Return whether a launch succeeded that was asked for some assets and not for the report: it made none."""
    return run.status == SUCCESS and run.asset_selection is not None and REPORT not in run.asset_selection


def book(settings: Settings, launch: Launch) -> bool:
    """Raise what a failed launch is worth, unless that is known already; return whether it was raised now."""
    failed = outcome_of(settings, RUN_FAILED.rule_id, launch.benchmark_run)
    unbalanced = outcome_of(settings, LEDGER_UNBALANCED.rule_id, launch.benchmark_run)
    if BAD in {failed, unbalanced}:
        return False  # its own evaluation has said why there is no report
    try:
        suite = read_frozen_suite(settings, launch.benchmark_run)
    except DocMindError as error:
        dg.get_dagster_logger().warning(str(error))
        return False
    if failed is None:
        because = f"the benchmark failed or its process died (Dagster run {launch.dagster_run_id})"
        return book_failure(settings, launch.benchmark_run, suite, because).evaluations > 0
    because = f"evaluated, but its database or report could not be written (Dagster run {launch.dagster_run_id})"
    return book_launch(settings, launch, suite, because).evaluations > 0


def book_recovery(settings: Settings, launch: Launch, recovering: Mapping[str, str]) -> None:
    """Say of a launch that went through that it has its report, where its suite has lacked one."""
    try:
        suite = read_frozen_suite(settings, launch.benchmark_run)
    except DocMindError:
        return  # pruned: it ends no alert
    failed = recovering.get(suite.name)
    if failed is None:
        return
    known = benchmark_runs_of(settings.benchmarks, suite.name)
    earlier = known[: known.index(launch.benchmark_run)]
    if failed.partition(":")[0] in {launch.benchmark_run, *earlier}:
        book_launch(settings, launch, suite, None)
