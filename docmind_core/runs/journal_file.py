"""The file of a journal: opened, written in durable transactions, read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from docmind_core.errors import RunError
from docmind_core.runs.journal_entries import SCHEMA, open_for_reading


class JournalFile:
    """One SQLite file; each statement, or block of `_one_transaction`, is on disk when it returns if it waits."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the journal at `path`, or create it; for reading alone, nothing is created or changed."""
        self._path = path
        self._waits = True
        """Whether a transaction is on disk when it is committed."""
        try:
            if read_only:
                self._connection = open_for_reading(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{path}: the journal can't be opened ({error}). Check the disk and the folder.") from error

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _one_transaction(self, *, waits: bool = True) -> Iterator[None]:
        self._write("begin immediate", (), waits=waits)
        try:
            yield
            self._write("commit", ())
        except BaseException:
            self._connection.rollback()
            raise

    def _write(self, sql: str, parameters: tuple[Any, ...], *, waits: bool = True) -> None:
        try:
            if waits is not self._waits and not self._connection.in_transaction:
                self._connection.execute(f"pragma synchronous = {'full' if waits else 'normal'}")
                self._waits = waits
            self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise RunError(
                f"{self._path}: can't be written ({error}). Free some disk space, then continue with --resume."
            ) from error

    def _read(self, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise RunError(f"{self._path}: can't be read ({error}).") from error
