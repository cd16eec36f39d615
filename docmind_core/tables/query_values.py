"""Values of finished arms, read from their segments: each metric query by query, or a formula in SQL row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from numpy.typing import NDArray

from docmind_core.errors import StoreError
from docmind_core.tables.arrow_rows import ROW_GROUP
from docmind_core.tables.broken_rows import rows_of
from docmind_core.tables.building import sql_text
from docmind_core.tables.columns import Column, Columns, coded
from docmind_core.tables.connecting import give_back, open_in_memory
from docmind_core.tables.reading import query_segments, segment_batches

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = ("runs", "query_runs", "llm_calls", "measurements")
_COLUMNS = (
    *("run_id", "query_id", "metric", "has_clock", "value", "replicates", "block", "cluster_id"),
    *("missing_because", "is_own"),
)
_AT_ONCE = 2**14
"""Query runs whose values are computed at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryValues:
    """One metric of one arm, a row per query: the mean over its replicates."""

    queries: Column
    """Their ids."""
    values: NDArray[np.float64]
    """NaN where one replicate lacks it."""
    blocks: NDArray[np.int64]
    """0 where none was written."""
    clusters: Column
    because: Column
    """Why a replicate lacks the value, the commonest reason; None where a whole replicate is missing."""
    is_own: NDArray[np.bool_]
    """Whether the arm answered every replicate itself: no failure, no fallback."""
    has_clock: bool


ArmQueryValues = Mapping[str, QueryValues]
"""By metric."""


def read_query_values(
    folder: Path, run_ids: Sequence[str], *, times: Sequence[str] | None = None
) -> dict[str, ArmQueryValues]:
    """Return what each query of each run cost, took and scored, by run id; warm-up is left out.

    Args:
        folder: Of the segments.
        run_ids: Whose values.
        times: Read these metrics alone, which are times and not scores; every metric when None.
    """
    tables = _TABLES if times is None else _TABLES[:-1]  # scores are most of the rows, and stay unread
    [[rows]] = query_segments(folder, run_ids, "select count(*) from query_runs", tables=("query_runs",))[1]
    parts = 1 + int(str(rows)) // _AT_ONCE
    batches = (batch for part in range(parts) for batch in _part(folder, run_ids, times, tables, parts, part))
    columns = coded(batches, _COLUMNS)
    of_runs = columns["run_id"].by_value()
    return {run_id: _by_metric(columns, of_runs.get(run_id, np.zeros(0, np.int64))) for run_id in run_ids}


def _part(
    folder: Path, run_ids: Sequence[str], times: Sequence[str] | None, tables: Sequence[str], parts: int, part: int
) -> Iterator["pa.RecordBatch"]:
    sql, parameters = sql_text("query_values"), dict[str, object](parts=parts, part=part)
    if times is not None:
        sql, parameters["metrics"] = f"from ({sql}) where metric in $metrics", list(times)
    with segment_batches(folder, run_ids, sql, parameters, tables=tables, rows=ROW_GROUP) as batches:
        yield from batches


def _by_metric(columns: Columns, of_run: NDArray[np.int64]) -> ArmQueryValues:
    of_metrics = columns["metric"].take(of_run).by_value()
    return {str(metric): _values(columns, of_run[at]) for metric, at in of_metrics.items()}


def _values(columns: Columns, rows: NDArray[np.int64]) -> QueryValues:
    part = {name: column.take(rows) for name, column in columns.items()}
    replicates = part["replicates"].numbers()
    return QueryValues(
        queries=part["query_id"],
        values=np.where(replicates == replicates.max(), part["value"].numbers(), np.nan),
        blocks=np.nan_to_num(part["block"].numbers()).astype(np.int64),
        clusters=part["cluster_id"],
        because=part["missing_because"],
        is_own=part["is_own"].each(bool, bool),
        has_clock=bool(part["has_clock"].each(bool, bool).any()),
    )


def single_values(
    folder: Path, table: str, run_id: str, formulas: Mapping[str, str], *, where: str = "true"
) -> Columns:
    """Return one row per row of a segment that fulfils `where`; none when there is no segment.

    Args:
        folder: Of the segments.
        table: Its name.
        run_id: Whose rows.
        formulas: SQL over the columns of the table, by the name that the result gets. Only these columns are read.
        where: SQL over the same columns.

    Raises:
        StoreError: If a formula can't be computed; its text is named.
    """
    found = rows_of(folder, table, [run_id])
    if found is None:
        return coded((), tuple(formulas))
    selected = ", ".join(f'{formula} as "{name}"' for name, formula in formulas.items())
    with open_in_memory() as connection:
        try:
            connection.execute(f"select {selected} from ({found.sql}) where {where}")
            columns = coded(connection.to_arrow_reader(ROW_GROUP), tuple(formulas))
        except duckdb.Error as error:
            raise StoreError(f"{found.paths[0]}: {selected}: {str(error).strip().splitlines()[0]}") from error
        give_back(connection)
    return columns
