"""How this project opens DuckDB: without extensions from elsewhere, and read-only wherever it can."""

from pathlib import Path

import duckdb

# A missing extension must be an error here, never a download.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def open_new(path: Path) -> duckdb.DuckDBPyConnection:
    """Create a database file to be built, then published."""
    return _quiet(duckdb.connect(str(path), config=_CONFIG))


def open_in_memory() -> duckdb.DuckDBPyConnection:
    """Open an empty database that no file stands behind."""
    return _quiet(duckdb.connect(config=_CONFIG))


def open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published file; close it soon, it keeps showing the version it was opened on."""
    return _quiet(duckdb.connect(str(path), read_only=True, config=_CONFIG))


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    # A query of more than two seconds would print a bar into the output of whoever asked.
    connection.execute("set enable_progress_bar = false")
    return connection
