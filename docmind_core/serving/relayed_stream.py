"""A stream of events on its way to a client that may not have asked for all of it."""

import json
import re
from dataclasses import dataclass, field

_EVENT_END = re.compile(rb"\r?\n\r?\n")
_DONE = b"[DONE]"
_NOT_PASSED_ON = re.compile(rb"\[DONE\]|\"choices\"\s*:\s*\[\s*\]")
"""In every event that is held back or taken out: what comes before it is passed on without a look at its events."""


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
        """Return what of the stream up to now goes to the client; nothing of a read that holds the end."""
        buffered = self._rest + data if self._rest else data
        begin = 0 if self._held_back else _end_of_last_event(buffered, _NOT_PASSED_ON.search(buffered))
        now = [buffered[:begin]] if begin else []
        for end in _EVENT_END.finditer(buffered, begin):
            event = buffered[begin : end.end()]
            begin = end.end()
            if self._held_back or event.strip() == b"data: " + _DONE:
                self._held_back.append(event)
            elif not (self.hides_usage and _only_counts(event)):
                now.append(event)
        self._rest = buffered[begin:]
        if self._held_back:  # one write less: the client has its end as soon as the attempt is booked
            self._held_back[:0] = now
            return b""
        self._passed += now
        return b"".join(now)

    def end(self) -> bytes:
        """Return what was held back."""
        left = [*self._held_back, self._rest]
        self._held_back, self._rest = [], b""
        self._passed += left
        return b"".join(left)


def _end_of_last_event(buffered: bytes, before: re.Match[bytes] | None) -> int:
    """Return where the last event ends that is whole before a place; 0 where there is none."""
    until = before.start() if before else len(buffered)
    ends = (at + len(mark) for mark in (b"\n\n", b"\n\r\n") if (at := buffered.rfind(mark, 0, until)) >= 0)
    return max(ends, default=0)


def _only_counts(event: bytes) -> bool:
    """Whether an event is the chunk without choices that closes a stream with the usage."""
    if b'"usage"' not in event or not event.startswith(b"data:"):
        return False
    try:
        chunk = json.loads(event[len(b"data:") :])
    except (ValueError, RecursionError):
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and chunk.get("usage") is not None
