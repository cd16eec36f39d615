"""One benchmark run: the engine comes up, every arm answers every query, the tables are published."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.queries import QuerySet
from docmind_core.retrieval.index import RetrievalIndex, open_index
from docmind_core.runs.adding_replicates import (
    SAME_CONDITIONS,
    refuse_addition,
    refuse_other_conditions,
    with_additions,
)
from docmind_core.runs.arm_run import open_tally
from docmind_core.runs.arm_share import run_share
from docmind_core.runs.arm_switches import refuse_uncounted_budgets, result_caches
from docmind_core.runs.bench import Bench
from docmind_core.runs.blocks import Looks, turns
from docmind_core.runs.changed_suite import refuse_changed_suite, refuse_lost_journal
from docmind_core.runs.clock import clock_notice
from docmind_core.runs.disk_space import named_disk_errors
from docmind_core.runs.folding import fold_arm, fold_ended_arms, has_ended, mark_ended_arms
from docmind_core.runs.frozen_suite import (
    journal_path,
    read_frozen_suite,
)
from docmind_core.runs.input_check import engine_request
from docmind_core.runs.interrupts import run_interruptibly
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.lock import lock_home
from docmind_core.runs.manifest import RunInputs, system_hashes
from docmind_core.runs.progress import ArmProgress, RunObserver
from docmind_core.runs.resuming import RESUME_ANYWAY, guard_resume, run_identity
from docmind_core.runs.run_states import benchmark_run_state
from docmind_core.runs.shard_journals import absorb_leftovers
from docmind_core.runs.shards import this_host
from docmind_core.runs.suite_arms import admit_engine, suite_arm
from docmind_core.runs.system_probe import Probing, refuse_unseen_systems
from docmind_core.runs.workers import open_workers
from docmind_core.serving.engine import open_engine
from docmind_core.serving.places import refuse_without_gauges
from docmind_core.serving.profile_files import profile_hashes
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.serving.replicas import ReplicaClients
from docmind_core.serving.token_counts import open_token_counts
from docmind_core.settings import Settings, turn_telemetry_off
from docmind_core.suites.plain_values import AUTO, places_at_first
from docmind_core.suites.scorers import plugin_hashes
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish, publish_while_cheap
from docmind_core.tables.segments import remove_leftovers
from docmind_core.telemetry.loop_lag import measured_loop, short_collections

_UNCOUNTED = "the engine has no /tokenize: overlong prompts are rejected by the engine, not shortened"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutcome:
    """What a benchmark run came to."""

    benchmark_run: str
    arms: tuple[ArmProgress, ...]


def execute_benchmark_run(
    settings: Settings,
    benchmark_run: str,
    *,
    dagster_run_id: str | None,
    observer: RunObserver,
    add_replicates: int = 0,
    looks: Looks | None = None,
) -> BenchmarkOutcome:
    """Run what is left of a benchmark run; of a finished one, nothing, or `add_replicates` more of each query.

    `looks` may end it before all queries are asked.

    Raises:
        UsageError: If there is no such benchmark run, or if it has not finished and replicates are to be added.
        HomeLocked: If another process runs a benchmark in this home.
        RunError: If what it was begun with has changed, or if its journal is gone.
        EngineError: If the engine can't be started or is gone; what is finished stays finished.
    """
    turn_telemetry_off()
    with named_disk_errors(settings):
        outcome = _execute(settings, benchmark_run, dagster_run_id, observer, add_replicates, looks)
        benchmark_run_state(settings, benchmark_run)  # kept here, so that no list has to read its journal
        return outcome


def _execute(
    settings: Settings, key: str, dagster_run_id: str | None, observer: RunObserver, more: int, looks: Looks | None
) -> BenchmarkOutcome:
    suite, locked_by = read_frozen_suite(settings, key), f"benchmark run {key}"
    refuse_lost_journal(settings, key)
    with lock_home(settings, locked_by), Journal(journal_path(settings, key)) as journal:
        suite = with_additions(suite, journal, more)
        if waiting := _waiting_arms(settings, journal, key, suite, more):
            query_set = _load_query_set(suite, observer)
            index = _index(settings, suite, query_set, observer)
            with open_engine(engine_request(suite), settings, observer.announce) as opened:
                connection = admit_engine(suite, opened, observer.announce)
                inputs = RunInputs(
                    benchmark_run=key,
                    suite=suite,
                    query_set=query_set,
                    index_hash=index.index_hash,
                    connection=connection,
                    dagster_run_id=dagster_run_id,
                    plugins={**plugin_hashes(suite), **profile_hashes(settings, suite.engine)},
                )
                _admit(settings, journal, inputs, more)
                with open_token_counts(connection) as counts:
                    refuse_uncounted_budgets(inputs, waiting, counts)
                    if counts is None:
                        observer.announce(_UNCOUNTED)
                    bench = Bench(
                        settings=settings, inputs=inputs, index=index, journal=journal, observer=observer, counts=counts
                    )
                    bench.looks = looks
                    if more:
                        journal.begin_addition(more, bench.expected)
                    try:
                        run_interruptibly(_run_arms(bench, waiting))
                    finally:
                        publish(settings)
        else:
            journal.accept_changes(accepted=False)
            observer.announce(f"{key} is already finished; nothing to run")
        return _outcome(journal, key, suite)


def _waiting_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite, more: int) -> list[str]:
    """Write the tables of arms that ended earlier; return those that have queries left, or get `more` replicates."""
    absorb_leftovers(settings, benchmark_run, journal)
    remove_leftovers(settings.tables)
    fold_ended_arms(settings, journal, benchmark_run, suite)
    if more:
        refuse_addition(settings, journal, benchmark_run, suite)
        refuse_changed_suite(settings, benchmark_run, journal, advice=SAME_CONDITIONS)
        return list(suite.arms)
    waiting = [arm for arm in suite.arms if not has_ended(journal, benchmark_run, arm)]
    if waiting:
        refuse_changed_suite(settings, benchmark_run, journal)
    return waiting


def _admit(settings: Settings, journal: Journal, inputs: RunInputs, more: int) -> None:
    """Refuse what has changed; where it was accepted, the arms that had ended lose what they could be compared by."""
    systems = {f"system {name}": sha256 for name, sha256 in system_hashes(inputs.suite).items()}
    identity = run_identity(inputs.query_set, inputs.index_hash, inputs.connection, {**systems, **inputs.plugins})
    guard_resume(journal, inputs.benchmark_run, identity, advice=SAME_CONDITIONS if more else RESUME_ANYWAY)
    if more:
        refuse_other_conditions(journal, inputs)
    mark_ended_arms(settings, journal, inputs.benchmark_run, inputs.suite)


def _load_query_set(suite: Suite, observer: RunObserver) -> QuerySet:
    query_set = load_query_set(suite.query_set)
    for notice in query_set.notices:
        observer.announce(notice)
    return query_set


def _index(settings: Settings, suite: Suite, query_set: QuerySet, observer: RunObserver) -> RetrievalIndex:
    return open_index(
        query_set.documents,
        folder=settings.indexes,
        strategies=suite.searched_strategies,
        announce=observer.announce,
        language=suite.language,
    )


async def _run_arms(bench: Bench, arms: list[str]) -> None:
    for arm in arms:
        suite_arm(bench.inputs.suite, arm).build()  # imports LangGraph, which takes a second, before any time is taken
    if bench.inputs.suite.concurrency == AUTO:
        await refuse_without_gauges(bench.inputs.connection)
    with short_collections(), measured_loop():
        async with AsyncExitStack() as stack:
            replicas = await stack.enter_async_context(
                ReplicaClients(bench.inputs.connection, in_flight=places_at_first(bench.inputs.suite.concurrency))
            )
            bench.workers = stack.enter_context(open_workers(bench.inputs.suite))
            if bench.inputs.suite.systems:
                bench.proxy = await stack.enter_async_context(RecordingProxy(*replicas.clients))
                await _probe(bench, [] if any(map(bench.has_begun, arms)) else arms)
            await _run_blocks(bench, replicas, arms)
    if notice := clock_notice(bench.clock.jumped_s()):
        bench.observer.announce(notice)


async def _probe(bench: Bench, arms: Sequence[str]) -> None:
    """Refuse a user's system whose calls are not seen; what that asks is not booked.

    An arm that was interrupted has readings of the counters around its pause: only arms that have not begun are probed
    then, each when its turn comes.
    """
    unseen = [arm for arm in arms if arm not in bench.probed and not bench.has_begun(arm)]
    bench.probed.update(unseen)
    if bench.proxy is not None and any(bench.inputs.suite.system(arm) for arm in unseen):
        probing = Probing(settings=bench.settings, inputs=bench.inputs, index=bench.index)
        await refuse_unseen_systems(probing, bench.proxy, unseen, bench.observer.announce)
        bench.last_reading = ()


async def _run_blocks(bench: Bench, replicas: ReplicaClients, arms: list[str]) -> None:
    suite, last = bench.inputs.suite, len(bench.shares)
    for block in range(1, last + 1):
        # The turns of all arms, also of those that had ended: a resumption must not change who follows whom.
        for arm in turns(suite.arms, block):
            if arm in arms:
                await _work_on(bench, replicas, arm, block)
                if block == last:
                    _end_arm(bench, arm)


async def _work_on(bench: Bench, replicas: ReplicaClients, arm: str, block: int) -> None:
    if block not in bench.journal.ended_blocks(bench.run_id(arm)):
        await _probe(bench, [arm])
        with result_caches(bench.inputs, arm, bench.settings.caches_database) as caches:
            await run_share(bench, replicas, arm, block, caches)


def _end_arm(bench: Bench, arm: str) -> None:
    run_id, journal = bench.run_id(arm), bench.journal
    bench.last_reading = ()  # writing the tables takes a while, in which others may use a shared engine
    asked, because = bench.decided.get(arm, (None, None))
    expected = bench.expected if asked is None else asked * bench.inputs.suite.replicates
    facts = {"expected_queries": expected, "stopped_because": because}
    if bench.hosts - {this_host()}:  # their clocks have nothing in common
        facts["concurrency_missing_because"] = "several_hosts"
    journal.end_arm(run_id, bench.clock.now(), facts)
    fold_arm(bench.settings, journal, run_id, expected)
    publish_while_cheap(bench.settings)
    tally = bench.open_arms[arm].tally if arm in bench.open_arms else open_tally(journal, run_id, arm, expected)
    bench.observer.arm_finished(tally.progress)


def _outcome(journal: Journal, benchmark_run: str, suite: Suite) -> BenchmarkOutcome:
    return BenchmarkOutcome(
        benchmark_run=benchmark_run, arms=tuple(_arm_outcome(journal, benchmark_run, suite, arm) for arm in suite.arms)
    )


def _arm_outcome(journal: Journal, benchmark_run: str, suite: Suite, arm: str) -> ArmProgress:
    run_id = run_id_of(benchmark_run, arm)
    begun = journal.arm(run_id)
    totals = journal.totals(run_id)
    several = journal.starts(run_id) > 1 or suite.blocks > 1  # the time between them was not spent on this arm
    elapsed_s = (
        (begun.ended_at - begun.started_at).total_seconds() if begun and begun.ended_at and not several else None
    )
    return ArmProgress(
        arm=arm,
        done=totals.queries,
        total=begun.expected_queries if begun else 0,
        failed=totals.failed,
        done_here=totals.queries,
        completion_tokens=totals.completion_tokens,
        elapsed_s=elapsed_s,
    )
