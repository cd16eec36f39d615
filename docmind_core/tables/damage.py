"""Files that can't be read: set aside under another name, so that one of them stops nothing else.

A run with a damaged segment is left out of the database as a whole: with one table missing, its sums would be wrong
and nothing would say so. Its journal has the rows still; `docmind doctor --repair` writes the segment from it.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from docmind_core.settings import Settings

log = logging.getLogger(__name__)

SUFFIX = ".damaged"
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps next to a database; return its new path."""
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    aside = path.with_name(f"{path.name}.{moment}{SUFFIX}")
    path.rename(aside)
    for extra in ("-wal", "-shm"):
        companion = path.with_name(path.name + extra)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + extra))
    log.warning("%s is damaged: set aside as %s", path, aside.name)
    return aside


def damaged_files(settings: Settings) -> tuple[Path, ...]:
    """Return the files of a home that were set aside, sorted."""
    return tuple(sorted((*settings.tables.glob(f"*/*{SUFFIX}"), *settings.home.glob(f"*{SUFFIX}"))))


def damaged_runs(folder: Path) -> dict[str, list[str]]:
    """Return the runs of which a segment under `folder` was set aside, with the tables that lack it.

    Of a packed file these are all arms of its benchmark run that have no file of their own again.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob(f"*/*{SUFFIX}")):
        name, table = path.name.partition(".parquet.")[0], path.parent.name
        arms = (
            [name]
            if "." in name
            else sorted({one.name.partition(".parquet")[0] for one in (folder / "runs").glob(f"{name}.*")})
        )
        for run_id in arms:
            if not (folder / table / f"{run_id}.parquet").exists() and table not in found.setdefault(run_id, []):
                found[run_id].append(table)
    return {run_id: tables for run_id, tables in found.items() if tables}


def is_set_aside(segment: Path) -> bool:
    """Whether a file of this name was set aside and not written again."""
    return any(segment.parent.glob(f"{segment.name}.*{SUFFIX}"))


def forget_damage(segment: Path) -> None:
    """Delete what was set aside of a segment that has been written again."""
    for aside in segment.parent.glob(f"{segment.name}.*{SUFFIX}"):
        aside.unlink(missing_ok=True)


def segment_problem(path: Path) -> str | None:
    """Return why a segment can't be read; None when its footer can."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        return str(error).strip().split("\n", 1)[0]
    return None


def unreadable_segments(folder: Path) -> Iterator[tuple[Path, str]]:
    """Open the footer of every segment, and yield those that can't be read with the reason."""
    for path in sorted(folder.glob("*/*.parquet")):
        if problem := segment_problem(path):
            yield path, problem


def sqlite_problem(path: Path) -> str | None:
    """Return what SQLite's quick check finds wrong with a database; None when nothing, or when it is not there."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            found = str(connection.execute("pragma quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error) if is_corrupt(error) else None
    return None if found == "ok" else found


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether an error of SQLite says that the file is damaged, rather than busy, full or closed to us."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _CORRUPT
