"""A table of finished text, which the HTML, the Markdown and the terminal lay out each in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value and what qualifies it."""

    text: str
    note: str = ""
    """Interval, count or reason; smaller, after the value."""

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A row with its heading; a row without cells opens a group."""

    heading: str
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Rows under named columns; the first column holds the headings of the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]
    prose: bool = False
    """True when the cells are sentences rather than numbers: they are set left."""


def text_row(heading: str, values: Sequence[str | Cell]) -> TextRow:
    """Build a row from plain texts and cells."""
    return TextRow(
        heading=heading,
        cells=tuple(value if isinstance(value, Cell) else Cell(text=value) for value in values),
    )
