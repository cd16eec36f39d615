"""CSV and TSV as people really write them: byte order marks, other delimiters, quotes that mean nothing."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from docmind_core.query_sets.json_lines import LINE_BYTES_MAX
from docmind_core.query_sets.problems import ProblemList, shown

if TYPE_CHECKING:
    from _csv import Reader

Row = tuple[str, dict[str, object]]
"""Where a record is, `file:line`, and its values by name."""

_SAMPLE_BYTES = 256 * 1024
_SAMPLE_ROWS = 50
_DELIMITERS = ",;\t|"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    delimiter: str
    quoted: bool

    def reader(self, lines: Iterator[str]) -> "Reader":
        if self.quoted:
            return csv.reader(lines, delimiter=self.delimiter)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)


def delimited_rows(file: BinaryIO, name: str, problems: ProblemList) -> Iterator[Row]:
    """Yield each record under the header, by the names of its columns.

    The delimiter (comma, semicolon, tab, bar), and in a table with tabs whether quotes enclose cells, are found in the
    first rows. A record
    with more cells than the header has is a problem; missing ones are empty.
    """
    csv.field_size_limit(LINE_BYTES_MAX)
    start = file.read(_SAMPLE_BYTES)
    encoding = "utf-16" if start.startswith(_UTF_16) else "utf-8-sig"
    dialect = _sniffed(start.decode(encoding, "replace"), cut=len(start) == _SAMPLE_BYTES)
    file.seek(0)
    try:
        with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            yield from _records(dialect.reader(_without_separator_line(text)), name, problems)
    except UnicodeDecodeError as error:
        problems.add(
            name, "", f"contains a byte that is not {encoding[:5].upper()} ({error.reason}); save the file as UTF-8"
        )
    except csv.Error as error:
        reason = f"a cell is longer than {LINE_BYTES_MAX // 2**20} MiB: is a closing quote missing?"
        problems.add(name, "", reason if "field larger" in str(error) else str(error))


def column_names(sample: str) -> list[str]:
    """Return the names in the first record of the beginning of a table."""
    return next(_sniffed(sample, cut=True).reader(iter(sample.splitlines(keepends=True))), [])


def _records(reader: "Reader", name: str, problems: ProblemList) -> Iterator[Row]:
    header = _header(next(reader, []), name, problems)
    line = reader.line_num + 1
    for cells in reader:
        place = f"{name}:{line}"
        line = reader.line_num + 1
        if len(cells) > len(header) and any(cells[len(header) :]):
            problems.add(place, "", f"{len(cells)} cells under {len(header)} columns: is a quote or a delimiter wrong?")
            if problems.too_many:
                return
        elif any(cells):
            yield place, dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False))


def _header(cells: list[str], name: str, problems: ProblemList) -> list[str]:
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, start=1)]
    for position, column in enumerate(names):
        if column in names[:position]:
            problems.add(f"{name}:1", "", f"duplicate column {shown(column)}")
    return names


def _without_separator_line(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines but a first one that only names the delimiter, `sep=;`, as Excel writes it."""
    first = text.readline()
    if first and not _names_separator(first):
        yield first
    yield from text


def _names_separator(line: str) -> bool:
    return line.strip().casefold().startswith("sep=") and len(line.strip()) == len("sep=;")


def _sniffed(sample: str, *, cut: bool) -> _Dialect:
    """Return how the rows of the sample are most alike: the same number of cells, and many of them."""
    lines = sample.splitlines(keepends=True)
    if cut and len(lines) > 1:
        lines = lines[:-1]
    if lines and _names_separator(lines[0]):
        return _Dialect(delimiter=lines[0].strip()[-1], quoted=True)
    ways = [_Dialect(delimiter=delimiter, quoted=True) for delimiter in _DELIMITERS]
    return max([*ways, _Dialect(delimiter="\t", quoted=False)], key=lambda way: _alikeness(way, lines))


def _alikeness(way: _Dialect, lines: list[str]) -> tuple[float, int, bool]:
    counts: list[int] = []
    try:
        for cells in way.reader(iter(lines)):
            if cells:
                counts.append(len(cells))
            if len(counts) == _SAMPLE_ROWS:
                break
    except csv.Error:
        return 0.0, 0, way.quoted
    if not counts or counts[0] == 1:
        return 0.0, 1, way.quoted
    return round(counts.count(counts[0]) / len(counts), 2), counts[0], way.quoted
