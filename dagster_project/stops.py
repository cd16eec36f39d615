"""Runs that a person stops: canceled, not failed, whichever way they were stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg
from dagster._core.events import RunFailureReason
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

CANCELED, FAILURE, STARTED = dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED
PARTITION_TAG = "dagster/partition"
RECORDS_MAX = 1000
_BY_SIGNAL = "Stopped by a signal (Ctrl-C or SIGTERM); launch its partition again to resume it."


@contextmanager
def canceled_when_stopped(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM within the block cancel a run, as Cancel in the UI does.

    Dagster takes a signal that no one asked it for as a failure; it asks for the status only once the step has ended.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status == STARTED:
            instance.report_run_canceling(run, _BY_SIGNAL)
        elif run is not None and run.status == FAILURE:
            instance.report_run_canceled(run, _BY_SIGNAL)
        raise


def cancel_stopped_runs(instance: dg.DagsterInstance, since: datetime) -> None:
    """Cancel the runs that a signal ended outside of `canceled_when_stopped`, and that count as failed until now."""
    failed = dg.RunsFilter(statuses=[FAILURE], updated_after=since)
    for record in instance.get_run_records(failed, limit=RECORDS_MAX):
        run = record.dagster_run
        if run.tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.UNEXPECTED_TERMINATION.value:
            instance.report_run_canceled(run, _BY_SIGNAL)


def stopped_benchmarks(instance: dg.DagsterInstance, since: datetime) -> frozenset[str]:
    """Return the benchmark runs whose newest launch was canceled."""
    newest: dict[str, dg.DagsterRunStatus] = {}
    for record in instance.get_run_records(dg.RunsFilter(updated_after=since), limit=RECORDS_MAX):  # newest first
        if key := record.dagster_run.tags.get(PARTITION_TAG):
            newest.setdefault(key, record.dagster_run.status)
    return frozenset(key for key, status in newest.items() if status == CANCELED)
