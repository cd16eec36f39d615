"""Finds benchmark runs that failed or died, however they were started, and raises `run_failed` for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from dagster_project.instance import fail_dead_runs
from dagster_project.jobs import benchmark_job
from dagster_project.resources import StoreResource
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.listing import was_evaluated
from docmind_core.alerts.rules import RUN_FAILED
from docmind_core.errors import DocMindError
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.settings import Settings

LOOKED_BACK = timedelta(days=1)
RECORDS_MAX = 200
PARTITION_TAG = "dagster/partition"


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def failed_benchmarks(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SkipReason:
    """Raises `run_failed` for each benchmark run of the last day that ended without its own evaluation."""
    # Not a run_failure_sensor: that one passes over every run of the command line, and never sees a kill -9.
    fail_dead_runs(context.instance)
    booked = [
        benchmark_run
        for benchmark_run, dagster_run_id in failed_partitions(context.instance)
        if book_once(store.settings(), benchmark_run, dagster_run_id, context)
    ]
    return dg.SkipReason(f"{len(booked)} failed benchmark runs booked: {', '.join(booked) or 'none'}")


def failed_partitions(instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Yield (benchmark run, Dagster run) whose newest launch of the last day failed."""
    recent = dg.RunsFilter(job_name=benchmark_job.name, updated_after=datetime.now(UTC) - LOOKED_BACK)
    seen: set[str] = set()
    for record in instance.get_run_records(recent, limit=RECORDS_MAX):  # newest first
        run = record.dagster_run
        benchmark_run = run.tags.get(PARTITION_TAG)
        if benchmark_run is None or benchmark_run in seen:
            continue
        seen.add(benchmark_run)
        if run.status == dg.DagsterRunStatus.FAILURE:
            yield benchmark_run, run.run_id


def book_once(settings: Settings, benchmark_run: str, dagster_run_id: str, context: dg.SensorEvaluationContext) -> bool:
    """Raise `run_failed`, unless this benchmark run has been evaluated; return whether it was raised now."""
    if was_evaluated(settings, RUN_FAILED.rule_id, benchmark_run):
        return False
    try:
        suite = read_frozen_suite(settings, benchmark_run)
    except DocMindError as error:
        context.log.warning(str(error))
        return False
    because = f"the benchmark failed or its process died (Dagster run {dagster_run_id})"
    book_failure(settings, benchmark_run, suite, because)
    return True
