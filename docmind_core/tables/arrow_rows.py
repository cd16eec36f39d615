"""Rows as PyArrow has them, in the columns and types of their table."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

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
    "timestamp": "timestamp[us]",
}
"""By their names: PyArrow is imported by what reads or writes a segment, as `docmind runs` does neither."""
_WHOLE = frozenset({"integer", "bigint"})


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
    for row in rows:
        unknown = [name for name in row if name not in table.columns]
        if unknown:
            raise StoreError(f"table {table.name} has no column {', '.join(unknown)}. Add it to tables/schema.py.")
        if row.get("run_id") != run_id:
            raise StoreError(f"a row for the segment {table.name}/{run_id} belongs to run {row.get('run_id')!r}.")
    columns = {
        column: _arrow_column(name, column, kind, [row.get(column) for row in rows])
        for column, (kind, _) in table.columns.items()
    }
    return pa.table(columns)


def _arrow_column(table: str, column: str, kind: str, values: list[object]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array([_plain(value, kind) for value in values], type=pa.type_for_alias(_ARROW_TYPES[kind]))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"table {table}, column {column} ({kind}): {error}") from error


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
