"""One streamed reply, read chunk by chunk."""

import json
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from docmind_core.errors import OutputInvalid
from docmind_core.serving.chat import TokenUsage, read_usage
from docmind_core.serving.retrying import Retryable, is_transient

_SHOWN = 200
_UNFINISHED = frozenset({None, "abort", "error"})
"""Reasons after which the text is whatever had been written by then."""
_ENGINE_FAILURES = frozenset({"InternalServerError", "ServiceUnavailableError", "EngineDeadError"})


@dataclass(slots=True, kw_only=True)
class StreamedReply:
    """What has arrived so far; kept up to date so that a cut-off attempt still has its usage."""

    redact: Callable[[str], str] = str
    """Takes the engine's key out of a text."""
    pieces: list[str] = field(default_factory=list)
    usage: TokenUsage | None = None
    finish_reason: str | None = None
    first_token_ns: int | None = None
    last_token_ns: int | None = None

    @property
    def text(self) -> str:
        """The content so far, without the key and without halves of surrogate pairs."""
        return self.redact(well_formed("".join(self.pieces)))

    async def read(self, lines: AsyncIterable[bytes]) -> None:
        """Read server-sent events until `[DONE]`.

        Raises:
            OutputInvalid: If a line is not an event of a chat completion.
            Retryable: If the engine failed in the middle, or the stream ended before the reply did.
        """
        async for raw in lines:
            line = raw.strip()
            if not line.startswith(b"data:"):
                if line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                    raise OutputInvalid(f"the engine sent something that is no event stream: {self._shown(line)}")
                continue
            payload = line[len(b"data:") :].strip()
            if payload == b"[DONE]":
                if self.finish_reason in _UNFINISHED:
                    raise Retryable(f"ended a reply unfinished (finish_reason {self.finish_reason})")
                return
            self._take(payload)
        raise Retryable("closed a stream before [DONE]")

    def _take(self, payload: bytes) -> None:
        try:
            chunk = json.loads(payload)
            self._refuse_error(chunk)
            choices = chunk.get("choices") or []
            choice = choices[0] if choices else {}
            piece = _optional_text((choice.get("delta") or {}).get("content"))
            finish_reason = _optional_text(choice.get("finish_reason"))
            usage = read_usage(chunk.get("usage"))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise OutputInvalid(
                f"the engine sent a chunk that is no chat completion: {self._shown(payload)}"
            ) from error
        # With continuous usage each chunk counts from the start: the last one is the count, never the sum.
        self.usage = usage or self.usage
        self.finish_reason = finish_reason or self.finish_reason
        if piece:
            self.last_token_ns = monotonic_ns()
            self.first_token_ns = self.first_token_ns or self.last_token_ns
            self.pieces.append(piece)

    def _refuse_error(self, chunk: dict[str, Any]) -> None:
        """Raise for an error event: after its first byte vLLM can't send a status any more, so it sends this."""
        error = chunk.get("error")
        if error is None and chunk.get("object") != "error":
            return
        facts = error if isinstance(error, dict) else chunk
        said = self.redact(well_formed(str(facts.get("message", error))))[:_SHOWN]
        code, kind = facts.get("code"), facts.get("type")
        if (isinstance(code, int) and is_transient(code)) or kind in _ENGINE_FAILURES:
            raise Retryable(f"reported an error in the stream: {said}")
        raise OutputInvalid(f"the engine reported an error in the stream: {said}")

    def _shown(self, line: bytes) -> str:
        return repr(self.redact(line.decode("utf-8", "replace"))[:_SHOWN])


def well_formed(text: str) -> str:
    """Join surrogate pairs that arrived in two pieces, and replace halves: they can't be stored, nor sent back."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _optional_text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text should be")
    return value
