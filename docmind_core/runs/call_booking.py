"""From an HTTP attempt to its row of `llm_calls`, booked in the journal."""

from dataclasses import dataclass, field, replace
from time import monotonic_ns
from uuid import uuid4

from docmind_core.errors import CallTimeout, OutputInvalid, RequestRejected
from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.query_trace import OpenSpan, QueryTrace
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.stream_times import NOT_STREAMED
from docmind_core.serving.token_usage import IMPLAUSIBLE, NO_USAGE, UNRECONCILED, TokenUsage

NS_PER_S = 1e9
FOR_GOOD = frozenset(kind.__name__ for kind in (CallTimeout, OutputInvalid, RequestRejected))
"""Errors that end a call at its first attempt: they go to its agent, without a retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrigin:
    """Who makes a call, and why."""

    agent: str
    role: str
    task: str
    parent_span: str
    node: str | None
    checkpoint_ns: str | None
    parameters: str | None = None
    """JSON of what a client of the recording proxy set."""


@dataclass(slots=True, kw_only=True)
class CallBook:
    """Books the attempts of one call, in the journal and as spans; implements `serving.chat.AttemptBook`.

    An attempt is a span `chat` from when it is sent. Waiting for a place among the calls in flight is a span `queue`,
    the time between attempts a span `backoff`: neither is work.
    """

    journal: Journal
    trace: QueryTrace
    origin: CallOrigin
    engine_session: str | None
    phase: str
    clock: ClockAnchor
    cached_unsaid: str = "flag_off"
    """Why a usage without cached tokens lacks them."""
    call_id: str = field(default_factory=lambda: uuid4().hex)
    waits: bool = True
    """Whether an attempt is on disk before its answer is used; see `Journal.book_attempt`."""
    late: bool = False
    """Whether its query had been answered, or is unknown: then it has no spans, which would be outside the query's."""
    _in_flight: dict[int, tuple[AttemptStart, str]] = field(default_factory=dict)
    """Attempts that have begun and not ended, with the ids of their spans."""
    _free_ns: int = field(default_factory=monotonic_ns)
    """Since when no attempt has been in flight."""
    _attempts: int = 0
    _given_up: bool = False
    _finished: bool = False

    def give_up(self) -> bool:
        """Allow no further attempts, and return whether one is still in flight; the query stops waiting here."""
        self.stop_waiting()
        self._given_up = True
        for start, span_id in self._in_flight.values():
            self._add_span(start, span_id, (start.sent_ns, monotonic_ns()), error="CallTimeout")
        return bool(self._in_flight)

    def stop_waiting(self) -> None:
        """Record an interrupted wait when the call is cancelled between attempts or before the first one."""
        if not self._in_flight and not self._given_up and not self._finished:
            self._add_wait("backoff" if self._attempts else "queue", self._free_ns, monotonic_ns())

    def begin(self, start: AttemptStart) -> None:
        """Record that an attempt is sent, durable once `kept` is done; its usage is unknown until its end is recorded.

        Raises:
            CallTimeout: If nothing waits for the call any more.
        """
        if self._given_up:
            raise CallTimeout(f"{self.origin.agent} no longer waits for {self.origin.task}.")
        if self._attempts:
            self._add_wait("backoff", self._free_ns, start.scheduled_ns)
        if start.admitted_ns is not None:
            self._add_wait("queue", start.scheduled_ns, start.admitted_ns)
        self._attempts += 1
        span_id = self.trace.new_id("chat")
        self._in_flight[start.attempt] = (start, span_id)
        row = self._row(start, span_id)
        self.trace.attempts[self.call_id, start.attempt] = row
        self.journal.book_attempt(self.trace.key, row, ended=False, waits=self.waits)

    async def kept(self) -> None:
        """Return when the records are durable, or immediately if durability is not required."""
        if self.waits:
            await self.journal.kept()

    def end(self, end: AttemptEnd) -> None:
        """Book how it ended; durable when `kept` is done."""
        start, span_id = self._in_flight.pop(end.attempt)
        self._finished = end.status == "finished"
        if end.sent_ns is not None:
            start = replace(start, sent_ns=end.sent_ns)
        self._free_ns = end.ended_ns
        if not self._given_up:
            error = end.error_type or (None if end.status == "finished" else end.status)
            self._add_span(start, span_id, (start.sent_ns, end.ended_ns), error=error, usage=end.usage)
        row = {**self._row(start, span_id), **timing(start, end), **token_counts(end, self.cached_unsaid)}
        row |= {
            "status": end.status,
            "http_status": end.http_status,
            "finish_reason": end.finish_reason,
            "output_valid": end.output_valid,
            "error_type": end.error_type,
            "error_message": end.error_message,
            "reply": end.reply,
            "reasoning": end.reasoning,
            "refusal": end.refusal,
            "ended_because": end.ended_because,
        }
        self.trace.attempts[self.call_id, start.attempt] = row
        failed = end.error_type in FOR_GOOD and not self.late
        self.journal.book_attempt(self.trace.key, row, ended=True, failed=failed, sent_on=end.sent_on, waits=self.waits)

    def _add_span(
        self,
        start: AttemptStart,
        span_id: str,
        interval_ns: tuple[int, int],
        *,
        error: str | None,
        usage: TokenUsage | None = None,
    ) -> None:
        if self.late:
            return
        attributes: dict[str, object] = {
            "gen_ai.agent.name": self.origin.agent,
            "gen_ai.request.model": start.model,
            "gen_ai.request.max_tokens": start.max_tokens,
            "docmind.role": self.origin.role,
            "docmind.task": self.origin.task,
            "docmind.call_id": self.call_id,
            "docmind.attempt": start.attempt,
        }
        if error is not None:
            attributes["error.type"] = error
        if usage is not None:
            attributes["gen_ai.usage.input_tokens"] = usage.prompt_tokens
            attributes["gen_ai.usage.output_tokens"] = usage.completion_tokens
        self.trace.add_span(
            OpenSpan(span_id=span_id, attributes=attributes),
            "chat",
            self.origin.task,
            parent=self.origin.parent_span,
            interval_ns=interval_ns,
            status="ok" if error is None else "error",
        )

    def _add_wait(self, op: str, begin_ns: int, end_ns: int) -> None:
        if end_ns <= begin_ns or self.late:
            return
        attributes: dict[str, object] = {"gen_ai.agent.name": self.origin.agent, "docmind.call_id": self.call_id}
        self.trace.add_span(
            OpenSpan(span_id=self.trace.new_id(op), attributes=attributes),
            op,
            self.origin.task,
            parent=self.origin.parent_span,
            interval_ns=(begin_ns, end_ns),
        )

    def _row(self, start: AttemptStart, span_id: str) -> Row:
        key = self.trace.key
        return {
            "run_id": key.run_id,
            "query_id": key.query_id or None,
            "replicate": key.replicate,
            "call_id": self.call_id,
            "attempt": start.attempt,
            "span_id": span_id,
            "engine_session": self.engine_session,
            "agent": self.origin.agent,
            "role": self.origin.role,
            "task": self.origin.task,
            "node": self.origin.node,
            "checkpoint_ns": self.origin.checkpoint_ns,
            "request_hash": start.request_hash,
            "parameters": self.origin.parameters,
            "model": start.model,
            "phase": self.phase,
            "status": "cut_off",
            "sent_at": self.clock.utc(start.sent_ns),
            "queue_wait_s": (start.sent_ns - start.scheduled_ns) / NS_PER_S,
            "max_tokens": start.max_tokens,
            "served_from_cache": False,
            "tokens_missing_because": "unreconciled",
            "cached_missing_because": "unreconciled",
            "decode_missing_because": "unreconciled",
            "times_missing_because": "unreconciled",
            "answer_time_missing_because": "unreconciled",
        }


def token_counts(end: AttemptEnd, cached_unsaid: str = "flag_off") -> Row:
    """Return the token columns: the engine's counts, or NULL with the reason."""
    if end.usage is None:
        reason = end.usage_missing_because or (NO_USAGE if end.status == "finished" else UNRECONCILED)
        return {"tokens_missing_because": reason, "cached_missing_because": reason}
    # A stream that was cut off lacks its last chunk, the one that says what was cached.
    unsaid = cached_unsaid if end.status == "finished" else UNRECONCILED
    if end.usage.cached_implausible:
        unsaid = IMPLAUSIBLE
    return {
        **usage_columns(end.usage),
        "tokens_missing_because": None,
        "cached_missing_because": unsaid if end.usage.cached_tokens is None else None,
    }


def usage_columns(usage: TokenUsage) -> Row:
    """Return the counts of one usage object as columns."""
    cached = usage.cached_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "billed_tokens": usage.prompt_tokens + usage.completion_tokens,
        "cached_tokens": cached,
        "prefill_computed_tokens": None if cached is None else usage.prompt_tokens - cached,
    }


def timing(start: AttemptStart, end: AttemptEnd) -> Row:
    """Return the time columns, in seconds from when the request was sent."""
    times, sent_ns = end.times, end.sent_ns or start.sent_ns
    if times.last_token_ns is None:
        reason = "no_content" if end.status == "finished" else "failed_run"
        return {
            "times_missing_because": reason,
            "answer_time_missing_because": reason,
            "decode_missing_because": reason,
        }
    first, answer = times.first_token_ns, times.first_answer_ns
    row: Row = {
        "ttft_s": None if first is None else (first - sent_ns) / NS_PER_S,
        "ttft_answer_s": None if answer is None else (answer - sent_ns) / NS_PER_S,
        "times_missing_because": NOT_STREAMED if first is None else None,
        "answer_time_missing_because": None if answer else NOT_STREAMED if first is None else "no_content",
    }
    if end.status != "finished":
        return {**row, "times_missing_because": "failed_run", "decode_missing_because": "failed_run"}
    row["e2e_latency_s"] = (times.last_token_ns - sent_ns) / NS_PER_S
    tpot_s, because = times.time_per_token_s()
    if tpot_s is None and times.counted_first is None and end.usage is None:
        because = end.usage_missing_because or NO_USAGE
    decode_tps = None if tpot_s is None else 1 / tpot_s
    return {**row, "tpot_s": tpot_s, "decode_tps": decode_tps, "decode_missing_because": because}
