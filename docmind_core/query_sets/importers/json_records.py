"""Records of JSON files, one at a time: one object a line, one array, or one object that holds them."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import ijson

from docmind_core.query_sets.importers.delimited import Row
from docmind_core.query_sets.json_lines import BYTE_ORDER_MARK, LINE_BYTES_MAX, FileLimits, objects_in
from docmind_core.query_sets.problems import ProblemList, shown

KEY = "__key__"
"""Under this name a record has the key that it has in an object of records."""
RECORD_BYTES_MAX = 64 * 1024**2
_EVENTS_MAX = 100_000
"""Looked at to find what holds the records."""


def json_records(file: BinaryIO, name: str, problems: ProblemList, *, lines: bool = False) -> Iterator[Row]:
    """Yield each record of a JSON file.

    Records are the objects of the lines, the objects of an array, or what the first array or object in one large
    object holds; an object in such an object has its key under `KEY`.

    Args:
        file: Can be read from its beginning again.
        name: Of the file, for problems.
        problems: Collects each record that is not an object, and damage, which ends the reading.
        lines: Whether the name of the file says that it holds one object a line.
    """
    if _holds_lines(file, named_so=lines):
        for number, values in objects_in(file, name, problems, FileLimits()):
            yield f"{name}:{number}", values
        return
    place = name
    try:
        bounded = _Bounded(file)
        for number, (key, record) in enumerate(_items(file, bounded), start=1):
            bounded.read_bytes = 0
            place = f"{name}, record {number}" if key is None else f"{name}, {shown(key)}"
            if isinstance(record, dict):
                yield place, record if key is None else {KEY: key, **record}
            else:
                problems.add(place, "", f"should be an object, got {shown(record)}")
            if problems.too_many:
                return
    except _RecordTooLarge:
        problems.add(place, "", f"this or the next record is larger than {RECORD_BYTES_MAX // 1024**2} MiB")
    except ijson.JSONError as error:
        problems.add(place, "", f"{_reason(str(error))}, here or in the next record")


def _reason(said: str) -> str:
    if "UTF8" in said:
        return "not UTF-8; save the file as UTF-8"
    if "premature EOF" in said:
        return "the file is cut off"
    return f"not JSON: {said.splitlines()[0]}" if said else "not JSON"


def _holds_lines(file: BinaryIO, *, named_so: bool) -> bool:
    """Tell one object a line from one value over the whole file, and go to where it begins."""
    start = _skip_mark(file)
    first = b"\n"
    while first and not first.strip():
        first = file.readline(LINE_BYTES_MAX)
    if first.lstrip().startswith(b"["):
        found = False
    elif named_so:
        found = True
    else:
        found = _is_object(first) and any(line.strip() for line in iter(lambda: file.readline(LINE_BYTES_MAX), b""))
    file.seek(start)
    return found


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _skip_mark(file: BinaryIO) -> int:
    file.seek(0)
    start = len(BYTE_ORDER_MARK) if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    file.seek(start)
    return start


class _RecordTooLarge(Exception):
    """So much was read since the last record ended."""


class _Bounded:
    """A file that is read as long as its records are not too large; taking a record sets `read_bytes` to 0."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        self.read_bytes += size
        if self.read_bytes > RECORD_BYTES_MAX:
            raise _RecordTooLarge
        return self._file.read(size)


def _items(file: BinaryIO, bounded: _Bounded) -> Iterator[tuple[str | None, object]]:
    """Yield the key, where there is one, and the value of each item of the array or object that holds the records."""
    start = file.tell()
    prefix, kind = _container(file)
    file.seek(start)
    if kind == "array":
        yield from (
            (None, item) for item in ijson.items(bounded, f"{prefix}.item" if prefix else "item", use_float=True)
        )
    else:
        yield from ijson.kvitems(bounded, prefix, use_float=True)


def _container(file: BinaryIO) -> tuple[str, str]:
    """Find what holds the records: the first array, unless an object with an array in it comes before it."""
    depth = 0
    for prefix, event, _ in islice(ijson.parse(file, use_float=True), _EVENTS_MAX):
        if event == "start_array":
            return (prefix, "array") if depth <= 1 else ("", "map")
        depth += (event == "start_map") - (event == "end_map")
    return "", "map"
