"""Recording the model calls of a user's system in the same way as calls of built-in agents."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from docmind_core.agents.context import SUPERVISOR, AgentContext
from docmind_core.errors import EngineUnreachable
from docmind_core.retrieval.search import Hit
from docmind_core.runs.call_booking import CallBook, CallOrigin
from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.journal import Journal, QueryKey, Row
from docmind_core.runs.late_calls import LATE
from docmind_core.runs.query_tools import EngineBinding, RecordingTools
from docmind_core.runs.query_trace import ROOT_SPAN, QueryTrace
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.foreign_request import CHAT, CHECKPOINT_HEADER, NODE_HEADER, RESPONSES, ForeignRequest
from docmind_core.serving.forwarding import OpenCall, Replay
from docmind_core.suites.systems import SystemSpec

UNATTRIBUTED = "unattributed"
"""Agent name for calls that can't be assigned to a question."""
_TASKS = {CHAT: "chat", RESPONSES: "response"}


@dataclass(slots=True, kw_only=True)
class _RetriedBook:
    """Books the attempts of one call, and notes whether the client may still try it again."""

    book: CallBook
    digest: str
    failed: dict[str, list["_RetriedBook"]]
    """Calls by request hash whose last attempt failed: the same request again is another attempt of one of them."""
    attempts: int = 0

    def begin(self, start: AttemptStart) -> None:
        self.book.begin(start)

    def end(self, end: AttemptEnd) -> None:
        if end.status != "finished":
            self.failed.setdefault(self.digest, []).append(self)
        self.book.end(end)

    async def kept(self) -> None:
        await self.book.kept()


@dataclass(slots=True, kw_only=True)
class CalledFor:
    """The calls made for one question, or those of which it is not known for which."""

    spec: SystemSpec
    journal: Journal
    trace: QueryTrace
    clock: ClockAnchor
    engine: EngineBinding
    tools: RecordingTools | None = None
    """Of the question until it is answered; None for unattributed calls."""
    context: AgentContext | None = None
    answered: bool = False
    lost: EngineUnreachable | None = None
    """What the engine was not reached with."""
    failed: Exception | None = None
    """Why something could not be booked."""
    in_flight: set[asyncio.Task[Any]] = field(default_factory=set)
    _failed: dict[str, list[_RetriedBook]] = field(default_factory=dict)
    """By request hash."""
    _numbers: Counter[str] = field(default_factory=Counter)

    def end(self) -> None:
        """Note that the question is answered, and let go of what was kept for it; what comes now is late."""
        self.answered = True
        self.tools, self.context = None, None
        self.trace = QueryTrace(key=self.trace.key, level=self.trace.level)
        self._failed.clear()

    def open(self, request: ForeignRequest) -> OpenCall | Replay:
        """Return where a request is booked, or the reply that it had before an interruption."""
        digest = request.digest(self.engine.model)
        if (row := self._recorded(digest)) is not None:
            return self._replayed(row)
        if waiting := self._failed.pop(digest, None):
            retried, *others = waiting
            self._failed |= {digest: others} if others else {}
        else:
            retried = _RetriedBook(book=self._book(request), digest=digest, failed=self._failed)
        retried.attempts += 1
        replica = self.engine.replica
        return OpenCall(book=retried, attempt=retried.attempts, report=self._report, replica=replica)

    def _replayed(self, row: Row) -> Replay:
        assert self.tools is not None
        self.tools.resumed = True
        self._note_agent(row["agent"])
        content_type, body = self.journal.sent_on(row)
        return Replay(content_type=content_type, body=body)

    def _recorded(self, digest: str) -> Row | None:
        """Return the next finished call of an interrupted process with this request."""
        if self.tools is None:
            return None
        for (_, _, recorded), rows in self.tools.recorded.items():
            if recorded == digest and rows:
                return rows.popleft()
        return None

    def _report(self, error: Exception) -> None:
        if isinstance(error, EngineUnreachable):
            self.lost = error
        else:
            self.failed = error

    def _book(self, request: ForeignRequest) -> CallBook:
        agent = self._agent_of(request)
        role = LATE if self.answered else "supervisor" if agent == SUPERVISOR else "agent"
        if self.tools is not None:
            self._note_agent(agent)
        origin = CallOrigin(
            agent=agent,
            role=role,
            task=self._task(_TASKS.get(request.route, "embedding")),
            parent_span=ROOT_SPAN,
            node=request.headers.get(NODE_HEADER) or None,
            checkpoint_ns=request.headers.get(CHECKPOINT_HEADER) or None,
            parameters=json.dumps(request.parameters, sort_keys=True),
        )
        return self._book_of(origin)

    def _book_of(self, origin: CallOrigin) -> CallBook:
        return CallBook(
            journal=self.journal,
            trace=self.trace,
            origin=origin,
            engine_session=self.engine.session,
            cached_unsaid=self.engine.cached_unsaid,
            phase=self.trace.key.phase,
            clock=self.clock,
            late=origin.role == LATE or self.tools is None,
            waits=False,  # the disk would make each call of the system slower than it is
        )

    def _agent_of(self, request: ForeignRequest) -> str:
        if not self.trace.key.query_id:
            return UNATTRIBUTED
        named = request.named_agent or self.spec.agent_of(request.system_prompt, request.tools)
        return named or request.fingerprint

    def _note_agent(self, agent: str) -> None:
        if self.trace.agent_sequence[-1:] != [agent]:
            self.trace.agent_sequence.append(agent)

    def _task(self, kind: str) -> str:
        if not self._numbers:  # an interrupted process may have begun the query
            self._numbers["all"] = self.tools.tasks_before if self.tools is not None else self._tasks_booked()
        self._numbers["all"] += 1
        return f"{kind}-{self._numbers['all']}"

    def _tasks_booked(self) -> int:
        key = self.trace.key
        return len({row["task"] for row, _ in self.journal.attempts(key.run_id, key)})


@dataclass(slots=True, kw_only=True)
class SystemDesk:
    """Implements `serving.recording_proxy.CallDesk` for one arm while it is at work."""

    spec: SystemSpec
    run_id: str
    journal: Journal
    clock: ClockAnchor
    engine: EngineBinding
    replicate: int = 0
    """Of the calls that are not attributed: below 0 while the arm warms up."""
    questions: dict[str, CalledFor] = field(default_factory=dict)
    _others: dict[int, CalledFor] = field(default_factory=dict)

    def open_question(self, tools: RecordingTools, context: AgentContext) -> tuple[str, CalledFor]:
        """Return the token under which the calls for a question come in, and where they are booked."""
        token = secrets.token_hex(16)
        called = CalledFor(
            spec=self.spec,
            journal=self.journal,
            trace=tools.trace,
            clock=self.clock,
            engine=tools.engine,
            tools=tools,
            context=context,
        )
        self.questions[token] = called
        return token, called

    def knows(self, query: str) -> bool:
        """Whether a query token is one of this arm's."""
        return query in self.questions

    @contextmanager
    def call(self, query: str | None, request: ForeignRequest) -> Iterator[OpenCall | Replay]:
        """Open a call and track it until it ends."""
        called = self.questions[query] if query is not None else self._unattributed()
        task = asyncio.current_task()
        assert task is not None
        called.in_flight.add(task)
        try:
            yield called.open(request)
        finally:
            called.in_flight.discard(task)

    def _unattributed(self) -> CalledFor:
        if self.replicate not in self._others:
            key = QueryKey(run_id=self.run_id, query_id="", replicate=self.replicate)
            self._others[self.replicate] = CalledFor(
                spec=self.spec,
                journal=self.journal,
                trace=QueryTrace(key=key, level=""),
                clock=self.clock,
                engine=self.engine,
            )
        return self._others[self.replicate]

    def turned_away(self, what: str) -> None:
        """Take no note: the system was given an error, and no engine computed anything."""

    async def search(self, query: str, text: str, k: int) -> Sequence[Mapping[str, Any]] | None:
        """Search the query set's index as a built-in agent would; the ranking is a row of `retrieved`."""
        called = self.questions[query]
        if not self.spec.search_tool or called.tools is None or called.context is None:
            return None
        depth = replace(called.context.depth, candidates_k=k)
        return [passage_json(hit) for hit in await called.tools.search(called.context.strategy, text, depth)]

    async def quiet(self, within_s: float) -> None:
        """Wait for calls still in flight, and cut off those that take too long; each call is recorded on return."""
        tasks = [task for called in (*self.questions.values(), *self._others.values()) for task in called.in_flight]
        if not tasks:
            return
        if within_s > 0:
            await asyncio.wait(tasks, timeout=within_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def passage_json(hit: Hit) -> Mapping[str, Any]:
    """Return a passage as the search tool sends it."""
    chunk = hit.chunk
    return {
        "id": chunk.chunk_id,
        "document": chunk.doc_id,
        "title": chunk.title,
        "text": chunk.text,
        "score": hit.score,
    }
