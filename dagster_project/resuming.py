"""Scheduled benchmarks that failed before their evaluation resume by themselves, a few times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from dagster_project.stops import PARTITION_TAG, RECORDS_MAX

RESUME_TAG = "docmind/resume"
"""On a launch: which resumption of its benchmark run it is, from 1."""
BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""Delay of each automatic resumption after a failure; the number of entries is the maximum."""
TOO_LATE = timedelta(days=1)
"""A failure that is older when a daemon first sees it is left to a person."""


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
