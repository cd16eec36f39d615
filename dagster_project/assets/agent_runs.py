"""The benchmark itself: all arms of the suite, one after the other, on one engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from pydantic import Field

from dagster_project.assets.query_sets import documents, queries, retrieval_index
from dagster_project.metadata import column_schema, described_outcome
from dagster_project.partitions import benchmark_runs
from dagster_project.progress import ObserverFactory
from dagster_project.resources import StoreResource
from dagster_project.stops import canceled_when_stopped
from docmind_core.errors import HomeLocked
from docmind_core.measurements.sequential_gate import open_looks
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.lock import lock_home
from docmind_core.settings import Settings
from docmind_core.suites.suite import REPLICATES_MAX

SECONDS_BETWEEN_TRIES = 5.0
SECONDS_BETWEEN_TRIES_MAX = 60.0
TRIES_MAX = 1_000_000


@contextmanager
def hold_home(
    settings: Settings, benchmark_run: str, announce: Callable[[str], None], *, tries_before: int
) -> Iterator[None]:
    """Hold the home's lock for the block, or ask Dagster to try the step again while another process has it.

    A scheduled benchmark queues until one started by hand has ended. It must not wait here: the step holds the
    slot of the pool `engine`, for which a run of the command line waits with the lock in its hand, and both would wait
    forever. Between two tries the slot is free. The command line takes the lock before it launches, so that a second
    benchmark fails at once; here the lock is this process's already.

    Raises:
        RetryRequested: If another process has the home.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lock_home(settings, f"benchmark run {benchmark_run}"))
        except HomeLocked as error:
            if tries_before == 0:
                announce(f"waiting: {error}")
            pause_s = min(SECONDS_BETWEEN_TRIES_MAX, SECONDS_BETWEEN_TRIES * (tries_before + 1))
            raise dg.RetryRequested(max_retries=TRIES_MAX, seconds_to_wait=pause_s) from error
        yield


class AgentRunsConfig(dg.Config):
    """What a launch may ask for besides running what is left."""

    add_replicates: int = Field(
        default=0,
        ge=0,
        lt=REPLICATES_MAX,
        description="Ask each query of a finished benchmark run this many more times.",
    )


@dg.asset(
    group_name="agent_runs",
    kinds={"langgraph", "vllm", "parquet"},
    partitions_def=benchmark_runs,
    deps=[documents, queries, retrieval_index],
    pool="engine",
    metadata=column_schema("query_runs"),
)
def agent_runs(
    context: dg.AssetExecutionContext,
    config: AgentRunsConfig,
    store: StoreResource,
    observers: dg.ResourceParam[ObserverFactory],
) -> dg.MaterializeResult[None]:
    """One row is one query in one replicate of one arm, with its calls, spans and ranked chunks."""
    settings, key, log = store.settings(), context.partition_key, observers.create(context.log)
    run, more, looks = context.run.run_id, config.add_replicates, open_looks(settings, key)
    with (
        canceled_when_stopped(context.instance, run),
        hold_home(settings, key, log.announce, tries_before=context.retry_number),
    ):
        ran = execute_benchmark_run(settings, key, dagster_run_id=run, observer=log, add_replicates=more, looks=looks)
    log.announce("scoring the answers and writing the report")
    return dg.MaterializeResult(metadata=described_outcome(ran))
