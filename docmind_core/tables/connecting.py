"""How this project opens DuckDB: without extensions from elsewhere, and read-only wherever it can."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

# A missing extension must be an error here, never a download.
_Config = dict[str, str | bool | int | float | list[str]]
_CONFIG: _Config = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Each segment is read once: kept in memory, they would take more of it the longer the history is.
    "enable_external_file_cache": False,
}

_SMALL: _Config = {"memory_limit": "96MB", "threads": 1}
"""For publishing, which happens next to a benchmark: what does not fit goes to the disk."""

_LARGER = "2GB"


def open_new(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database file that is built, then published: in little memory and on one core, next to a benchmark.

    What does not fit into memory goes to `spill_folder`.
    """
    return _quiet(duckdb.connect(str(path), config={**_CONFIG, **_SMALL, "temp_directory": str(spill_folder(path))}))


def spill_folder(path: Path) -> Path:
    """Return the folder next to a database that is being built, which DuckDB makes when it needs it."""
    return path.with_name(f"{path.name}.spill")


def open_in_memory(*, small: bool = False) -> duckdb.DuckDBPyConnection:
    """Open an empty database without a file, for one core; what is more than a quarter of a gigabyte goes to the disk.

    A `small` one takes as little memory as publishing does.
    """
    spilled = Path(tempfile.gettempdir()) / f"docmind-{os.getpid()}.spill"
    bounds: _Config = _SMALL if small else {"memory_limit": "256MB", "threads": 1}
    return _quiet(duckdb.connect(config={**_CONFIG, **bounds, "temp_directory": str(spilled)}))


def give_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Return to the system what questions took and DuckDB has freed: it would keep it for the next one."""
    # DuckDB looks at this when a statement has ended. Always 0, each part of a question would wait for the system.
    threshold = "allocator_bulk_deallocation_flush_threshold"
    connection.execute(f"set global {threshold} = '0KB'").execute("select 1").fetchall()
    connection.execute(f"reset global {threshold}")


@contextmanager
def larger(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let a small database use more memory during the block, for what does not fit."""
    connection.execute(f"set memory_limit = '{_LARGER}'")
    try:
        yield
    finally:
        connection.execute(f"set memory_limit = '{_SMALL['memory_limit']}'")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published file; close it soon, it keeps showing the version it was opened on."""
    return _quiet(duckdb.connect(str(path), read_only=True, config=_CONFIG))


def cursor_of(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return a cursor, which has settings of its own."""
    return _quiet(connection.cursor())


def bound(connection: duckdb.DuckDBPyConnection, *, memory: str, folder: Path, spilled: str) -> None:
    """Keep a connection from taking the machine, and from every file but its own; it can't lift these bounds itself.

    Args:
        connection: Of a query that the user wrote.
        memory: What it may hold, as DuckDB writes sizes.
        folder: Empty; what does not fit into memory goes there.
        spilled: How much of that there may be.
    """
    for name, value in (
        ("memory_limit", memory),
        ("temp_directory", str(folder)),
        ("max_temp_directory_size", spilled),
        ("enable_external_access", False),
        ("lock_configuration", True),
    ):
        literal = str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"
        connection.execute(f"set {name} = {literal}")


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    # A query of more than two seconds would print a progress bar into the caller's output. Segments hold times in UTC
    # without a zone, and times are shown in UTC, whatever the zone of the machine.
    connection.execute("set enable_progress_bar = false; set global TimeZone = 'UTC'")
    return connection
