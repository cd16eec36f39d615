"""What an engine's log file says, in one line or a few."""

import re
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(r"^(\([\w ]+ pid=\d+\) )?((DEBUG|INFO|WARNING|ERROR) [\d-]+ [\d:]+ \[[^\]]+\] ?)?")
_FAILURE = re.compile(r"\b\w*(Error|Exception)\b: |^docmind|error: ")
_TAIL_BYTES = 64 * 1024


def log_lines(path: Path) -> list[str]:
    """The last lines of a log, without colours, process marks and time stamps; [] when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = (_PREFIX.sub("", _COLOUR.sub("", line)).rstrip() for line in text.replace("\r", "\n").splitlines())
    return [line for line in lines if line.strip()]


def last_line(path: Path, *, width: int = 100) -> str:
    """The last line of a log, cut to `width` characters."""
    lines = log_lines(path)
    return lines[-1].strip()[:width] if lines else ""


def failure_lines(path: Path, *, count: int = 3) -> list[str]:
    """The lines that say why an engine ended: the last ones that name an error, or else the last ones."""
    lines = log_lines(path)
    named = [line.strip() for line in lines if _FAILURE.search(line) and "keeper:" not in line]
    distinct = list(dict.fromkeys(named))
    return (distinct or [line.strip() for line in lines])[-count:]
