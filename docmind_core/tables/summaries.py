"""Summaries: what views say of a run, computed once from its segments and kept in a file of its own.

A run that has ended changes only when it is scored again. A view over facts reads the whole history for each question,
so the rows of those in `STORED` are computed for each run alone; the published file holds them as tables of the schema
`store`. A summary can be deleted at any time: the next build of the database writes it again.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from docmind_core.settings import Settings
from docmind_core.tables.broken_rows import literal, read_files, rows_of
from docmind_core.tables.building import delete, segments_shown, show_rows, stored_query
from docmind_core.tables.connecting import cursor_of, give_back, larger, transaction
from docmind_core.tables.definitions import View
from docmind_core.tables.reading import empty_tables
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import Segments, give_back_unused, replace_durably
from docmind_core.tables.stored_views import STORED

if TYPE_CHECKING:
    import pyarrow as pa

SUMMARIES = "summaries"
"""Folder of the home, and their name in `store.segments`."""
_SOURCES = (
    *("runs", "query_runs", "llm_calls", "spans", "measurements", "engine_counters", "device_samples"),
    *("cache_lookups", "route_decisions", "votes"),
)
"""The tables that the queries of `STORED` read."""
_MADE_FROM = b"docmind:made_from"
_MADE_OF = {"good_ratio": "false", "no_passages_ratio": "false", "tokens_per_correct": "metric = 'passed'"}
"""Rows of `measurements` that metrics of `quality_summary` are made of which are not scores."""
_SCORES_AT_ONCE = 2**18
_BATCH_BYTES = 2**22
_BATCH_RUNS = 128
"""Each query opens the files of so many."""
_LIST_ROWS = 10_000
"""Rows of a view in one list: the executions of agents are as many as the calls."""
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
    stale = [run_id for run_id, path in paths.items() if not _is_made_from(path, marks[run_id])]
    for runs in _batches(settings.tables, sorted(stale)):
        of_runs = {run_id: paths[run_id] for run_id in runs}
        try:
            _write(settings, of_runs, marks)
        except duckdb.OutOfMemoryException:  # not all that a query holds of a large arm can wait on the disk
            with larger(empty_tables(stored=True)):
                _write(settings, of_runs, marks)
    with transaction(connection):
        for view in STORED:
            delete(connection, f"store.{view.name}", outdated)
    small, large = list[Path](), list[Path]()
    for path in sorted(paths.values()):  # by time, as DuckDB finds the rows of a run fastest
        (small if _rows_of(path) == 1 else large).append(path)
    for at in range(0, len(small), _AT_ONCE):
        _insert(connection, small[at : at + _AT_ONCE], copied=True)
    for path in large:
        _insert(connection, [path], copied=False)


def _insert(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, copied: bool) -> None:
    """Insert the rows of summaries. If `copied` into memory, each is opened once, however many views there are."""
    rows = read_files(paths)
    if copied:
        connection.execute(f"create or replace temp table summaries as {rows}")
        rows = "from summaries"
    for view in STORED:
        with transaction(connection):
            connection.execute(
                f"insert into store.{view.name} by name select unnest({view.name}, max_depth := 2) from ({rows})"
            )
    connection.execute("drop table if exists temp.summaries")


def _are_few(folder: Path, run_ids: Sequence[str]) -> bool:
    """Whether the queries of some runs read few rows, those of others in the same packed files among them."""
    import pyarrow as pa

    files = [path for name in _SOURCES if (rows := rows_of(folder, name, run_ids)) for path in rows.paths]
    try:
        return sum(map(_rows_of, files)) <= min(_LIST_ROWS, _SCORES_AT_ONCE)  # no scores to be shown by metric
    except (pa.ArrowException, OSError):  # whoever reads it next says which
        return False


def _batches(folder: Path, run_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield runs in parts with little to read: planning the queries costs more than the rows of a small run."""
    batch, size = list[str](), 0.0
    for _, runs in groupby(run_ids, key=lambda run_id: run_id.partition(".")[0]):
        arms = list(runs)
        files = {path for name in _SOURCES if (rows := rows_of(folder, name, arms)) for path in rows.paths}
        of_arm = sum(path.stat().st_size for path in files) / len(arms)
        for run_id in arms:
            if batch and (size + of_arm > _BATCH_BYTES or len(batch) == _BATCH_RUNS):
                yield batch
                batch, size = [], 0.0
            batch, size = [*batch, run_id], size + of_arm
    if batch:
        yield batch


def _write(settings: Settings, paths: Mapping[str, Path], marks: Mapping[str, str]) -> None:
    """Write the summaries of some runs: a row each, with a list of the rows of every view; a large run has several."""
    (settings.home / SUMMARIES).mkdir(parents=True, exist_ok=True)
    with cursor_of(empty_tables(stored=True)) as connection:
        connection.begin()
        try:
            # Copied into tables, the rows of a large arm would take many times the memory.
            copied = _are_few(settings.tables, list(paths))
            with segments_shown(
                connection, settings.tables, list(paths), tables=_SOURCES, copied=copied, short_ids=not copied
            ):
                for view in STORED:
                    _insert_view(connection, settings.tables, view, list(paths))
                    give_back(connection)
            schema = _file_schema()
            for run_id, path in paths.items():
                _write_one(connection, run_id, path, schema.with_metadata({_MADE_FROM: marks[run_id].encode()}))
            give_back_unused()
        finally:
            connection.rollback()


def _insert_view(connection: duckdb.DuckDBPyConnection, folder: Path, view: View, run_ids: Sequence[str]) -> None:
    """Insert the rows of a view for runs that are shown: of a large arm's scores, those of each metric at once."""
    into, query = f"insert into store.{view.name} by name", stored_query(view)
    metrics = _metrics(connection) if view.name == "quality_summary" and len(run_ids) == 1 else set()
    if not metrics:
        connection.execute(f"{into} {query}")
        return
    for metric in sorted({*metrics, *_MADE_OF}):
        scores = _MADE_OF.get(metric, f"metric = {literal(metric)}")
        show_rows(connection, folder, TABLES["measurements"], run_ids, scores)
        connection.execute(f"{into} from ({query}) where metric = {literal(metric)}")
        give_back(connection)
    show_rows(connection, folder, TABLES["measurements"], run_ids, "true")


def _metrics(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the metrics of an arm with many scores; none of any other."""
    scores = connection.execute("select metric, count(*) from measurements group by all").fetchall()
    return {metric for metric, _ in scores} if sum(count for _, count in scores) > _SCORES_AT_ONCE else set()


@cache
def _file_schema() -> "pa.Schema":
    import pyarrow as pa

    with cursor_of(empty_tables(stored=True)) as connection:
        views = {view.name: connection.execute(f"from store.{view.name} limit 0").to_arrow_table() for view in STORED}
    return pa.schema([(name, pa.list_(pa.struct(list(rows.schema)))) for name, rows in views.items()])


def _write_one(connection: duckdb.DuckDBPyConnection, run_id: str, path: Path, schema: "pa.Schema") -> None:
    import pyarrow.parquet as pq

    part = path.with_name(f"{path.name}.tmp")  # one at a time: publishing locks the home's folder
    first: dict[str, pa.Array] = {}
    with pq.ParquetWriter(part, schema, compression="zstd", write_page_checksum=True) as writer:
        for name in schema.names:
            rows = connection.execute(f"from store.{name} where run_id = {literal(run_id)}")
            for listed in _lists(rows.to_arrow_reader(_LIST_ROWS)):
                if name in first:
                    writer.write_table(_row({name: listed}, schema))
                else:
                    first[name] = listed
        writer.write_table(_row(first, schema))
    replace_durably(part, path)


def _lists(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.Array"]:
    """Yield rows as lists of one element each: a list of at most `_LIST_ROWS` rows."""
    import pyarrow as pa

    for batch in batches:
        for at in range(0, len(batch), _LIST_ROWS):
            rows = batch.slice(at, _LIST_ROWS).to_struct_array()
            # From Python values pa.array would make them too, but imports pandas to look at them.
            offsets = pa.py_buffer(array("i", [0, len(rows)]))
            yield pa.Array.from_buffers(pa.list_(rows.type), 1, [None, offsets], children=[rows])


def _row(lists: Mapping[str, "pa.Array"], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    columns = [lists[one.name].cast(one.type) if one.name in lists else pa.nulls(1, one.type) for one in schema]
    return pa.table(columns, schema=schema)


def _is_made_from(path: Path, mark: str) -> bool:
    """Whether a summary is there and whole, and was made from what `mark` says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(_MADE_FROM) != mark.encode():
                return False
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=False)
    except (pa.ArrowException, OSError):  # not there, or damaged
        return False
    return True


def _rows_of(path: Path) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def _content_of(mark: str | None) -> str:
    """Return a mark without the number of the file, which is another in a copy of the home."""
    return "" if mark is None else mark.rpartition(" ")[0]


@cache
def _queries() -> str:
    return _digest(map(stored_query, STORED))


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
