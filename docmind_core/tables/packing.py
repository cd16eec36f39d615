"""Packing: the segments of a benchmark run that has ended become one file per table, empty tables none.

Publishing a whole history costs in proportion to its files. Packing changes no row and can be stopped anywhere: the new
file is in place before the files of the arms go, and these count before the packed one.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from docmind_core.errors import StoreError
from docmind_core.tables.arrow_rows import ROW_GROUP, schema_of
from docmind_core.tables.broken_rows import broken_segment
from docmind_core.tables.damage import SUFFIX as DAMAGED
from docmind_core.tables.damage import forget_damage, is_set_aside
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import (
    PACKED_LAST,
    Segments,
    give_back_unused,
    locked,
    mark,
    replace_durably,
    row_groups,
    run_ids_of,
    segment_path,
    sync_folder,
)

if TYPE_CHECKING:
    import pyarrow as pa

_SMALLEST = 19
"""Level of zstd for what is written once and carried around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """The segments of a home."""

    segments: Segments
    """Of the runs that are whole."""
    loose: frozenset[str]
    """Benchmark runs that were packed and have files of single arms again."""


def segments_on_disk(folder: Path) -> OnDisk:
    """Return the segments of all runs that are whole.

    A run is whole when it has a segment of `runs`, which is written last, and none of its segments was set aside.
    """
    found: Segments = {}
    damaged, packed_runs, own_files = set[str](), set[str](), set[str]()
    arms: dict[str, list[str]] = defaultdict(list)
    for table in TABLES:  # `runs` first: a run that ends during packing is wholly in or wholly out
        own, packed, aside = dict[str, str](), dict[str, str](), set[str]()
        for name, its_mark in _files(folder / table):
            if name.endswith(".parquet"):
                stem = name.removesuffix(".parquet")
                (own if table == "runs" or "." in stem else packed)[stem] = its_mark
            elif name.endswith(DAMAGED):
                aside.add(name.partition(".parquet.")[0])
        if table == "runs":
            for run_id in own:
                arms[run_id.partition(".")[0]].append(run_id)
        else:
            own_files.update(run_id.partition(".")[0] for run_id in own)
            packed_runs.update(packed)
        of_packed = {run_id: its_mark for key, its_mark in packed.items() for run_id in arms[key]}
        found[table] = of_packed | own
        damaged.update(run_id for name in aside for run_id in (name, *arms[name]) if run_id not in own)
    whole = found["runs"].keys() - damaged
    segments = {
        table: {run_id: one for run_id, one in runs.items() if run_id in whole} for table, runs in found.items()
    }
    return OnDisk(segments=segments, loose=frozenset(packed_runs & own_files))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed meanwhile
                yield entry.name, mark(entry.stat())


def pack(folder: Path, benchmark_run: str, *, complete: bool) -> None:
    """Move the segments of a benchmark run into its packed files.

    Args:
        folder: Of the segments.
        benchmark_run: Its key; all its arms have ended.
        complete: Whether all that is known of it was written by now. What a packed file held that was set aside is
            given up then; otherwise nothing is packed into its table until each arm has a file of its own again.

    Raises:
        StoreError: If a segment can't be read.
    """
    run_ids = run_ids_of(folder, benchmark_run)
    for table in sorted(TABLES, key=lambda name: name == PACKED_LAST):
        if table != "runs" and (folder / table).is_dir():
            _pack_table(folder, table, benchmark_run, run_ids, complete=complete)
    give_back_unused()


def _pack_table(folder: Path, table: str, benchmark_run: str, run_ids: tuple[str, ...], *, complete: bool) -> None:
    target = segment_path(folder, table, benchmark_run)
    with locked(folder, table):
        paths = {run_id: segment_path(folder, table, run_id) for run_id in run_ids}
        own = {run_id: path for run_id, path in paths.items() if path.exists()}
        if not own or (is_set_aside(target) and not complete and own.keys() != paths.keys()):
            return
        part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        if _write(part, table, target, own):
            replace_durably(part, target)
        else:
            part.unlink()
            target.unlink(missing_ok=True)
        forget_damage(target)
        for path in own.values():
            path.unlink()
        sync_folder(target.parent)


def _write(part: Path, table: str, target: Path, own: Mapping[str, Path]) -> int:
    """Write what the packed file holds of other arms, and the files of `own`; return how many rows there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows = schema_of(table), 0
    try:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for content in _contents(table, target, own):
                rows += content.num_rows
                if content.num_rows:
                    writer.write_table(_as_now(content, schema), row_group_size=ROW_GROUP)
    except (pa.ArrowException, OSError) as error:
        there = [path for path in (target, *own.values()) if path.exists()]
        raise StoreError(broken_segment(TABLES[table], there) or f"{target}: {error}") from error
    return rows


def _contents(table: str, target: Path, own: Mapping[str, Path]) -> Iterator["pa.Table"]:
    import pyarrow.parquet as pq

    for path in (target, *own.values()):
        if not path.exists():
            continue
        with pq.ParquetFile(path) as file:
            if strange := set(file.schema_arrow.names) - set(TABLES[table].columns):
                raise StoreError(broken_segment(TABLES[table], [path]) or f"{path} has the columns {sorted(strange)}")
            groups = row_groups(file) if path == target else {}
            replaced = {group for run_id in own for group in groups.get(run_id, ())}
            for group in range(file.num_row_groups):
                if group not in replaced:
                    yield file.read_row_group(group, use_threads=False)  # each thread would keep memory of its own


def _as_now(content: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """Return rows with all columns of the table: the segment of a recorded run may lack some."""
    import pyarrow as pa

    there = set(content.column_names)
    columns = [content[one.name] if one.name in there else pa.nulls(len(content), one.type) for one in schema]
    return pa.table(columns, names=schema.names).cast(schema)


def export_run(folder: Path, benchmark_run: str, target: Path) -> tuple[str, ...]:
    """Write all rows of a benchmark run into `target`, one small file per table; return its run ids.

    Raises:
        StoreError: If a segment can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    run_ids = run_ids_of(folder, benchmark_run)
    for table in TABLES:
        paths = {run_id: segment_path(folder, table, run_id) for run_id in run_ids}
        own = {run_id: path for run_id, path in paths.items() if path.exists()}
        parts = [part for part in _contents(table, segment_path(folder, table, benchmark_run), own) if part.num_rows]
        if parts:
            whole = pa.concat_tables([_as_now(part, schema_of(table)) for part in parts])
            path = target / f"{table}.parquet"  # all arms together: texts that they share are there once
            pq.write_table(whole, path, compression="zstd", compression_level=_SMALLEST)
    return run_ids


def import_run(source: Traversable, folder: Path, benchmark_run: str) -> None:
    """Put what `export_run` wrote into a folder of segments; doing it again writes the same files."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for table in TABLES:
        packed = source / f"{table}.parquet"
        if not packed.is_file():
            continue
        (folder / table).mkdir(parents=True, exist_ok=True)
        with packed.open("rb") as opened:
            whole = pq.read_table(opened)
        arms = {str(one): whole.filter(pc.equal(whole["run_id"], one)) for one in whole["run_id"].unique().to_pylist()}
        if table == "runs":
            for run_id, rows in arms.items():
                pq.write_table(rows, segment_path(folder, table, run_id), compression="zstd")
            continue
        with pq.ParquetWriter(segment_path(folder, table, benchmark_run), whole.schema, compression="zstd") as writer:
            for rows in arms.values():
                writer.write_table(rows, row_group_size=ROW_GROUP)
