"""Server-sent events, split out of bytes by the rules of the HTML standard.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_IGNORED_FIELDS = frozenset({b"event", b"id", b"retry"})
_STRANGE_BYTES = 400


class Event(NamedTuple):
    """One event; `lines` are its `data` fields, which the standard joins with line feeds."""

    name: str
    lines: tuple[str, ...]

    @property
    def data(self) -> str:
        """The data, joined."""
        return self.lines[0] if len(self.lines) == 1 else "\n".join(self.lines)


@dataclass(slots=True)
class EventStream:
    """Takes bytes as they arrive, however they are cut, and returns the events that are complete.

    Lines end with CR LF, LF or CR; a byte order mark at the beginning, comments and unknown fields are ignored.
    """

    strange: str | None = None
    """The first line that is not an event field: the server did not send an event stream."""
    _rest: bytes = b""
    _begun: bool = False
    _skip_line_feed: bool = False
    _name: str = ""
    _lines: list[str] = field(default_factory=list)

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes."""
        if self._skip_line_feed and data:
            # The line ended with the CR before: this is the second half of its CR LF.
            data = data.removeprefix(b"\n")
            self._skip_line_feed = False
        rest = self._rest + data
        if not self._begun:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                self._rest = rest
                return []
            rest, self._begun = rest.removeprefix(_BOM), True
        *lines, self._rest = _LINE_END.split(rest) if b"\r" in rest else rest.split(b"\n")
        self._skip_line_feed = rest.endswith(b"\r")
        return [event for line in lines if (event := self._take(line)) is not None]

    def close(self) -> Event | None:
        """Return the event that the end of the stream cut off before its blank line.

        The standard drops it; here it may be the last one of a server that leaves the blank line out, so the reader
        takes it where it is whole.
        """
        self._take(self._rest)
        self._rest = b""
        return self._take(b"")

    def _take(self, line: bytes) -> Event | None:
        if not line:
            event = Event(self._name, tuple(self._lines)) if any(self._lines) else None
            self._name, self._lines = "", []
            return event
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._lines.append(text)
        elif name == b"event":
            self._name = text
        elif name and name not in _IGNORED_FIELDS and self.strange is None:
            self.strange = line.strip()[:_STRANGE_BYTES].decode("utf-8", "replace") or None
        return None
