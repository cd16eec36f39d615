"""Summaries: what views say of a run, computed once from its segments and kept in a file of its own.

A run that has ended changes only when it is scored again. A view over facts reads the whole history for each question,
so the rows of those in `STORED` are computed for each run alone; the published file holds them as tables of the schema
`store`. A summary can be deleted at any time: whoever builds the database again writes it again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from docmind_core.settings import Settings
from docmind_core.tables.broken_rows import read_files, rows_of
from docmind_core.tables.building import delete, fill, sql_text
from docmind_core.tables.reading import empty_tables
from docmind_core.tables.segments import Segments, replace_durably
from docmind_core.tables.stored_views import STORED

if TYPE_CHECKING:
    import pyarrow as pa

SUMMARIES = "summaries"
"""Folder of the home, and their name in `store.segments`."""
_SOURCES = (
    *("runs", "query_runs", "llm_calls", "spans", "measurements", "engine_counters", "device_samples"),
    *("cache_lookups", "route_decisions"),
)
"""The tables that the queries of `STORED` read."""
_MADE_FROM = b"docmind:made_from"
_BATCH_BYTES = 4 * 2**20
_AT_ONCE = 256
"""Files that are open at once."""


def summary_marks(found: Segments) -> dict[str, str]:
    """Return by run what its summary is made from: the queries, and the segments that they read."""
    return {
        run_id: _digest([_queries(), *(_content_of(found[name].get(run_id)) for name in _SOURCES)])
        for run_id in found["runs"]
    }


def replace_summaries(
    connection: duckdb.DuckDBPyConnection, settings: Settings, outdated: Sequence[str], marks: Mapping[str, str]
) -> None:
    """Delete the rows of runs that are outdated, and insert those of runs that are new.

    Args:
        connection: A database with the tables of `STORED`.
        settings: The home.
        outdated: Runs whose rows go.
        marks: Runs whose rows come, with what their summaries must be made from; others are written again.

    Raises:
        StoreError: If a segment can't be read.
    """
    paths = {run_id: settings.home / SUMMARIES / f"{run_id}.parquet" for run_id in marks}
    stale = [run_id for run_id, path in paths.items() if _made_from(path) != marks[run_id]]
    for runs in _batches(settings.tables, sorted(stale)):
        _write(settings, {run_id: paths[run_id] for run_id in runs}, marks)
    for view in STORED:
        delete(connection, f"store.{view.name}", outdated)
    for first in range(0, len(paths), _AT_ONCE):
        _insert(connection, list(paths.values())[first : first + _AT_ONCE])


def _insert(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    """Insert the rows of summaries; each file is opened once, however many views there are."""
    sql, parameters = read_files(paths)
    connection.execute(f"create or replace temp table summaries as {sql}", parameters)
    for view in STORED:
        connection.execute(
            f"insert into store.{view.name} by name select unnest({view.name}, max_depth := 2) from summaries"
        )
    connection.execute("drop table temp.summaries")


def _batches(folder: Path, run_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield runs in parts with little to read: planning the queries costs more than the rows of a small run."""
    batch, size = list[str](), 0
    for _, runs in groupby(run_ids, key=lambda run_id: run_id.partition(".")[0]):
        arms = list(runs)
        files = {path for name in _SOURCES if (rows := rows_of(folder, name, arms)) for path in rows.paths}
        batch, size = [*batch, *arms], size + sum(path.stat().st_size for path in files)
        if size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(settings: Settings, paths: Mapping[str, Path], marks: Mapping[str, str]) -> None:
    """Write the summaries of some runs: a row each, with a list of the rows of every view."""
    (settings.home / SUMMARIES).mkdir(parents=True, exist_ok=True)
    with empty_tables(stored=True).cursor() as connection:
        connection.begin()
        try:
            fill(connection, settings.tables, list(paths), tables=_SOURCES, columns=_words())
            for view in STORED:
                connection.execute(f"insert into store.{view.name} by name {sql_text(view.name)}")
            lists = [
                f"(select list(r) from store.{one.name} as r where run_id = $run_id) as {one.name}" for one in STORED
            ]
            for run_id, path in paths.items():
                row = connection.execute(f"select {', '.join(lists)}", {"run_id": run_id}).to_arrow_table()
                _replace(path, row.replace_schema_metadata({_MADE_FROM: marks[run_id].encode()}))
        finally:
            connection.rollback()


def _replace(path: Path, row: "pa.Table") -> None:
    import pyarrow.parquet as pq

    part = path.with_name(f"{path.name}.tmp")  # one at a time: whoever publishes holds the home's folder locked
    pq.write_table(row, part, compression="zstd", write_page_checksum=True)
    replace_durably(part, path)


def _made_from(path: Path) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            file.read()
            metadata = file.schema_arrow.metadata or {}
    except (pa.ArrowException, OSError):  # not there, or damaged
        return None
    return str(metadata.get(_MADE_FROM, b""), "ascii")


def _content_of(mark: str | None) -> str:
    """Return a mark without the number of the file, which is another in a copy of the home."""
    return "" if mark is None else mark.rpartition(" ")[0]


@cache
def _words() -> frozenset[str]:
    """Return the words of the queries: columns that are not among them, most of the text, need not be read."""
    return frozenset(word for view in STORED for word in (*re.findall(r"\w+", sql_text(view.name)), *view.columns))


@cache
def _queries() -> str:
    return _digest(sql_text(view.name) for view in STORED)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
