"""Segments: one Parquet file per (table, run). They are the truth; the database is built from them."""

import fcntl
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from docmind_core.errors import StoreError
from docmind_core.tables.damage import SUFFIX as DAMAGED
from docmind_core.tables.damage import forget_damage
from docmind_core.tables.definitions import Table
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
Segments = dict[str, dict[str, str]]
"""By table and run, a mark of the file: another when it has been written again."""
_WHOLE = frozenset({"integer", "bigint"})
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}")


def segment_path(folder: Path, table: str, run_id: str) -> Path:
    """Return the path of the rows of `table` for `run_id`.

    Raises:
        StoreError: If there is no such table, or if `run_id` can't be a file name.
    """
    if table not in TABLES:
        raise StoreError(f"there is no table {table!r}. Tables: {', '.join(TABLES)}")
    if not _RUN_ID.fullmatch(run_id):
        raise StoreError(f"run id {run_id!r} can't name a file. Use letters, digits and . _ + @ - only.")
    return folder / table / f"{run_id}.parquet"


def write_segment(folder: Path, table: str, run_id: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write all rows of `table` for `run_id`, in place of those written before.

    A column that a row lacks becomes NULL. Times must be aware and are stored in UTC. The file appears
    whole or not at all, also when the power fails.

    Raises:
        StoreError: If a row has a column the table lacks, another run's id, or a value of the wrong type.
    """
    import pyarrow.parquet as pq

    target = segment_path(folder, table, run_id)
    content = _arrow_table(TABLES[table], run_id, rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    pq.write_table(content, part, compression="zstd")
    replace_durably(part, target)
    forget_damage(target)
    return target


def read_segment(
    folder: Path, table: str, run_id: str, *, columns: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """Return the rows of `table` for `run_id` in the order they were written; none when there is no segment.

    Args:
        folder: Of the segments.
        table: Its name.
        run_id: Whose rows.
        columns: Read these alone: most of a segment is text that few need. All when None.
    """
    content = _read(folder, table, run_id, columns)
    if content is None:
        return []
    names = tuple(TABLES[table].columns) if columns is None else tuple(columns)
    return [{name: row.get(name) for name in names} for row in content.to_pylist()]


def read_columns(
    folder: Path, table: str, run_id: str, columns: Sequence[str], *, where: tuple[str, Collection[str]] | None = None
) -> dict[str, list[object]]:
    """Return columns of `table` for `run_id`, each as one list: the fast way to many rows.

    Args:
        folder: Of the segments.
        table: Its name.
        run_id: Whose rows.
        columns: Their names. One that an older version did not write is all None.
        where: A column of text, and the values of it whose rows are wanted. All rows when None.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    needed = columns if where is None else dict.fromkeys((*columns, where[0]))
    content = _read(folder, table, run_id, tuple(needed))
    if content is None:
        return {name: [] for name in columns}
    if where is not None:
        content = content.filter(pc.is_in(content[where[0]], pa.array(sorted(where[1]), pa.string())))
    written = set(content.column_names)
    return {name: content[name].to_pylist() if name in written else [None] * content.num_rows for name in columns}


def _read(folder: Path, table: str, run_id: str, columns: Sequence[str] | None) -> "pa.Table | None":
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = segment_path(folder, table, run_id)
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(path) as file:  # a column that an older version did not write is passed over
            return file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}. Write it again: docmind doctor --repair") from error


def update_segment(
    folder: Path, table: str, run_id: str, change: Callable[[list[dict[str, object]]], Sequence[Mapping[str, object]]]
) -> None:
    """Replace the rows of `table` for `run_id` by what `change` makes of them; other processes that do so wait."""
    target = segment_path(folder, table, run_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        write_segment(folder, table, run_id, change(read_segment(folder, table, run_id)))
    finally:
        os.close(descriptor)


def run_ids_of(folder: Path, benchmark_run: str) -> tuple[str, ...]:
    """Return the runs (arms) of a benchmark run that have ended, sorted: those with a segment of `runs`."""
    prefix = f"{benchmark_run}."
    names = sorted(path.name.removesuffix(".parquet") for path in (folder / "runs").glob("*.parquet"))
    return tuple(name for name in names if name.startswith(prefix))


def segments_on_disk(folder: Path) -> Segments:
    """Return the segments of all runs that are whole.

    A run is whole when it has a segment of `runs`, which is written last, and none of its segments was set aside.
    """
    found: Segments = {}
    damaged: set[str] = set()
    for table in TABLES:  # `runs` first: a run that ends meanwhile is wholly in or wholly out
        found[table] = {}
        for name, mark in _files(folder / table):
            if name.endswith(".parquet"):
                found[table][name.removesuffix(".parquet")] = mark
            elif name.endswith(DAMAGED):
                damaged.add(name.partition(".parquet.")[0])
    whole = found["runs"].keys() - damaged
    return {table: {run_id: mark for run_id, mark in runs.items() if run_id in whole} for table, runs in found.items()}


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed meanwhile
                yield entry.name, _mark(entry.stat())


def mark_of(path: Path) -> str:
    """Return what tells a file from the one that had its name before; nothing where it is not there."""
    return _mark(path.stat()) if path.exists() else ""


def _mark(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files of dead processes: another run may be scoring while this one has the home's lock."""
    for part in folder.glob("*/*.tmp"):
        pid = part.name.removesuffix(".tmp").rpartition(".")[2]
        if not pid.isdigit() or not psutil.pid_exists(int(pid)):  # earlier versions wrote no number
            part.unlink(missing_ok=True)


def replace_durably(part: Path, target: Path) -> None:
    """Put `part` in the place of `target`: both the content and the new name survive a power failure."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    part.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _arrow_table(table: Table, run_id: str, rows: Sequence[Mapping[str, object]]) -> "pa.Table":
    import pyarrow as pa

    for row in rows:
        unknown = [name for name in row if name not in table.columns]
        if unknown:
            raise StoreError(f"table {table.name} has no column {', '.join(unknown)}. Add it to tables/schema.py.")
        if row.get("run_id") != run_id:
            raise StoreError(f"a row for the segment {table.name}/{run_id} belongs to run {row.get('run_id')!r}.")
    columns = {
        name: _arrow_column(table.name, name, kind, [row.get(name) for row in rows])
        for name, (kind, _) in table.columns.items()
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
