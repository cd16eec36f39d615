"""Rows as PyArrow has them, in the columns and types of their table."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Self

from docmind_core.errors import StoreError
from docmind_core.tables.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW_TYPES = {
    "varchar": "string",
    "integer": "int32",
    "bigint": "int64",
    "double": "double",
    "boolean": "bool",
    "json": "string",
    "varchar[]": "string",
    "timestamptz": "timestamp[us]",
}
"""By their names: PyArrow is imported by what reads or writes a segment, as `docmind runs` does neither.

A segment holds JSON and lists as JSON text, and times in UTC; `building` makes the published types of them.
"""
ROW_GROUP = 2**13
"""Rows that are written, and read again by packing, at once."""
_JSON = frozenset({"json", "varchar[]"})
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_WHOLE = frozenset({"integer", "bigint"})
_AS_THEY_ARE: dict[str, type] = {
    "varchar": str,
    "json": str,
    "varchar[]": str,
    "integer": int,
    "bigint": int,
    "boolean": bool,
}
"""Types that PyArrow refuses no value of, but for text that is not valid; other values are looked at one by one."""


def schema_of(table: str) -> "pa.Schema":
    """Return the columns of a table as PyArrow has them."""
    import pyarrow as pa

    return pa.schema({name: pa.type_for_alias(_ARROW_TYPES[kind]) for name, (kind, _) in TABLES[table].columns.items()})


def arrow_table(name: str, run_id: str, rows: Sequence[Mapping[str, object]]) -> "pa.Table":
    """Return rows of a run as the table `name` has them; a column that a row lacks is NULL.

    Raises:
        StoreError: If a row has a column the table lacks, another run's id, or a value of the wrong type.
    """
    import pyarrow as pa

    table = TABLES[name]
    known = table.columns.keys()
    for row in rows:
        if not row.keys() <= known:
            unknown = ", ".join(column for column in row if column not in known)
            raise StoreError(f"table {table.name} has no column {unknown}. Add it to tables/schema.py.")
        if row.get("run_id") != run_id:
            raise StoreError(f"a row for the segment {table.name}/{run_id} belongs to run {row.get('run_id')!r}.")
    columns = {
        column: _arrow_column(name, column, kind, [row.get(column) for row in rows])
        for column, (kind, _) in table.columns.items()
    }
    return pa.table(columns)


def _arrow_column(table: str, column: str, kind: str, values: list[object]) -> "pa.Array":
    import pyarrow as pa

    arrow_type = pa.type_for_alias(_ARROW_TYPES[kind])
    try:
        if kind in _JSON:
            values = [_valid(value) for value in values]
        if set(map(type, values)) <= {_AS_THEY_ARE.get(kind, NoneType), NoneType}:
            with suppress(UnicodeEncodeError):
                return pa.array(values, arrow_type)
        return pa.array([_plain(value, kind) for value in values], arrow_type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"table {table}, column {column} ({kind}): {error}") from error


def _valid(text: object) -> object:
    """Return JSON text that DuckDB reads, too: to Python, half of a surrogate pair, escaped, is a character."""
    return json.dumps(json.loads(text), ensure_ascii=False) if isinstance(text, str) and _HALF.search(text) else text


def _plain(value: object, kind: str) -> object:
    if kind in _WHOLE and value is not None and type(value) is not int:
        raise ValueError(f"{value!r} is not a whole number")
    if isinstance(value, str):
        # A reply may hold half of a surrogate pair, which is not valid Unicode text.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no time zone; use an aware datetime")
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a measurement; store NULL with a reason")
    return value


class RowsFile:
    """A Parquet file of the rows of one table of a run, written as they come: no more than `ROW_GROUP` are held."""

    def __init__(self, path: Path, table: str, run_id: str) -> None:
        """Create the file."""
        import pyarrow.parquet as pq

        self._table, self._run_id = table, run_id
        self._writer = pq.ParquetWriter(path, schema_of(table), compression="zstd")
        self._waiting: list[pa.Table] = []
        """Rows for the next row group."""

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, whatever it holds."""
        self._writer.close()

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Write rows after those that are there.

        Raises:
            StoreError: If a row has a column the table lacks, another run's id, or a value of the wrong type.
        """
        left = iter(rows)
        while batch := list(islice(left, ROW_GROUP)):
            self._waiting.append(arrow_table(self._table, self._run_id, batch))
            if sum(map(len, self._waiting)) >= ROW_GROUP:
                self._write(ROW_GROUP)

    def finish(self) -> None:
        """Write what is left."""
        if self._waiting:
            self._write(ROW_GROUP)
        self._writer.close()

    def _write(self, count: int) -> None:
        import pyarrow as pa

        whole = pa.concat_tables(self._waiting)
        self._writer.write_table(whole.slice(0, count), row_group_size=count)
        rest = whole.slice(count)
        self._waiting = [rest] if len(rest) else []
