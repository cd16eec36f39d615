"""From an HTTP attempt to its row of `llm_calls`, booked in the journal."""

from dataclasses import dataclass, field
from uuid import uuid4

from docmind_core.errors import CallTimeout, OutputInvalid, RequestRejected
from docmind_core.runs.clock import ClockAnchor
from docmind_core.runs.journal import Journal, QueryKey, Row
from docmind_core.serving.chat import AttemptEnd, AttemptStart
from docmind_core.serving.stream_times import NOT_STREAMED
from docmind_core.serving.token_usage import IMPLAUSIBLE, NO_USAGE, UNRECONCILED, TokenUsage

NS_PER_S = 1e9
FOR_GOOD = frozenset(kind.__name__ for kind in (CallTimeout, OutputInvalid, RequestRejected))
"""What ends a call at its first attempt: nothing is tried again, and its agent is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrigin:
    """Who makes a call, and why."""

    agent: str
    role: str
    task: str
    span_id: str
    node: str | None
    checkpoint_ns: str | None


@dataclass(slots=True, kw_only=True)
class CallBook:
    """Books the attempts of one call; implements `serving.chat.AttemptBook`."""

    journal: Journal
    key: QueryKey
    origin: CallOrigin
    engine_session: str | None
    phase: str
    clock: ClockAnchor
    call_id: str = field(default_factory=lambda: uuid4().hex)
    _starts: dict[int, AttemptStart] = field(default_factory=dict)
    """Attempts under way."""
    _given_up: bool = False

    def give_up(self) -> bool:
        """Let no further attempt begin; return whether one is under way."""
        self._given_up = True
        return bool(self._starts)

    def begin(self, start: AttemptStart) -> None:
        """Book that an attempt goes out: if nobody sees its end, its usage is unknown.

        Raises:
            CallTimeout: If nobody waits for the call any more.
        """
        if self._given_up:
            raise CallTimeout(f"{self.origin.agent} does not wait for {self.origin.task} any more.")
        self._starts[start.attempt] = start
        self.journal.book_attempt(self.key, self._row(start), ended=False)

    def end(self, end: AttemptEnd) -> None:
        """Book how it ended; durable on return."""
        start = self._starts.pop(end.attempt)
        row = {**self._row(start), **timing(start, end), **token_counts(end)}
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
        self.journal.book_attempt(self.key, row, ended=True, failed=end.error_type in FOR_GOOD)

    def _row(self, start: AttemptStart) -> Row:
        return {
            "run_id": self.key.run_id,
            "query_id": self.key.query_id,
            "replicate": self.key.replicate,
            "call_id": self.call_id,
            "attempt": start.attempt,
            "span_id": self.origin.span_id,
            "engine_session": self.engine_session,
            "agent": self.origin.agent,
            "role": self.origin.role,
            "task": self.origin.task,
            "node": self.origin.node,
            "checkpoint_ns": self.origin.checkpoint_ns,
            "request_hash": start.request_hash,
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


def token_counts(end: AttemptEnd) -> Row:
    """Return the token columns: the engine's counts, or NULL with the reason."""
    if end.usage is None:
        reason = end.usage_missing_because or (NO_USAGE if end.status == "finished" else UNRECONCILED)
        return {"tokens_missing_because": reason, "cached_missing_because": reason}
    # A stream that was cut off lacks its last chunk, the one that says what was cached.
    unsaid = "flag_off" if end.status == "finished" else UNRECONCILED
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
