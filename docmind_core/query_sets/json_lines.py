"""JSON Lines as people really write them: a byte order mark, CRLF and blank lines are fine, damage is located."""

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Never

from docmind_core.query_sets.problems import ProblemList, shown
from docmind_core.query_sets.set_files import FILE_BYTES_MAX, opened, too_large

LINE_BYTES_MAX = 8 * 1024 * 1024
LINES_MAX = 1_000_000
OBJECTS_MAX = 1_000_000
"""In one file, nested ones counted: each is checked for duplicate keys."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WHOLE = {b"[": "one JSON array", b"{": "one JSON object over several lines"}
"""What a file is whose first line begins or consists of this, by the character."""
_PLAIN = {
    "Expecting value": "a value is missing, or a string is not in quotes",
    "Expecting property name enclosed in double quotes": 'a key is missing, or not in double quotes (")',
    "Expecting ':' delimiter": "a colon is missing after a key",
    "Expecting ',' delimiter": "a comma is missing, or a quote inside a string is not escaped with \\",
    "Extra data": "unexpected text after the end of the object",
    "Unterminated string starting at": "a string has no closing quote; it starts",
    "Invalid \\escape": "a single \\ in a string; write \\\\",
    "Invalid \\uXXXX escape": "\\u is not followed by four hexadecimal digits",
    "Illegal trailing comma before end of object": "a comma before the closing }",
    "Illegal trailing comma before end of array": "a comma before the closing ]",
}
"""Python's words for what is wrong with a line of JSON, in plain ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How much of a file of lines is read."""

    file_bytes: float = math.inf
    """Unpacked."""
    lines: float = math.inf
    objects: float = math.inf


SET_FILE = FileLimits(file_bytes=FILE_BYTES_MAX, lines=LINES_MAX, objects=OBJECTS_MAX)


def json_objects(path: Path, problems: ProblemList) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield line number, from 1, and object of each line of a set's file that holds one, within the limits of a set."""
    file = opened(path, problems)
    if file is not None:
        with file:
            yield from objects_in(file, path.name, problems, SET_FILE)


def objects_in(
    file: BinaryIO, name: str, problems: ProblemList, limits: "FileLimits"
) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield line number, from 1, and object of each line that holds one; add a problem for each that doesn't.

    Reading ends where a limit is passed or where there are too many problems; that is a problem too.
    """
    objects = _Objects(limits.objects)
    try:
        for number, line in _lines(file, name, problems, limits):
            parsed = _parsed(line, f"{name}:{number}", problems, objects)
            if parsed is not None:
                yield number, parsed
            if objects.passed:
                return
            if problems.too_many:
                problems.add(f"{name}:{number}", "", "too many problems; the rest of the file was not read")
                return
    except (EOFError, zlib.error) as error:
        problems.add(name, "", f"is a damaged gzip file: {error}")
    except OSError as error:
        problems.add(name, "", f"can't be read: {error.strerror or error}")


def _whole(line: bytes) -> str | None:
    """Return what a file is as a whole whose first line is the beginning of one JSON value."""
    start = line.strip()
    return WHOLE.get(start[:1]) if start[:1] == b"[" or start == b"{" else None


def _lines(file: BinaryIO, name: str, problems: ProblemList, limits: FileLimits) -> Iterator[tuple[int, bytes]]:
    number = size = 0
    # Reading with a bound keeps a file without line ends from being loaded whole.
    while line := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        size += len(line)
        if len(line) > LINE_BYTES_MAX:
            too_long = f"the line is longer than {LINE_BYTES_MAX // 2**20} MiB; split the text"
            problems.add(f"{name}:{number}", "", too_long)
            while line and not line.endswith(b"\n") and size <= limits.file_bytes:
                line = file.readline(LINE_BYTES_MAX)
                size += len(line)
            line = b""
        if size > limits.file_bytes:
            problems.add(f"{name}:{number}", "", too_large())
            return
        if number > limits.lines:
            problems.add(f"{name}:{number}", "", f"more than {limits.lines:,} lines, the limit; split the set")
            return
        line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if number == 1 and (whole := _whole(line)):
            problems.add(name, "", f"is {whole}; write one JSON object a line")
            return
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def _parsed(line: bytes, place: str, problems: ProblemList, objects: "_Objects") -> dict[str, object] | None:
    try:
        # Not strict: control characters inside a text are the reader's to repair, escaped or not.
        value = json.loads(
            line.decode("utf-8"), strict=False, parse_constant=_refuse_constant, object_pairs_hook=objects.made_of
        )
    except UnicodeDecodeError as error:
        problems.add(place, "", f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8")
    except RecursionError:
        problems.add(place, "", "lists or objects are nested too deeply")
    except json.JSONDecodeError as error:
        problems.add(place, "", f"not JSON: {_PLAIN.get(error.msg, error.msg)}, at column {error.colno}")
    except ValueError as error:
        problems.add(place, "", str(error))
    else:
        if isinstance(value, dict):
            return value
        problems.add(place, "", f"a line must be a JSON object, got {shown(value)}")
    return None


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON value; write null or a number")


class _Objects:
    """Makes the objects of a file, and counts them."""

    def __init__(self, limit: float) -> None:
        self._count = 0
        self._limit = limit

    @property
    def passed(self) -> bool:
        """Whether there were more than the limit."""
        return self._count > self._limit

    def made_of(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        self._count += 1
        if self.passed:
            raise ValueError(f"more than {self._limit:,} objects in the file, the limit; split the set")
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise ValueError(f"duplicate key {shown(twice)}")
        return found
