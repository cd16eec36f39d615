"""One query of one arm, from the question to its finished transaction in the journal."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic_ns
from typing import Any

from docmind_core.agents.arms import Arm, answer_question
from docmind_core.agents.context import AgentContext, ArmAnswer
from docmind_core.agents.context_window import ContextWindow, CountsTokens
from docmind_core.agents.levels import PerformanceLevel, retrieval_depth
from docmind_core.errors import AgentTimeout, CallTimeout, EngineError, RunError, StoreError
from docmind_core.retrieval.search import RANKED_DOCUMENTS, deeper_hits
from docmind_core.runs.call_booking import NS_PER_S
from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.context_guard import ContextGuard, RecallOf, no_gold
from docmind_core.runs.journal import Journal, QueryKey, Row
from docmind_core.runs.late_calls import LATE
from docmind_core.runs.prompt_counts import HANDOFFS_UNKNOWN, PromptCounts
from docmind_core.runs.query_row import AskedQuery, QueryEnd, query_row
from docmind_core.runs.query_tools import EngineBinding, RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.runs.result_caches import ArmCaches
from docmind_core.runs.resuming import Earlier, without_doubled
from docmind_core.runs.search_batches import Searches
from docmind_core.serving.places import Places
from docmind_core.suites.suite import Suite
from docmind_core.telemetry.loop_lag import Deadline


@dataclass(slots=True, kw_only=True)
class Replica:
    """One of the engines that serve the same, and how many queries it was given."""

    engine: EngineBinding
    in_progress: int = 0
    given: int = 0


@contextmanager
def least_busy(replicas: Sequence[Replica]) -> Iterator[EngineBinding]:
    """Yield the replica with the fewest queries in progress; on a tie, the one that was given the fewest so far.

    All calls of a query go there, so that its prefix cache helps. A slow replica is given less: were queries spread by
    their ids, soon all queries in progress would wait for it.
    """
    chosen = min(replicas, key=lambda replica: (replica.in_progress, replica.given))
    chosen.in_progress += 1
    chosen.given += 1
    try:
        yield chosen.engine
    finally:
        chosen.in_progress -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSetting:
    """What all queries of one arm share."""

    run_id: str
    arm: Arm
    graph: Any
    suite: Suite
    engine: EngineBinding
    replicas: tuple[Replica, ...] = ()
    """Of which one answers each query, where the engine has several; `engine` is the first of them then."""
    window: int | None
    """Context window of the engine, tokens."""
    gate: Places | None = None
    """Adaptive limit on queries in progress; None for the suite's fixed limit."""
    winds_down: Callable[[], bool] = lambda: False
    """Whether no further query may start."""
    counts: CountsTokens | None = None
    """Counts the served model's tokens; None if nothing can."""
    context_window: ContextWindow | None = None
    """What prompts are made to fit; None when the model's tokens can't be counted."""
    block: int = 1
    """The current block of the benchmark run."""
    recall_of: RecallOf = no_gold
    budgets: Mapping[tuple[str, int], int | None] = field(default_factory=dict)
    """By query and replicate, what the arm is held to; empty for an arm without a budget."""
    caches: ArmCaches | None = None
    """Where results are kept; None in an arm without the lever `result_cache`."""
    index: Searches
    journal: Journal
    clock: ClockAnchor

    def bound(self, bind: Callable[[EngineBinding], EngineBinding]) -> "ArmSetting":
        """Return it with another binding to the engine, and to each of its replicas."""
        replicas = tuple(Replica(engine=bind(replica.engine)) for replica in self.replicas)
        return replace(self, engine=bind(self.engine), replicas=replicas)

    def at_each_replica(self) -> "list[ArmSetting]":
        """Return one setting per replica, each bound to that replica alone."""
        return [replace(self, engine=one.engine, replicas=()) for one in self.replicas] or [self]

    @contextmanager
    def at_one_replica(self) -> "Iterator[ArmSetting]":
        """Yield the setting bound to the replica that answers the next query."""
        if not self.replicas:
            yield self
            return
        with least_busy(self.replicas) as engine:
            yield replace(self, engine=engine, replicas=())


async def run_query(
    setting: ArmSetting, query: AskedQuery, replicate: int, earlier: Earlier | None = None
) -> tuple[Row, ArmAnswer | None]:
    """Answer one query and book everything about it in one transaction, durable on return.

    An error ends the query, not the run: it becomes the query's row. A fault outside the query leaves it
    unfinished, to be answered on resume.

    Raises:
        EngineUnreachable: If the engine is gone.
        RunError: If something can't be booked.
        StoreError: If what is kept can't be read or written.
    """
    key = QueryKey(run_id=setting.run_id, query_id=query.query_id, replicate=replicate)
    earlier = earlier or Earlier()
    tools = _tools(setting, key, earlier)
    started_ns = monotonic_ns()
    try:
        answer, error = await _answer(setting, query, tools)
        ended_ns = monotonic_ns()
        if isinstance(error, EngineError | AgentTimeout) and (gone := await setting.engine.gone(error)) is not None:
            setting.journal.forget_failed(key)
            raise gone
        await tools.late.settle(setting.suite.deadline_s - (monotonic_ns() - started_ns) / NS_PER_S)
    finally:
        await tools.late.cancel()
    end = _end(setting, tools, (started_ns, ended_ns), answer, error)
    booked = [*earlier.attempts, *tools.trace.attempts.values()]
    unknown = {row["request_hash"] for row in booked if row["tokens_missing_because"]}
    if tools.prompts.takes_long(unknown):
        await asyncio.to_thread(tools.prompts.measure, unknown)
    else:  # a change of thread would cost more
        tools.prompts.measure(unknown)
    row = _book(setting, query, tools, end, earlier)
    await setting.journal.kept()
    if tools.caches:
        tools.caches.keep()
    return row, answer


def _end(
    setting: ArmSetting,
    tools: RecordingTools,
    interval_ns: tuple[int, int],
    answer: ArmAnswer | None,
    error: Exception | None,
) -> QueryEnd:
    return QueryEnd(
        started_at=setting.clock.utc(interval_ns[0]),
        ended_at=setting.clock.utc(interval_ns[1]),
        answer=answer,
        error=error,
        agent_sequence=tools.trace.agent_sequence,
        resumed=tools.resumed,
        of_user=setting.arm.of_user,
        no_passages=bool(tools.searches) and not any(search.hits for search in tools.searches),
        shortened=tools.guard.shortened,
    )


def _tools(setting: ArmSetting, key: QueryKey, earlier: Earlier) -> RecordingTools:
    index = setting.index.of_query(key.query_id)
    return RecordingTools(
        engine=setting.engine,
        index=index,
        journal=setting.journal,
        clock=setting.clock,
        trace=QueryTrace(key=key, level=setting.suite.level),
        guard=ContextGuard(window=setting.context_window),
        prompts=PromptCounts(counts=setting.counts),
        caches=setting.caches.of_query(key, index.prefix) if setting.caches else None,
        recorded=earlier.recorded,
        late_before=earlier.late,
        failed_before=earlier.failed,
        tasks_before=len({row["task"] for row in earlier.attempts}),
        resumed=bool(earlier.attempts),
    )


def _book(setting: ArmSetting, query: AskedQuery, tools: RecordingTools, end: QueryEnd, earlier: Earlier) -> Row:
    trace, key = tools.trace, tools.trace.key
    if end.answer is not None:
        depth = _context(setting, tools).depth
        candidates = end.answer.candidates
        deeper = deeper_hits(candidates, tools.searches, RANKED_DOCUMENTS)
        trace.add_candidates(candidates, deeper, depth)
    booked = [row for row in (*earlier.attempts, *trace.attempts.values()) if row["role"] != LATE]
    failed = {call.call_id for call in earlier.failed.values()}
    calls = without_doubled(booked, earlier.attempts, earlier.recorded, earlier.late, failed)
    row = {
        "block": setting.block,
        **query_row(key, query, end, calls, setting.window),
        **(HANDOFFS_UNKNOWN if setting.arm.of_user else tools.prompts.columns(calls)),
        **_lookups(tools),
        **_of_user(setting, end, tools),
    }
    spans = [] if tools.resumed else trace.spans
    rows = {
        "query_runs": [row],
        "spans": spans,
        "prompt_counts": tools.prompts.rows(),
        "retrieved": trace.retrieved,
        "context_reductions": tools.guard.rows(key, setting.recall_of),
        "cache_lookups": tools.caches.rows if tools.caches else [],
        **tools.decisions.rows(key, level=setting.suite.level, resumed=tools.resumed),
    }
    setting.journal.finish_query(key, rows)
    return row


def _of_user(setting: ArmSetting, end: QueryEnd, tools: RecordingTools) -> Row:
    """Say of a user's system whether it asked as before, and take back what it did not say it read."""
    system = setting.suite.system(setting.arm.name)
    if system is None:
        return {}
    row: Row = {"not_replayable": any(tools.recorded.values())}
    if end.answer is None or end.answer.passages or system.logs == "passages":
        return row
    return {**row, "passages": None, "citations": None}  # what the marks in its answer point at is not known either


def _lookups(tools: RecordingTools) -> Row:
    """Count how often a local cache answered; 0 and 0 in an arm that has none."""
    hits = [row["hit"] for row in tools.caches.rows] if tools.caches else []
    return {"cache_hits": sum(hits), "cache_misses": len(hits) - sum(hits)}


async def _answer(
    setting: ArmSetting, query: AskedQuery, tools: RecordingTools
) -> tuple[ArmAnswer | None, Exception | None]:
    deadline_s = setting.suite.deadline_s
    replicate = tools.trace.key.replicate
    # A warm-up measures nothing, so that one pass is enough where nothing is known of the other arm's.
    budget_tokens = setting.budgets.get((query.query_id, replicate), 0 if replicate < 0 else None)
    context = replace(_context(setting, tools), earlier=query.earlier, budget_tokens=budget_tokens)
    try:
        with tools.trace.root(setting.arm.name):
            async with Deadline(deadline_s):
                return await answer_question(setting.arm, setting.graph, query.text, context), None
    except TimeoutError:
        return None, CallTimeout(f"no answer within the deadline of {deadline_s:g} s (deadline_s of the suite).")
    except (RunError, StoreError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever one query does, the others continue; the error is its row
        return None, error


def _context(setting: ArmSetting, tools: RecordingTools) -> AgentContext:
    suite = setting.suite
    level = PerformanceLevel(suite.level)
    return AgentContext(
        tools=tools,
        depth=retrieval_depth(level, suite.top_k),
        strategy=suite.strategy,
        strategies=suite.strategies,
        level=level,
        routing=suite.routing,
        answer_max_tokens=suite.answer_max_tokens,
        agent_deadline_s=suite.agent_deadline_s,
        seed=suite.seed,
    )
