"""Tables and paragraphs laid out for the width of a terminal; no value is ever folded in the middle of a word."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import zip_longest
from typing import TextIO

from rich.cells import cell_len

from docmind_core.reports.text_safety import one_line

# Wide enough that nothing is cut off when a file or a program reads along.
PIPE_WIDTH = 10_000
PROSE_WIDTH = 110
_GAP = 3
_PROSE_COLUMN_MIN = 20
_COMMAND = re.compile(r"(?<=: )docmind(?: [^\s;,.)]| [;,.)](?=\S)|[^\s;,.)]|[;,.)](?=\S))+[;,.)]?")
"""What a sentence says to run: from its colon to the end of the clause, with the sign that ends it."""
_NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=(?:%|×|ms|s|min|h|kB|MB|GB|MiB|GiB)(?:\W|$))")
_BLANK = "\ue000"
RECORD_LINES_MAX = 100
"""Rows that don't fit are printed one field a line up to this many lines; longer results lose columns instead."""


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    cells: tuple[str, ...]
    is_numeric: bool

    @cached_property
    def natural(self) -> int:
        return max(map(cell_len, (self.name, *self.cells)))

    @cached_property
    def narrowest(self) -> int:
        """Its width with prose wrapped between words; numbers, ids and single words are never folded."""
        words = [word for cell in self.cells for word in cell.split()]
        longest = max(map(cell_len, (self.name, *words)))
        return min(self.natural, max(longest, _PROSE_COLUMN_MIN))


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that a stream, by default stdout, is shown on; None for a file or a pipe."""
    stream = stream or sys.stdout
    if stream is None or not stream.isatty():
        return None
    # stdout may be a pipe while stderr is the terminal
    return shutil.get_terminal_size(os.get_terminal_size(stream.fileno())).columns


def table_lines(
    names: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None, keep: Sequence[str] = ()
) -> list[str]:
    """Lay rows out under their names, readable at any width.

    A table that is too wide wraps prose between words. If that is not enough, each row becomes a block of one field a
    line, or, where that would be more than `RECORD_LINES_MAX` lines, the columns that don't fit are left out and named.

    Args:
        names: Of the columns.
        rows: Values; None shows as an empty cell, and control characters are spelled out.
        width: Columns of the terminal; None for as many as it takes.
        keep: Names of the columns that are shown first where not all fit.
    """
    columns = [_column(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    if width is None or _total([column.narrowest for column in columns]) <= width:
        return _table(columns, width or PIPE_WIDTH)
    if len(rows) * (len(names) + 1) <= RECORD_LINES_MAX:
        return _records(columns, len(rows), width)
    shown, room = [], width + _GAP
    for column in sorted(columns, key=lambda column: column.name not in keep):
        if column.narrowest + _GAP <= room:
            shown.append(column)
            room -= column.narrowest + _GAP
    if not shown:
        return _records(columns, len(rows), width)
    hidden = ", ".join(column.name for column in columns if column not in shown)
    note = f"Hidden at {width} columns: {hidden}. To see all, pipe into `less -S` or widen the terminal."
    return [*_table([column for column in columns if column in shown], width), *wrapped_lines(note, width)]


def wrapped_lines(text: str, width: int | None) -> list[str]:
    """Wrap a paragraph between words; a word that is longer than the line, such as a path or an id, stays whole.

    So do a number with its unit, and a command that fits into a line: cut in two, only its first half would be copied.
    """
    lines: list[str] = []
    for word in _words(one_line(text), width or PIPE_WIDTH):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= (width or PIPE_WIDTH):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _words(text: str, width: int) -> list[str]:
    def whole(command: re.Match[str]) -> str:
        return command.group().replace(" ", _BLANK) if cell_len(command.group()) <= width else command.group()

    return [word.replace(_BLANK, " ") for word in _NUMBER_AND_UNIT.sub(_BLANK, _COMMAND.sub(whole, text)).split()]


def indented_lines(line: str, width: int | None, *, indent: int = 0) -> list[str]:
    """Wrap one line between words where it is wider than `width`; the others begin with `indent` blanks, or as it does.

    A line that fits keeps its blanks: it may be a column of values, or point into the one above it.
    """
    if width is None or cell_len(line) <= width:
        return [line]
    begin = " " * (len(line) - len(line.lstrip(" ")))
    inner = begin + " " * indent
    first, *rest = wrapped_lines(line, width - len(inner)) or [""]
    return [begin + first, *(inner + part for part in rest)]


def labelled_lines(label: str, text: str, width: int | None) -> list[str]:
    """Wrap `text` after its label; the lines after the first begin under the text."""
    indent = " " * (cell_len(label) + 2)
    first, *rest = wrapped_lines(text, None if width is None else width - len(indent)) or [""]
    return [f"{label}  {first}".rstrip(), *(indent + line for line in rest)]


def _column(name: str, values: Sequence[object]) -> _Column:
    return _Column(
        name=one_line(name),
        cells=tuple(map(_cell, values)),
        is_numeric=any(isinstance(value, int | float) and not isinstance(value, bool) for value in values),
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds" if value.microsecond else "seconds").replace("+00:00", "Z")
    return f"[{', '.join(map(_cell, value))}]" if isinstance(value, list) else one_line(str(value))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _table(columns: Sequence[_Column], width: int) -> list[str]:
    # A rich.table takes 0.6 s for 1,000 rows of six columns, these lines 0.03 s.
    widths = _widths(columns, width)

    def line(cells: Sequence[str]) -> str:
        blanks = [" " * (wide - cell_len(cell)) for cell, wide in zip(cells, widths, strict=True)]
        padded = [
            blank + cell if column.is_numeric else cell + blank
            for column, cell, blank in zip(columns, cells, blanks, strict=True)
        ]
        return (" " * _GAP).join(padded).rstrip()

    lines = [line([column.name for column in columns]), "─" * _total(widths)]
    for cells in zip(*(column.cells for column in columns), strict=True):
        parts = [
            [cell] if cell_len(cell) <= wide else wrapped_lines(cell, wide)
            for cell, wide in zip(cells, widths, strict=True)
        ]
        lines += map(line, zip_longest(*parts, fillvalue=""))
    return lines


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """Share the room that the narrowest widths leave among the columns that want more, evenly."""
    widths = [column.narrowest for column in columns]
    room = width - _total(widths)
    wanting = sorted(range(len(columns)), key=lambda place: columns[place].natural - widths[place])
    for count, place in enumerate(wanting):
        more = min(columns[place].natural - widths[place], room // (len(wanting) - count))
        widths[place] += more
        room -= more
    return widths


def _records(columns: Sequence[_Column], count: int, width: int) -> list[str]:
    heading = max(cell_len(column.name) for column in columns)
    lines = []
    for place in range(count):
        lines.append(f"── {place + 1} of {count} ".ljust(min(width, heading + 24), "─"))
        for column in columns:
            label = column.name + " " * (heading - cell_len(column.name))
            lines += labelled_lines(label, column.cells[place], width)
    return lines
