"""Typed cells and tables: a figure keeps its number, unit, interval and count until it is rendered."""

import math
import re
from collections.abc import Sequence
from typing import Literal
from zlib import crc32

from pydantic import ConfigDict, Field, computed_field
from pydantic.dataclasses import dataclass

from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limits import P95_N_MIN
from docmind_core.reports.number_text import not_measured, unit_interval_text, unit_text
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate

DOCUMENTED = ConfigDict(use_attribute_docstrings=True, arbitrary_types_allowed=True)
"""The docstrings of a record are the descriptions of its JSON Schema."""
_QUANTILE = re.compile(r"_p\d+(?=_s$)")


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Source:
    """Where the figures of a row come from."""

    table: str
    """Table or view of the database."""
    column: str
    """Its column, or an expression over its columns."""
    sql: str
    """A query that gives the figures again, for `docmind sql`."""

    @property
    def anchor(self) -> str:
        """Where the page says what the figures are."""
        return f"s{crc32(self.sql.encode()):08x}"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Cell:
    """A figure with what qualifies it, or words."""

    number: float | None = None
    """In `unit`; null for words, and for what was not measured."""
    unit: str = ""
    """`count`, `tokens`, `s`, `%`, `1` for a share or score, `×` for a factor, or another unit; empty for words."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end of the 95 % interval."""
    n: int | None = None
    """Queries, query runs or calls in the number."""
    total: int | None = None
    """How many of these there are."""
    because: str | None = None
    """Reason for a missing number: one of the reasons in docs/metrics.md, or a sentence."""
    words: str = Field(default="", exclude=True)
    """Text that is not a figure, or how a figure is said where the usual form of its unit does not fit."""
    remark: str = Field(default="", exclude=True)
    """What qualifies it besides interval and n."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """As the page shows it."""
        if self.words or not self.unit:
            return self.words
        return not_measured(self.because) if self.number is None else unit_text(self.number, self.unit)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def note(self) -> str:
        """Interval, count and remark, as the page shows them after the text."""
        if self.words or self.number is None:
            return self.remark
        counted = f"n {self.n:,} of {self.total:,}" if self.n is not None and self.total and self.n < self.total else ""
        return joined(unit_interval_text(self.low, self.high, self.unit), counted, self.remark)

    @property
    def is_missing(self) -> bool:
        """Whether it is a figure that was not measured."""
        return bool(self.unit) and self.number is None

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


def figure(
    measured: Estimate | float | None,
    unit: str,
    *,
    total: int | None = None,
    because: str | None = None,
    words: str = "",
    remark: str = "",
) -> Cell:
    """Build the cell of a figure; without a finite number it says that it was not measured, whatever `words` say.

    Args:
        measured: A number, or an estimate with its interval, count and reason.
        unit: As in `Cell.unit`.
        total: What the count of an estimate is out of.
        because: Reason for a missing number; an estimate brings its own.
        words: How it is said, where the usual form of its unit does not fit.
        remark: What qualifies it besides interval and count.
    """
    found = measured if isinstance(measured, Estimate) else Estimate(value=measured, n=0, because=because)
    n = found.n or None  # an estimate always has one, unless it is not known
    if found.value is None or not math.isfinite(found.value):
        return Cell(unit=unit, n=n, total=total, because=found.because or None, remark=remark)
    return Cell(
        number=float(found.value),
        unit=unit,
        low=found.low,
        high=found.high,
        n=n,
        total=total,
        words=words,
        remark=remark,
    )


def missing(because: str | None, unit: str) -> Cell:
    """Build the cell of a figure that was not measured."""
    return Cell(unit=unit, because=because or None)


def no_p95(n: int, unit: str, remark: str = "") -> Cell:
    """Build the cell of a p95 that has too few values."""
    words = f"a p95 needs {P95_N_MIN} values, got {n:,}"
    return Cell(unit=unit, n=n or None, because=N_TOO_SMALL, words=words, remark=remark)


def run_sql(benchmark_run: str, select: str, where: str = "") -> str:
    """Return a query over the rows of a benchmark run, for `docmind sql`.

    Args:
        benchmark_run: Its key.
        select: The query up to its `where`; it joins `runs`.
        where: A further condition.
    """
    key = benchmark_run.replace("'", "''")
    return f"{select} where runs.benchmark_run = '{key}'{f' and {where}' if where else ''}"


def run_source(benchmark_run: str, table: str, column: str, where: str = "") -> Source:
    """Build the source of a row with a figure per arm: `column` of `table`, or an expression over its columns."""
    sql = run_sql(benchmark_run, f"select runs.arm, {column} as value from {table} join runs using (run_id)", where)
    return Source(table=table, column=column, sql=f"{sql} group by all")


def joined(*parts: str | None) -> str:
    """Join what is not empty."""
    return "; ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Row:
    """A row with its heading; a row without cells opens a group."""

    heading: str
    key: str = ""
    """Name of the metric, which does not change with the wording of the heading."""
    cells: tuple[Cell, ...] = ()
    source: Source | None = None
    definition: str = ""
    """What the figures of the row are, as docs/metrics.md has it."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Table:
    """Rows under named columns; the first column holds the headings of the rows."""

    kind: Literal["table"] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    prose: bool = False
    """True when the cells are sentences rather than numbers: they are set left."""
    folded: str = ""
    """What the page says of a table that it shows on request only; empty for one that it shows."""
    sql: str = ""
    """A query that gives the figures again, for `docmind sql`; empty where each row has its own, or there is none."""

    @property
    def sourced(self) -> tuple[Row, ...]:
        """The rows that say where their figures come from."""
        return tuple(row for row in self.rows if row.source)


def table_row(
    heading: str, values: Sequence[str | Cell], *, key: str = "", source: Source | None = None, definition: str = ""
) -> Row:
    """Build a row from plain texts and cells; a metric of the catalogue has its definition from there."""
    cells = tuple(value if isinstance(value, Cell) else Cell(words=value) for value in values)
    known = METRICS.get(key) or METRICS.get(_QUANTILE.sub("", key))
    said = definition or (known.definition.replace("`", "") if known and source else "")
    return Row(heading=heading, key=key, cells=cells, source=source, definition=said)
