"""A stream of events on its way to a client that may not have asked for all of it."""

import json
import re
from dataclasses import dataclass, field

_EVENT_END = re.compile(rb"\r?\n\r?\n")
_DONE = b"[DONE]"


@dataclass(slots=True, kw_only=True)
class RelayedStream:
    """Takes bytes as they arrive and returns what the client is sent now: whole events, the last one held back."""

    hides_usage: bool
    """Whether the chunk that only counts tokens is taken out: the client did not ask for it."""
    _rest: bytes = b""
    _passed: list[bytes] = field(default_factory=list)
    _held_back: list[bytes] = field(default_factory=list)

    @property
    def passed_on(self) -> bytes:
        """All that the client is sent, its end included."""
        return b"".join(self._passed)

    def feed(self, data: bytes) -> bytes:
        """Return what of the stream up to now goes to the client."""
        buffered, begin, now = self._rest + data, 0, []
        for end in _EVENT_END.finditer(buffered):
            event = buffered[begin : end.end()]
            begin = end.end()
            if self._held_back or event.strip() == b"data: " + _DONE:
                self._held_back.append(event)
            elif not (self.hides_usage and _only_counts(event)):
                now.append(event)
        self._rest = buffered[begin:]
        self._passed += now
        return b"".join(now)

    def end(self) -> bytes:
        """Return what was held back."""
        left = [*self._held_back, self._rest]
        self._held_back, self._rest = [], b""
        self._passed += left
        return b"".join(left)


def _only_counts(event: bytes) -> bool:
    """Whether an event is the chunk without choices that closes a stream with the usage."""
    if b'"usage"' not in event or not event.startswith(b"data:"):
        return False
    try:
        chunk = json.loads(event[len(b"data:") :])
    except (ValueError, RecursionError):
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and chunk.get("usage") is not None
