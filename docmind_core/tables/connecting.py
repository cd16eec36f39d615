"""How this project opens DuckDB: without extensions from elsewhere, and read-only wherever it can."""

import os
import tempfile
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


def open_new(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database file that is built, then published: in little memory and on one core, next to a benchmark.

    What does not fit into memory goes to `spill_folder`.
    """
    bounds: _Config = {"memory_limit": "128MB", "threads": 1, "temp_directory": str(spill_folder(path))}
    return _quiet(duckdb.connect(str(path), config={**_CONFIG, **bounds}))


def spill_folder(path: Path) -> Path:
    """Return the folder next to a database that is being built, which DuckDB makes when it needs it."""
    return path.with_name(f"{path.name}.spill")


def open_in_memory() -> duckdb.DuckDBPyConnection:
    """Open an empty database without a file; what is more than half a gigabyte goes to the disk."""
    spilled = Path(tempfile.gettempdir()) / f"docmind-{os.getpid()}.spill"
    return _quiet(duckdb.connect(config={**_CONFIG, "memory_limit": "512MB", "temp_directory": str(spilled)}))


def open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published file; close it soon, it keeps showing the version it was opened on."""
    return _quiet(duckdb.connect(str(path), read_only=True, config=_CONFIG))


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
    # A query of more than two seconds would print a bar into the output of whoever asked. Segments hold times in UTC
    # without a zone, and times are shown in UTC, whatever the zone of the machine.
    connection.execute("set enable_progress_bar = false; set global TimeZone = 'UTC'")
    return connection
