"""One HTTP attempt of a call, booked when it goes out and once when it has ended."""

import asyncio
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from docmind_core.serving.chat import AttemptBook, AttemptEnd, AttemptStart, ChatReply, ChatRequest
from docmind_core.serving.chat_stream import StreamedReply, well_formed
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.token_usage import NO_TOKENS, TokenUsage


@dataclass(slots=True, kw_only=True)
class Attempt:
    """An attempt in flight; its records never contain the engine's key."""

    number: int
    connection: EngineConnection
    book: AttemptBook
    streamed: StreamedReply
    _sent_ns: int | None = None

    async def begin(self, request: ChatRequest, scheduled_ns: int, admitted_ns: int) -> None:
        """Record the attempt durably; it may be sent on return."""
        model = self.connection.model
        self.book.begin(
            AttemptStart(
                attempt=self.number,
                request_hash=request.digest(model),
                max_tokens=request.limit,
                model=request.asked_model(model),
                scheduled_ns=scheduled_ns,
                admitted_ns=admitted_ns,
                sent_ns=monotonic_ns(),
            )
        )
        try:
            await self.book.kept()
        except asyncio.CancelledError:
            self.never_sent("Cancelled", "cancelled before it was sent: a deadline passed, or the run ended")
            raise
        self._sent_ns = monotonic_ns()

    async def finished(
        self, request: ChatRequest, reply: ChatReply, *, sent_on: tuple[str, bytes] | None = None
    ) -> None:
        """Book a finished reply, which may be used on return; `sent_on` is what a client of the proxy was sent."""
        wants_form = request.output is not None or bool(request.choices)
        self._end(
            status="finished",
            usage=reply.usage,
            usage_missing_because=reply.usage_missing_because,
            finish_reason=reply.finish_reason,
            output_valid=reply.output_problem is None if wants_form else None,
            error_message=reply.output_problem,
            reply=reply.text,
            reasoning=reply.reasoning,
            refusal=reply.refusal,
            ended_because=reply.ended_because,
            sent_on=sent_on,
        )
        await self.book.kept()

    def refused(self, usage: TokenUsage | None, kind: str, message: str) -> None:
        """Book a response that is not a reply; without a usage, what the engine computed is unknown."""
        self._end(
            status="failed" if usage else "cut_off",
            usage=usage,
            error_type=kind,
            error_message=message,
        )

    def never_sent(self, kind: str, message: str) -> None:
        """Book a request that did not reach the engine."""
        self._end(status="failed", usage=NO_TOKENS, error_type=kind, error_message=message)

    def cut(self, kind: str, message: str) -> None:
        """Record a reply that was cut off, with the part that arrived."""
        self._end(
            status="cut_off",
            usage=self.streamed.usage,
            finish_reason=self.streamed.finish_reason,
            error_type=kind,
            error_message=message,
            reply=self.streamed.text or None,
            reasoning=self.streamed.reasoning,
        )

    def _end(self, *, error_message: str | None = None, finish_reason: str | None = None, **facts: Any) -> None:
        shown = None if error_message is None else self.connection.redact(well_formed(error_message))
        self.book.end(
            AttemptEnd(
                attempt=self.number,
                ended_ns=monotonic_ns(),
                sent_ns=self._sent_ns,
                times=self.streamed.times,
                http_status=self.streamed.http_status,
                error_message=shown,
                finish_reason=None if finish_reason is None else self.connection.redact(well_formed(finish_reason)),
                **facts,
            )
        )
