"""One streamed reply, read chunk by chunk."""

import json
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from time import monotonic_ns

from docmind_core.errors import OutputInvalid
from docmind_core.serving.chat import TokenUsage, read_usage


@dataclass(slots=True, kw_only=True)
class StreamedReply:
    """What has arrived so far; kept up to date so that a cut-off attempt still has its usage."""

    pieces: list[str] = field(default_factory=list)
    usage: TokenUsage | None = None
    finish_reason: str | None = None
    first_token_ns: int | None = None
    last_token_ns: int | None = None
    ended: bool = False

    @property
    def text(self) -> str:
        """The content so far."""
        return "".join(self.pieces)

    async def read(self, lines: AsyncIterable[bytes]) -> None:
        """Read server-sent events until `[DONE]`.

        Raises:
            OutputInvalid: If a line is not an event of a chat completion.
        """
        async for raw in lines:
            line = raw.strip()
            if not line.startswith(b"data:"):
                if line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                    raise OutputInvalid(f"the engine sent something that is no event stream: {line[:80]!r}")
                continue
            payload = line[len(b"data:") :].strip()
            if payload == b"[DONE]":
                self.ended = True
                return
            self._take(payload)

    def _take(self, payload: bytes) -> None:
        try:
            chunk = json.loads(payload)
            if "error" in chunk:
                raise OutputInvalid(f"the engine reported an error in the stream: {str(chunk['error'])[:200]}")
            choices = chunk.get("choices") or []
            piece = (choices[0].get("delta") or {}).get("content") if choices else None
            finish_reason = choices[0].get("finish_reason") if choices else None
            usage = read_usage(chunk.get("usage"))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise OutputInvalid(f"the engine sent a chunk that is no chat completion: {payload[:80]!r}") from error
        # With continuous usage each chunk counts from the start: the last one is the count, never the sum.
        self.usage = usage or self.usage
        self.finish_reason = finish_reason or self.finish_reason
        if piece:
            self.last_token_ns = monotonic_ns()
            self.first_token_ns = self.first_token_ns or self.last_token_ns
            self.pieces.append(piece)
