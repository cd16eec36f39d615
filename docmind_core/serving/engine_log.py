"""What an engine's log file says, in one line or a few."""

import re
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(r"^(?:\([\w -]+ pid=\d+\) ?)?(?:(?P<level>DEBUG|INFO|WARNING|ERROR) [\d-]+ [\d:]+ \[[^\]]+\] ?)?")
_FAILURE = re.compile(r"^(?:[\w.]+(?:Error|Exception|Interrupt): |docmind: |.*\berror: )")
_REPORT = re.compile(r"[A-Z][a-z]+ ")
_CONSEQUENCES = ("See root cause above", "See stack trace (above) for the root cause")
_KEEPER = "docmind keeper: "
_TAIL_BYTES = 256 * 1024


def progress_line(path: Path, *, width: int = 100) -> str:
    """The last thing the engine reported doing, cut to `width` characters; "" before it has said anything."""
    reports = [text for level, text in _lines(path) if level == "INFO" and _REPORT.match(text)]
    return reports[-1][:width] if reports else ""


def failure_lines(path: Path, *, count: int = 2) -> list[str]:
    """The last lines that name an error, oldest first, or else the last lines at all; [] for an empty log."""
    texts = [text for _level, text in _lines(path)]
    named = [text for text in texts if _FAILURE.match(text) and not any(words in text for words in _CONSEQUENCES)]
    return list(dict.fromkeys(named or texts))[-count:]


def last_words(path: Path) -> list[str]:
    """The last line that names an error, and the keeper's that the engine has ended; [] for an empty log."""
    ends = [text for _level, text in _lines(path)[-1:] if text.startswith(_KEEPER)]
    return list(dict.fromkeys([*failure_lines(path, count=1), *ends]))


def _lines(path: Path) -> list[tuple[str | None, str]]:
    """Level and text of the last lines, without colours, process marks and time stamps."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            content = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = []
    for line in content.replace("\r", "\n").splitlines():
        plain = _COLOUR.sub("", line)
        prefix = _PREFIX.match(plain)
        text = plain[prefix.end() if prefix else 0 :].strip()
        if text:
            lines.append((prefix["level"] if prefix else None, text))
    return lines
