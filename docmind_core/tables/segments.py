"""Segments: the rows of a table for a run (an arm), in Parquet. They are the truth; the database is built from them.

A segment is a file of its own, `<table>/<run_id>.parquet`, until its benchmark run has ended: then `packing` puts those
of all arms into one, `<table>/<benchmark_run>.parquet`. A file of its own that is there counts before the packed one,
so that a run that was packed can be scored or folded again. `runs` stays apart: its names say which arms have ended.
"""

import ctypes
import fcntl
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from docmind_core.errors import StoreError
from docmind_core.tables.arrow_rows import ROW_GROUP, RowsFile
from docmind_core.tables.damage import forget_damage, is_set_aside
from docmind_core.tables.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Segments = dict[str, dict[str, str]]
"""By table and run, a mark of the file that has its rows: another when it has been written again."""
PACKED_LAST = "query_runs"
"""The table that always has rows: where it is packed, all others are."""
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


def packed_path(folder: Path, table: str, run_id: str) -> Path:
    """Return the path of the rows of `table` for all arms of the benchmark run of `run_id`, once it is packed."""
    return segment_path(folder, table, run_id.partition(".")[0])


def has_segment(folder: Path, table: str, run_id: str) -> bool:
    """Whether the rows of `table` for `run_id` were written, if only to say that there are none, and not set aside."""
    own, packed = segment_path(folder, table, run_id), packed_path(folder, table, run_id)
    if own.exists():
        return True
    if table == "runs" or is_set_aside(own) or is_set_aside(packed):
        return False
    # A table without rows has no file once it is packed.
    return packed.exists() or packed_path(folder, PACKED_LAST, run_id).exists()


def write_segment(folder: Path, table: str, run_id: str, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write all rows of `table` for `run_id`, in place of those written before.

    Rows may come from a generator: no more than `ROW_GROUP` of them are held at once.

    A column that a row lacks becomes NULL. Times must be aware and are stored in UTC. The file appears
    whole or not at all, also when the power fails.

    Raises:
        StoreError: If a row has a column the table lacks, another run's id, or a value of the wrong type.
    """
    with segments_written(folder, [table], run_id) as files:
        files[table].add(rows)
    return segment_path(folder, table, run_id)


@contextmanager
def segments_written(folder: Path, tables: Collection[str], run_id: str) -> Iterator[dict[str, RowsFile]]:
    """Yield a file by table that takes the rows of `run_id`, in place of those written before.

    When the block has ended, they are put in place in the order of `tables`; when it fails, none is.
    """
    with _parts(folder, tables, run_id) as parts:
        yield {table: file for table, (file, _) in parts.items()}
        for table, (file, part) in parts.items():
            file.finish()
            with locked(folder, table):
                _put(part, segment_path(folder, table, run_id))
    give_back_unused()


@contextmanager
def _parts(folder: Path, tables: Collection[str], run_id: str) -> Iterator[dict[str, tuple[RowsFile, Path]]]:
    """Yield files next to those they are to replace; they are removed unless they were renamed."""
    with ExitStack() as stack:
        parts = {}
        for table in tables:
            target = segment_path(folder, table, run_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
            stack.callback(part.unlink, missing_ok=True)
            parts[table] = stack.enter_context(RowsFile(part, table, run_id)), part
        yield parts


def _put(part: Path, target: Path) -> None:
    replace_durably(part, target)
    forget_damage(target)


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
        columns: Their names. One that the segment lacks is all None.
        where: A column of text, and the values of it whose rows are wanted. All rows when None.
    """
    found: dict[str, list[object]] = {name: [] for name in columns}
    for part in read_batches(folder, table, run_id, columns, where=where):
        for name in columns:
            found[name] += part[name].to_pylist() if name in part.schema.names else [None] * len(part)
    return found


def read_batches(
    folder: Path,
    table: str,
    run_id: str,
    columns: Sequence[str],
    *,
    where: tuple[str, Collection[str]] | None = None,
    rows: int = ROW_GROUP,
) -> Iterator["pa.RecordBatch"]:
    """Yield columns of `table` for `run_id`, at most `rows` at once; see `read_columns`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = list(dict.fromkeys(columns if where is None else (*columns, where[0])))
    wanted = None if where is None else pa.array(sorted(set(where[1])), pa.string())
    with _opened(folder, table, run_id) as (file, groups):
        for part in file.iter_batches(rows, groups, names, use_threads=False) if file is not None else ():
            yield part if where is None else part.filter(pc.is_in(part[where[0]], wanted))


def _read(folder: Path, table: str, run_id: str, columns: Sequence[str] | None) -> "pa.Table | None":
    with _opened(folder, table, run_id) as (file, groups):
        names = None if columns is None else list(columns)
        return None if file is None else file.read_row_groups(groups, columns=names)


@contextmanager
def _opened(folder: Path, table: str, run_id: str) -> Iterator[tuple["pq.ParquetFile | None", list[int]]]:
    """Open the file that holds the rows of a run, with the row groups that are its own; None when there is none.

    A column that it lacks is passed over when it is read.

    Raises:
        StoreError: If it can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = segment_path(folder, table, run_id)
    try:
        with ExitStack() as stack:
            file = None
            for path in (path, packed_path(folder, table, run_id)):  # noqa: B020 - named in the error
                with suppress(FileNotFoundError):  # already packed, or never written
                    file = stack.enter_context(pq.ParquetFile(path))
                    break
            groups = list(range(file.num_row_groups)) if file is not None else []
            yield file, row_groups(file).get(run_id, []) if file is not None and path.stem != run_id else groups
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}. Write it again: docmind doctor --repair") from error


def row_groups(file: "pq.ParquetFile") -> dict[str, list[int]]:
    """Return the row groups of a packed file by run: each holds rows of one run alone."""
    found: dict[str, list[int]] = {}
    at = file.schema_arrow.get_field_index("run_id")
    for group in range(file.num_row_groups):
        found.setdefault(file.metadata.row_group(group).column(at).statistics.min, []).append(group)
    return found


def read_parts(
    folder: Path, table: str, run_id: str, columns: Sequence[str], *, rows: int = ROW_GROUP
) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of `table` for `run_id` in the order they were written, at most `rows` at once."""
    for part in read_batches(folder, table, run_id, columns, rows=rows):
        yield [{name: row.get(name) for name in columns} for row in part.to_pylist()]


def update_segment(
    folder: Path, table: str, run_id: str, change: Callable[[list[dict[str, object]]], Sequence[Mapping[str, object]]]
) -> None:
    """Replace the rows of `table` for `run_id` by what `change` makes of them; other processes that do so wait."""
    with locked(folder, table):
        rows = change(read_segment(folder, table, run_id))
        with _parts(folder, [table], run_id) as parts:
            file, part = parts[table]
            file.add(rows)
            file.finish()
            _put(part, segment_path(folder, table, run_id))


@contextmanager
def locked(folder: Path, table: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder of a table while its files are replaced or removed, or, `shared`, while they are read by name."""
    (folder / table).mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / table, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def run_ids_of(folder: Path, benchmark_run: str) -> tuple[str, ...]:
    """Return the runs (arms) of a benchmark run that have ended, sorted: those with a segment of `runs`."""
    prefix = f"{benchmark_run}."
    names = sorted(path.name.removesuffix(".parquet") for path in (folder / "runs").glob("*.parquet"))
    return tuple(name for name in names if name.startswith(prefix))


def give_back_unused() -> None:
    """Return to the system what many rows took and Arrow and the C library have freed: they would keep it."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:  # glibc alone has it
        trim(0)


def mark_of(path: Path) -> str:
    """Return what tells a file from the one that had its name before; nothing where it is not there."""
    return mark(path.stat()) if path.exists() else ""


def mark(status: os.stat_result) -> str:
    """Return `mark_of` from what is known of the file."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files of dead processes: another run may be scoring while this one has the home's lock."""
    for part in folder.glob("*/*.tmp"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):  # a file of someone else's stays
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
