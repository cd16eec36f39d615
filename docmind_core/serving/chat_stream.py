"""One streamed reply, read event by event."""

import json
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic_ns
from typing import Any

from docmind_core.errors import OutputInvalid
from docmind_core.serving.chat import ChatReply, ChatRequest, read_reply
from docmind_core.serving.delta import Delta, read_delta
from docmind_core.serving.dialects import VLLM, Dialect
from docmind_core.serving.event_stream import Event, EventStream
from docmind_core.serving.reply_endings import ending_of, finish_reason_of
from docmind_core.serving.retrying import Retryable, is_transient
from docmind_core.serving.stream_times import NO_TIMES, StreamTimes
from docmind_core.serving.token_usage import (
    IMPLAUSIBLE,
    NO_USAGE,
    ImplausibleUsage,
    TokenUsage,
    can_be_true,
    read_counts,
    read_usage,
)
from docmind_core.telemetry.loop_lag import Deadline

REPLY_BYTES_MIN = 2**16
BYTES_PER_TOKEN = 2**12
"""What a chunk of one token takes with its frame and usage is 200 to 700 bytes; some proxies send one per letter."""
TAIL_S = 10.0
"""Time limit for the rest of a stream once the reply has its finish_reason."""

_SHOWN = 200
_DONE = "[DONE]"
_UNFINISHED = frozenset({None, "abort", "error"})
"""Reasons after which the text is whatever had been written by then."""
_ENGINE_FAILURES = frozenset({"InternalServerError", "ServiceUnavailableError", "EngineDeadError"})


def reply_bytes_max(max_tokens: int) -> int:
    """Return how many bytes a server may send for a reply."""
    return REPLY_BYTES_MIN + BYTES_PER_TOKEN * max_tokens


@dataclass(slots=True, kw_only=True)
class StreamedReply:
    """What has arrived so far; kept up to date so that a cut-off attempt still has its usage."""

    request: ChatRequest
    window: int | None = None
    """Context window of the engine, if known."""
    dialect: Dialect = VLLM
    redact: Callable[[str], str] = str
    """Takes the engine's key out of a text."""
    heard: Callable[[], None] = lambda: None
    """Called with each read that brings something."""
    clock_ns: Callable[[], int] = monotonic_ns
    pieces: list[str] = field(default_factory=list)
    reasoning_pieces: list[str] = field(default_factory=list)
    refusal_pieces: list[str] = field(default_factory=list)
    called_tools: bool = False
    finish_reason: str | None = None
    times: StreamTimes = NO_TIMES
    http_status: int | None = None
    _final: TokenUsage | str = NO_USAGE
    """The count of the whole reply, which comes with its finish_reason or after it; or the reason it is missing."""
    _latest: object = None
    """The latest count as it came: only the last one is read whole."""
    _bytes: int = 0
    _written_bytes: int = 0
    _events: EventStream = field(default_factory=EventStream)
    _head: bytes | None = b""
    """What has come before it is clear whether it is a stream; None from then on."""
    _one_piece: bytearray | None = None
    """The body so far of a server that doesn't stream."""
    _now_ns: int = 0

    @property
    def text(self) -> str:
        """The answer so far, without the key and without halves of surrogate pairs."""
        return self._said(self.pieces)

    @property
    def reasoning(self) -> str | None:
        """What the engine sent as thinking so far."""
        return self._said(self.reasoning_pieces) or None

    @property
    def is_whole(self) -> bool:
        """Whether the reply has ended by itself, whatever may still follow."""
        return self.finish_reason not in _UNFINISHED

    @property
    def usage(self) -> TokenUsage | None:
        """The latest count so far, which a cut-off attempt has cost at least; None where none came that can be."""
        latest = read_usage(self._latest)
        return latest if latest and self._can_be_true(latest) else None

    def reply(self, *, lost: str | None = None) -> ChatReply:
        """Return the finished reply; `lost` is why its count is missing if none had come when the connection broke."""
        final = self._final
        usage = final if isinstance(final, TokenUsage) and self._can_be_true(final) else None
        because = IMPLAUSIBLE if isinstance(final, TokenUsage) else lost if lost and final == NO_USAGE else final
        reply = read_reply(self.request, self.dialect.reply_text(self.request, self.text), self.finish_reason, usage)
        refusal = self._said(self.refusal_pieces) or None
        return replace(
            reply,
            usage_missing_because=None if usage else because,
            reasoning="\n".join(filter(None, (self.reasoning, reply.reasoning))) or None,
            refusal=refusal,
            ended_because=ending_of(
                reply.text, self.finish_reason, refused=refusal is not None, called_tools=self.called_tools
            ),
        )

    def _can_be_true(self, usage: TokenUsage) -> bool:
        request = self.request
        return can_be_true(
            usage,
            prompt_bytes=request.prompt_bytes,
            max_tokens=request.max_tokens,
            reply_bytes=self._written_bytes,
            window=self.window,
        )

    async def read(self, reads: AsyncIterable[bytes]) -> None:
        """Read a reply until `[DONE]`, or until its stream ends after the finish_reason.

        Raises:
            OutputInvalid: If it is not a chat completion, or longer than a reply of `max_tokens` can be.
            Retryable: If the engine failed in the middle, or the stream ended before the reply did.
        """
        pieces = aiter(reads)
        async for data in pieces:
            if self._take(data):
                return
            if self.is_whole:
                break
        tail = Deadline(TAIL_S)
        try:
            async with tail:
                async for data in pieces:
                    if self._take(data):
                        return
        except TimeoutError:
            if not tail.expired():
                raise
            return
        self._close()

    def _take(self, data: bytes) -> bool:
        """Take what one read brought; return whether the reply needs nothing more."""
        self.heard()
        self._now_ns = self.clock_ns()
        self._bytes += len(data)
        bytes_max = reply_bytes_max(self.request.max_tokens)
        if self._bytes > bytes_max:
            if self.is_whole:
                return True
            raise OutputInvalid(
                f"the engine sent more than {bytes_max:,} bytes for a reply of at most {self.request.max_tokens:,} "
                "tokens: it does not stop at max_tokens"
            )
        if self._head is not None:
            data = self._head + data
            begin = data.lstrip()[:1]
            self._head = None if begin else data
            self._one_piece = bytearray() if begin == b"{" else None
        if self._one_piece is not None:
            self._one_piece += data
        elif self._head is None:
            for event in self._events.feed(data):
                if self._take_event(event):
                    return True
        return False

    def _close(self) -> None:
        """Judge a stream that has ended without `[DONE]`."""
        if self._one_piece is not None:
            self._take_one_piece()
            return
        cut = self._events.close()
        if cut is not None and _is_json(cut.data) and self._take_event(cut):
            return
        if self.is_whole:
            return
        nothing = self.times.first_token_ns is None and self._latest is None
        if nothing and self._events.strange is not None:
            raise OutputInvalid(f"the engine sent no stream: {self._shown(self._events.strange)}")
        raise Retryable("closed a stream before the reply had ended")

    def _take_one_piece(self) -> None:
        """Take the body of a server that answers without streaming: there are no times within it."""
        self._take_data(bytes(self._one_piece or b"").decode("utf-8", "replace"))
        wrote = self.times.first_token_ns is not None
        self.times = self.times.in_one_piece()
        if not self.is_whole and (not wrote or self.finish_reason is not None):
            raise Retryable(f"ended a reply unfinished (finish_reason {self.finish_reason})")

    def _take_event(self, event: Event) -> bool:
        """Take one event; return whether it is the end."""
        data = event.data
        if data.strip() == _DONE:
            wrote = self.times.first_token_ns is not None
            if not self.is_whole and (not wrote or self.finish_reason is not None):
                raise Retryable(f"ended a reply unfinished (finish_reason {self.finish_reason})")
            return True
        if len(event.lines) > 1 and not _is_json(data) and all(map(_is_json, event.lines)):
            # A server that forgets the blank line between events.
            return any([self._take_event(Event(event.name, (line,))) for line in event.lines])  # noqa: C419 - all of them
        if event.name and event.name != "error" and not _is_json(data):
            return False  # `event: ping` and its like
        self._take_data(data, is_error=event.name == "error")
        return False

    def _take_data(self, data: str, *, is_error: bool = False) -> None:
        try:
            chunk = json.loads(data)
            self._refuse_error(chunk, is_error=is_error)
            delta = read_delta(chunk, whole_allowed=not self.pieces)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise OutputInvalid(f"the engine's chunk is not a chat completion: {self._shown(data)}") from error
        if delta.finish_reason:
            self.finish_reason = finish_reason_of(delta.finish_reason)
        if delta.has_token:
            self._take_delta(delta)
        if (usage := chunk.get("usage")) is not None:
            self._take_usage(usage, is_last=bool(self.finish_reason) or not chunk.get("choices"))

    def _take_delta(self, delta: Delta) -> None:
        self._final = NO_USAGE  # what was counted before this is not all
        self.times = self.times.with_token(self._now_ns, of_answer=bool(delta.text))
        self.called_tools = self.called_tools or bool(delta.tool_text)
        if delta.text:
            self.pieces.append(delta.text)
        if delta.reasoning:
            self.reasoning_pieces.append(delta.reasoning)
        if delta.refusal:
            self.refusal_pieces.append(delta.refusal)
        written = f"{delta.text}{delta.reasoning}{delta.refusal}{delta.tool_text}"
        self._written_bytes += len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))

    def _take_usage(self, found: object, *, is_last: bool) -> None:
        """Keep what a chunk counts. It counts from the start: the last one is the count, never the sum."""
        try:
            counts = read_counts(found)
        except ImplausibleUsage:
            self._final = IMPLAUSIBLE if is_last else self._final
            return
        if counts is None:
            return
        _, completion_tokens = counts
        most = self.times.counted_last
        fell = most is not None and completion_tokens < most.completion_tokens
        self.times = self.times.with_count(self._now_ns, completion_tokens)
        if is_last:
            # With an earlier count above the last one, one of the two is wrong.
            self._final = IMPLAUSIBLE if fell else read_usage(found) or NO_USAGE
        self._latest = self._latest if fell else found

    def _refuse_error(self, chunk: Any, *, is_error: bool) -> None:
        """Raise for an error event: after its first byte vLLM can't send a status any more, so it sends this."""
        error = chunk.get("error")
        if error is None and chunk.get("object") != "error" and not is_error:
            return
        facts: Mapping[str, Any] = error if isinstance(error, dict) else chunk
        said = self.redact(well_formed(str(facts.get("message", error))))[:_SHOWN]
        code, kind = facts.get("code"), facts.get("type")
        if (isinstance(code, int) and is_transient(code)) or kind in _ENGINE_FAILURES:
            raise Retryable(f"reported an error in the stream: {said}")
        raise OutputInvalid(f"the engine reported an error in the stream: {said}")

    def _said(self, pieces: list[str]) -> str:
        return self.redact(well_formed("".join(pieces)))

    def _shown(self, text: str) -> str:
        return repr(self.redact(text)[:_SHOWN])


def _is_json(data: str) -> bool:
    """Whether the data of an event can be read by itself."""
    if data.strip() == _DONE:
        return True
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def well_formed(text: str) -> str:
    """Join surrogate pairs that arrived in two pieces, and replace halves: they can't be stored, nor sent back."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
