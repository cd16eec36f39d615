"""The tools an arm works with while it answers one query: calls are booked or replayed, searches recorded."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any, Protocol

from docmind_core.agents.context import SUPERVISOR, always
from docmind_core.agents.decisions import Failure, RerankRecord, RouteRecord, VoteRecord
from docmind_core.agents.levels import RetrievalDepth
from docmind_core.errors import AgentTimeout, CallTimeout, EngineUnreachable, RunError
from docmind_core.retrieval.diversity import Similarities
from docmind_core.retrieval.search import KEYWORD, RANKED_DOCUMENTS, Hit, Search
from docmind_core.runs.call_booking import CallBook, CallOrigin
from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.context_guard import ContextGuard
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.journal_entries import CallMatch, FailedCall
from docmind_core.runs.late_calls import LateCalls
from docmind_core.runs.prompt_counts import PromptCounts
from docmind_core.runs.query_trace import DecisionLog, QueryTrace
from docmind_core.runs.result_caches import ResultCaches
from docmind_core.runs.resuming import recreated_error
from docmind_core.runs.search_batches import SearchBatches, Searches
from docmind_core.serving.chat import AttemptBook, ChatReply, ChatRequest, read_reply
from docmind_core.serving.token_usage import TokenUsage
from docmind_core.telemetry.loop_lag import Deadline


class Completes(Protocol):
    """What can call the model: the chat client, or a stand-in of a test."""

    async def complete(self, request: ChatRequest, book: AttemptBook) -> ChatReply:
        """Return the reply and book each attempt."""
        ...


async def _never_gone(error: Exception) -> EngineUnreachable | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBinding:
    """The engine as one arm sees it, or one of its replicas."""

    client: Completes
    model: str
    session: str | None
    cached_unsaid: str = "flag_off"
    """Why a usage without cached tokens lacks them."""
    replica: int = 0
    """Which of them, in the order of their URLs."""
    gone: Callable[[Exception], Awaitable[EngineUnreachable | None]] = _never_gone
    """Checks after an error whether the engine is gone: returns the error that ends the run, or None."""


@dataclass(slots=True, kw_only=True)
class RecordingTools:
    """Implements `agents.context.QueryTools` for one query of one arm."""

    engine: EngineBinding
    index: Searches
    journal: Journal
    clock: ClockAnchor
    trace: QueryTrace
    guard: ContextGuard
    prompts: PromptCounts = field(default_factory=lambda: PromptCounts(counts=None))
    caches: ResultCaches | None = None
    """None when nothing is kept, as in every arm without the lever `result_cache`."""
    recorded: Mapping[CallMatch, deque[Row]]
    """Calls that an interrupted process finished for this query."""
    late_before: Set[tuple[str, str]] = frozenset()
    """Agent and task of calls that an interrupted process stopped waiting for."""
    failed_before: Mapping[CallMatch, FailedCall] = field(default_factory=dict)
    """Calls that failed for good in an interrupted process: what was done without a reply is kept."""
    tasks_before: int = 0
    """How many tasks an interrupted process sent to the model."""
    late: LateCalls = field(default_factory=LateCalls)
    decisions: DecisionLog = field(default_factory=DecisionLog)
    searches: list[Search] = field(default_factory=list)
    resumed: bool = False
    """True when an ended process had begun the query: its times mean nothing then."""
    _batches: SearchBatches = field(init=False)
    _cut_off: dict[str, CallMatch] = field(default_factory=dict)
    """Calls, by id, whose wait was cancelled."""

    def __post_init__(self) -> None:
        """Let this query's searches share batches."""
        self._batches = SearchBatches(index=self.index)

    async def ask(
        self,
        agent: str,
        task: str,
        request: ChatRequest,
        *,
        deadline_s: float | None = None,
        role: str | None = None,
    ) -> ChatReply:
        """Call the model, or return the reply that was booked before the interruption.

        Raises:
            ContextOverflow: If the prompt can't be made to fit the engine's window; nothing is sent.
            CallTimeout: If there is no reply within `deadline_s`; what was sent runs on, to be booked with its usage.
            RunError: If another agent than `agent` is at work: its tokens would be booked to the wrong agent.
        """
        at_work = self.trace.frame.agent
        if at_work != agent:
            raise RunError(
                f"{agent} requested {task} while {at_work or 'no agent'} was running. Nothing was sent, because the "
                "tokens would be attributed to the wrong agent. Name the graph's node after the agent it calls for."
            )
        if deadline_s is None:
            return await self._ask(agent, task, request, role)
        late = CallTimeout(f"{agent} got no reply to {task} within its {deadline_s:g} s.")
        if (agent, task) in self.late_before:  # what was decided without it is kept, though its reply may be here now
            self.resumed = True
            raise late
        limit = Deadline(deadline_s)
        try:
            async with limit:
                return await self._ask(agent, task, request, role, may_be_late=True)
        except TimeoutError as error:
            if not limit.expired():
                raise
            self.journal.note_late(self.trace.key, agent, task)
            raise late from error

    async def _ask(
        self, agent: str, task: str, request: ChatRequest, role: str | None, *, may_be_late: bool = False
    ) -> ChatReply:
        request, counted = await self.guard.fit(agent, task, request)
        request_hash = request.digest(self.engine.model)
        self.prompts.add(agent, task, request_hash, request, counted=counted)
        match = (agent, task, request_hash)
        rows = self.recorded.get(match)
        if rows:
            self.resumed = True
            return _replay(request, rows.popleft())
        if failed := self.failed_before.get(match):
            self.resumed = True
            raise recreated_error(failed)
        book = self._book(agent, role or ("supervisor" if agent == SUPERVISOR else "agent"), task)
        call = self.engine.client.complete(request, book)
        try:
            return await (self.late.wait_for(call, book) if may_be_late else call)
        except asyncio.CancelledError:
            book.stop_waiting()
            self._cut_off[book.call_id] = match
            raise

    def _book(self, agent: str, role: str, task: str) -> CallBook:
        frame = self.trace.frame
        origin = CallOrigin(
            agent=agent,
            role=role,
            task=task,
            parent_span=frame.span_id,
            node=frame.node,
            checkpoint_ns=frame.checkpoint_ns,
        )
        return CallBook(
            journal=self.journal,
            trace=self.trace,
            origin=origin,
            engine_session=self.engine.session,
            cached_unsaid=self.engine.cached_unsaid,
            phase=self.trace.key.phase,
            clock=self.clock,
        )

    async def search(
        self, strategy: str, query: str, depth: RetrievalDepth, *, together: Sequence[str] = ()
    ) -> tuple[Hit, ...]:
        """Search and record the ranking; encoders run in a thread, so that calls are not blocked.

        The ranking that is kept for the metrics is as deep as they need; an agent is given `depth.candidates_k` hits.
        """
        with self.trace.span("retrieval", strategy, {"gen_ai.retrieval.query.text": query}) as span:

            async def find() -> tuple[Hit, ...]:
                search = partial(self.index.search, strategy, query, depth.candidates_k, documents=RANKED_DOCUMENTS)
                if strategy == KEYWORD:
                    return search()
                if query in together:
                    return await self._batches.ranked(strategy, together, query, depth.candidates_k)
                return await asyncio.to_thread(search)

            ranked = await (
                self.caches.hits(query, find, strategy=strategy, **asdict(depth)) if self.caches else find()
            )
            hits = ranked[: depth.candidates_k]
            self.searches.append(Search(hits=hits, ranked=ranked))
            self.trace.add_search(hits, span_id=span.span_id, strategy=strategy, depth=depth, search_query=query)
            return hits

    async def search_many(
        self, strategy: str, queries: Sequence[str], depth: RetrievalDepth
    ) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query at once; the encoder takes them in one batch."""
        searches = (self.search(strategy, query, depth, together=queries) for query in queries)
        return tuple(await asyncio.gather(*searches))

    async def remembered(
        self,
        cache: str,
        query: str,
        work: Callable[[], Awaitable[Any]],
        *,
        worth_keeping: Callable[[Any], bool] = always,
        **parameters: Any,
    ) -> Any:
        """Return the cached result of the same work, from this process or another, or compute it."""
        if self.caches is None:
            return await work()
        return await self.caches.remembered(cache, query, work, worth_keeping=worth_keeping, **parameters)

    def record_route(self, record: RouteRecord, *, began_s: float) -> None:
        """Keep a router's choice for the table `route_decisions`."""
        self.decisions.routes.append((record, self.now_s() - began_s))

    def record_failure(self, failure: Failure) -> None:
        """Keep an agent's failure for the table `agent_failures`; the call that its deadline cut off has failed."""
        self.decisions.failures.append(failure)
        if failure.error_type == AgentTimeout.__name__:
            for call_id, match in self._cut_off.items():
                if match[0] == failure.agent:
                    error = {"error_type": failure.error_type, "error_message": failure.message}
                    self.journal.note_failed(self.trace.key, FailedCall(call_id=call_id, match=match, **error))

    def record_skipped(self, agents: Sequence[str]) -> None:
        """Keep, for the same table, those of `agents` that have not run."""
        self.decisions.skipped.extend(agent for agent in agents if agent not in self.trace.agent_sequence)

    def record_rerank(self, record: RerankRecord) -> None:
        """Keep how candidates were reordered for the table `reranks`."""
        self.decisions.reranks.append(record)

    def record_vote(self, record: VoteRecord) -> None:
        """Keep one pass of a vote for the table `votes`."""
        self.decisions.votes.append(record)

    async def cosines(self, hits: Sequence[Hit]) -> Similarities | None:
        """Return the cosine of each pair of hits, where the index has embeddings."""
        return self.index.cosines([hit.chunk.chunk_id for hit in hits])

    def now_s(self) -> float:
        """Return seconds on the process's monotonic clock."""
        return monotonic()

    def agent_span(self, agent: str, *, node: str, checkpoint_ns: str) -> AbstractContextManager[None]:
        """Record that `agent` works while the block runs."""
        return self.trace.agent_span(agent, node=node, checkpoint_ns=checkpoint_ns)


def _replay(request: ChatRequest, row: Row) -> ChatReply:
    usage = None
    if row.get("prompt_tokens") is not None:
        usage = TokenUsage(
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
            cached_tokens=row["cached_tokens"],
        )
    reply = read_reply(request, row["reply"], row["finish_reason"], usage)
    kept = {name: row[name] for name in ("reasoning", "refusal", "ended_because")}
    return replace(reply, usage_missing_because=row["tokens_missing_because"], **kept)
