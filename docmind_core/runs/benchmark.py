"""One benchmark run: the engine comes up, every arm answers every query, the tables are published."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from docmind_core.agents.arms import find_arm
from docmind_core.agents.context_window import CountsTokens
from docmind_core.agents.messages import Message
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.evidence import evidence_recall
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.query_sets.selection import cluster_ids, select_queries
from docmind_core.retrieval.index import RetrievalIndex, open_index
from docmind_core.runs.arm_run import run_arm
from docmind_core.runs.arm_switches import context_window, refuse_uncounted_budgets, result_caches
from docmind_core.runs.clock import ClockAnchor, clock_notice, read_anchor
from docmind_core.runs.device_samples import sampled_devices
from docmind_core.runs.ended_arms import fold_ended_arms, has_ended, mark_ended_arms
from docmind_core.runs.engine_readings import UNKNOWN_SESSION, book_counters, in_session_of
from docmind_core.runs.folding import fold_arm
from docmind_core.runs.frozen_suite import journal_path, read_frozen_suite, refuse_changed_suite
from docmind_core.runs.interrupts import run_interruptibly
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.lock import lock_home
from docmind_core.runs.manifest import RunInputs, run_facts
from docmind_core.runs.preflight import engine_request
from docmind_core.runs.progress import ArmProgress, RunObserver, sum_of_known
from docmind_core.runs.query_row import AskedQuery
from docmind_core.runs.query_run import ArmSetting
from docmind_core.runs.query_tools import EngineSeat
from docmind_core.runs.result_caches import ArmCaches
from docmind_core.runs.resume_guard import guard_resume, run_identity
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.counters import read_settled_counters
from docmind_core.serving.engine import open_engine
from docmind_core.serving.prefix_cache import reset_prefix_cache
from docmind_core.serving.token_counts import open_token_counts
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import remove_leftovers

_UNCOUNTED = "the engine offers no /tokenize: prompts that are too long are refused by the engine, not shortened"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutcome:
    """What a benchmark run came to."""

    benchmark_run: str
    arms: tuple[ArmProgress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What all arms of a benchmark run share while it goes on."""

    settings: Settings
    inputs: RunInputs
    index: RetrievalIndex
    journal: Journal
    observer: RunObserver
    counts: CountsTokens | None
    """What counts the served model's tokens; None when the engine offers no way to."""

    def recall_of(self, query_id: str, passages: Mapping[str, str]) -> float | None:
        """Return the evidence recall of a query's passages; None where it has no gold spans."""
        query = next(query for query in self.inputs.query_set.queries if query.query_id == query_id)
        return evidence_recall(query.evidence, passages) if query.evidence and not query.expected_abstain else None

    clock: ClockAnchor = field(default_factory=read_anchor)
    """One for all arms, so that a wall clock that is set back doesn't put a later arm before an earlier one."""

    @property
    def queries(self) -> tuple[AskedQuery, ...]:
        """The queries of the suite, without what would give their answers away."""
        suite = self.inputs.suite
        chosen = select_queries(self.inputs.query_set.queries, limit=suite.limit, seed=suite.seed)
        clusters = cluster_ids(chosen)
        return tuple(_asked(query, clusters[query.query_id]) for query in chosen)


def execute_benchmark_run(
    settings: Settings, benchmark_run: str, *, dagster_run_id: str | None, observer: RunObserver
) -> BenchmarkOutcome:
    """Run what is left of a benchmark run; of a finished one, nothing.

    Raises:
        UsageError: If there is no such benchmark run.
        HomeLocked: If another process runs a benchmark in this home.
        RunError: If what it was begun with has changed.
        EngineError: If the engine can't be started or is gone; what is finished stays finished.
    """
    suite, locked_by = read_frozen_suite(settings, benchmark_run), f"benchmark run {benchmark_run}"
    with lock_home(settings, locked_by), Journal(journal_path(settings, benchmark_run)) as journal:
        if waiting := _waiting_arms(settings, journal, benchmark_run, suite):
            query_set = _load_query_set(suite, observer)
            index = _index(settings, suite, query_set, observer)
            with open_engine(engine_request(suite), settings, observer.announce) as connection:
                inputs = RunInputs(
                    benchmark_run=benchmark_run,
                    suite=suite,
                    query_set=query_set,
                    index_hash=index.index_hash,
                    connection=connection,
                    dagster_run_id=dagster_run_id,
                )
                _admit(settings, journal, inputs)
                with open_token_counts(connection) as counts:
                    refuse_uncounted_budgets(inputs, waiting, counts)
                    if counts is None:
                        observer.announce(_UNCOUNTED)
                    bench = _Bench(
                        settings=settings, inputs=inputs, index=index, journal=journal, observer=observer, counts=counts
                    )
                    run_interruptibly(_run_arms(bench, waiting))
        else:
            journal.accept_changes(accepted=False)
            observer.announce(f"{benchmark_run} is finished; nothing is run again")
        return _outcome(journal, benchmark_run, suite)


def _waiting_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> list[str]:
    """Write the tables of arms that ended earlier; return those that have queries left."""
    remove_leftovers(settings.tables)
    fold_ended_arms(settings, journal, benchmark_run, suite)
    waiting = [arm for arm in suite.arms if not has_ended(journal, benchmark_run, arm)]
    if waiting:
        refuse_changed_suite(settings, benchmark_run, journal)
    return waiting


def _admit(settings: Settings, journal: Journal, inputs: RunInputs) -> None:
    """Refuse what has changed; where it was accepted, the arms that had ended lose what they could be compared by."""
    identity = run_identity(inputs.query_set, inputs.index_hash, inputs.connection)
    guard_resume(journal, inputs.benchmark_run, identity)
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
    )


async def _run_arms(bench: _Bench, arms: list[str]) -> None:
    suite = bench.inputs.suite
    async with ChatClient(bench.inputs.connection, in_flight=suite.concurrency) as client:
        for arm in arms:
            with result_caches(bench.inputs, arm, bench.settings.caches_database) as caches:
                await _run_one_arm(bench, client, arm, caches)
    if notice := clock_notice(bench.clock.jumped_s()):
        bench.observer.announce(notice)


async def _run_one_arm(bench: _Bench, client: ChatClient, arm_name: str, caches: ArmCaches | None) -> None:
    """Reset the cache, read the counters, answer, read the counters again, fold, publish."""
    connection, journal, clock = bench.inputs.connection, bench.journal, bench.clock
    run_id, queries = run_id_of(bench.inputs.benchmark_run, arm_name), bench.queries
    expected = len(queries) * bench.inputs.suite.replicates
    was_reset = await reset_prefix_cache(connection)
    before = await read_settled_counters(connection)
    session = before.engine_session if before else UNKNOWN_SESSION
    facts = run_facts(
        bench.inputs, arm_name, engine_session=session, prefix_cache_state="reset" if was_reset else "unknown"
    )
    facts |= {"expected_queries": expected, "cache_state": _cache_state(journal, run_id, caches)}
    journal.start_arm(run_id, clock.now(), facts)
    book_counters(journal, run_id, before, "before", requests_sent=client.requests_sent)
    setting = _setting(bench, arm_name, client, session, caches)
    with sampled_devices(journal, run_id, connection, clock) as keep_samples:
        progress = await run_arm(setting, queries, bench.observer, after_query=keep_samples)
    after = in_session_of(before, await read_settled_counters(connection))
    book_counters(journal, run_id, after, "after", requests_sent=client.requests_sent)
    journal.end_arm(run_id, clock.now())
    fold_arm(bench.settings, journal, run_id, expected)
    publish(bench.settings)
    bench.observer.arm_finished(progress)


def _setting(bench: _Bench, arm_name: str, client: ChatClient, session: str, caches: ArmCaches | None) -> ArmSetting:
    arm, inputs = find_arm(arm_name), bench.inputs
    return ArmSetting(
        run_id=run_id_of(inputs.benchmark_run, arm_name),
        arm=arm,
        graph=arm.build(),
        suite=inputs.suite,
        engine=EngineSeat(client=client, model=inputs.connection.model, session=session),
        engine_gone=client.engine_gone,
        window=inputs.connection.max_model_len,
        counts=bench.counts,
        context_window=context_window(inputs, arm_name, bench.counts),
        caches=caches,
        recall_of=bench.recall_of,
        index=bench.index,
        journal=bench.journal,
        clock=bench.clock,
    )


def _cache_state(journal: Journal, run_id: str, caches: ArmCaches | None) -> str | None:
    """Return what an arm found in its caches when it first began; what it left there itself doesn't warm it."""
    begun = journal.arm(run_id)
    if begun is not None:
        return begun[2].get("cache_state")
    return caches.state if caches else None


def _asked(query: Query, cluster_id: str) -> AskedQuery:
    return AskedQuery(
        query_id=query.query_id,
        text=query.text,
        query_type=query.query_type,
        cluster_id=cluster_id,
        earlier=tuple(Message(speaker=said.role, text=said.content) for said in query.history),
        tags=query.tags,
    )


def _outcome(journal: Journal, benchmark_run: str, suite: Suite) -> BenchmarkOutcome:
    return BenchmarkOutcome(
        benchmark_run=benchmark_run, arms=tuple(_arm_outcome(journal, benchmark_run, arm) for arm in suite.arms)
    )


def _arm_outcome(journal: Journal, benchmark_run: str, arm: str) -> ArmProgress:
    run_id = run_id_of(benchmark_run, arm)
    begun = journal.arm(run_id)
    rows = [row for rows in journal.finished_rows(run_id) for row in rows["query_runs"]]
    several = journal.starts(run_id) > 1  # the pause between them is nobody's work
    elapsed_s = (begun[1] - begun[0]).total_seconds() if begun and begun[1] and not several else None
    return ArmProgress(
        arm=arm,
        done=len(rows),
        total=begun[2]["expected_queries"] if begun else 0,
        failed=sum(row["status"] == "failed" for row in rows),
        done_here=len(rows),
        completion_tokens=sum_of_known(row.get("completion_tokens") for row in rows),
        elapsed_s=elapsed_s,
    )
