"""Asking the published database, or the segments of a few runs before they are published."""

import json
import multiprocessing
import resource
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import duckdb
import psutil

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.arrow_rows import ROW_GROUP
from docmind_core.tables.building import create, segments_shown
from docmind_core.tables.connecting import bound, cursor_of, give_back, open_in_memory, open_read_only

if TYPE_CHECKING:
    import pyarrow as pa

Rows = tuple[list[str], list[tuple[object, ...]]]
"""Column names, then rows."""
Record = TypeVar("Record")

_HELD: ContextVar[tuple[Path, duckdb.DuckDBPyConnection] | None] = ContextVar("held", default=None)

MEMORY_MAX, SPILLED_MAX = "2GB", "4GB"
"""What a user's query may take of memory and of disk."""

ADDRESS_SPACE_MAX = 3 * 2**30
"""Bytes beyond those of the process that asks: DuckDB counts not all of what a value takes against its own limit."""


@contextmanager
def one_version(settings: Settings) -> Iterator[None]:
    """Let `query_rows` ask one version of the published database in the block, even if a newer one is published.

    Raises:
        StoreError: As `query_rows`.
    """
    with _opened(settings) as connection:
        before = _HELD.set((settings.metrics_database, connection))
        try:
            yield
        finally:
            _HELD.reset(before)


def query_rows(
    settings: Settings, sql: str, parameters: Mapping[str, object] | None = None, *, max_rows: int | None = None
) -> Rows:
    """Ask the published database and close it again; within `one_version`, ask that one.

    Args:
        settings: Say where the home is.
        sql: One question, with `$named` parameters.
        parameters: Values for these names.
        max_rows: Return at most so many rows; all when None.

    Raises:
        StoreError: If nothing was published yet, or if DuckDB refuses the question.
    """
    with _opened(settings) as connection:
        return _ask(connection, sql, parameters, max_rows)


def ask_within_bounds(
    settings: Settings, sql: str, *, max_rows: int, timeout_s: float, json_as_values: bool = False
) -> Rows:
    """Ask the published database a user's query, in a process of its own that is killed at its limits.

    The question can neither write nor read any other file, and can't lift these bounds. With `json_as_values`, a
    column of type JSON has what it holds instead of its text.

    Raises:
        StoreError: As `query_rows`, and if the answer takes longer than `timeout_s` seconds, more than `MEMORY_MAX`
            of memory or more than `SPILLED_MAX` of disk: a benchmark may be running at the same time.
    """
    # A fork, because a new interpreter would cost each question more time than the question itself.
    processes = multiprocessing.get_context("fork")
    ours, theirs = processes.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="docmind-sql-") as folder:
        child = processes.Process(
            target=_answer, args=(theirs, settings, sql, max_rows, json_as_values, Path(folder)), daemon=True
        )
        child.start()
        theirs.close()
        try:
            if not ours.poll(timeout_s):
                raise StoreError(
                    f"no answer within {timeout_s:g} s. Ask for less, or allow more time: --timeout SECONDS"
                )
            answer = ours.recv()
        except EOFError as error:  # the kernel ended it
            raise StoreError(_too_large()) from error
        finally:
            child.kill()
            child.join()
            ours.close()
    if isinstance(answer, str):
        raise StoreError(answer)
    return cast("Rows", answer)


def _answer(pipe: Connection, settings: Settings, sql: str, max_rows: int, json_as_values: bool, folder: Path) -> None:
    """Send the rows, or the text of the error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then kills this process
    limit = psutil.Process().memory_info().vms + ADDRESS_SPACE_MAX
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        with _opened(settings) as connection:
            bound(connection, memory=MEMORY_MAX, folder=folder, spilled=SPILLED_MAX)
            _refuse_several(connection, sql)
            names, rows = _ask(connection, sql, None, max_rows)
            pipe.send((names, _with_json_values(connection, rows) if json_as_values else rows))
    except StoreError as error:
        pipe.send(_too_large() if isinstance(error.__cause__, duckdb.OutOfMemoryException) else str(error))
    except MemoryError:
        pipe.send(_too_large())


def _with_json_values(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[object, ...]]
) -> list[tuple[object, ...]]:
    are_json = [column[1] == "JSON" for column in connection.description or ()]
    return [
        tuple(
            json.loads(value) if is_json and isinstance(value, str) else value
            for is_json, value in zip(are_json, row, strict=True)
        )
        for row in rows
    ]


def _refuse_several(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse a text of more than one statement: only the rows of the last would be seen.

    Raises:
        StoreError: If there is more than one, or if DuckDB can't parse the text.
    """
    try:
        # PIVOT is split into several; those that DuckDB adds have no text.
        written = [statement.query for statement in connection.extract_statements(sql) if statement.query]
    except duckdb.Error as error:
        raise StoreError(str(error).strip()) from error
    if len(written) > 1:
        raise StoreError(f"{len(written)} statements: ask one at a time, or join them with a WITH clause")


def _too_large() -> str:
    return (
        f"the question needs more than {MEMORY_MAX} of memory and {SPILLED_MAX} of disk, the limits. "
        "Ask for less, or open the database in a shell of DuckDB's own."
    )


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the published database: within `one_version`, to that one."""
    held = _HELD.get()
    if held is not None and held[0] == settings.metrics_database:
        yield held[1]
        return
    if not settings.metrics_database.exists():
        raise StoreError(
            f"there is no database at {settings.metrics_database} yet. Run a benchmark first: docmind bench smoke"
        )
    try:
        connection = open_read_only(settings.metrics_database)
    except duckdb.Error as error:
        raise StoreError(f"{settings.metrics_database} can't be opened: {_first_line(error)}") from error
    with connection:
        yield connection


def query_records(
    settings: Settings, record: type[Record], sql: str, parameters: Mapping[str, object] | None = None
) -> tuple[Record, ...]:
    """Ask as `query_rows` does, and return each row as a `record`: a dict, or a class whose fields are the columns."""
    names, rows = query_rows(settings, sql, parameters)
    return tuple(record(**dict(zip(names, row, strict=True))) for row in rows)


@contextmanager
def query_batches(
    settings: Settings, sql: str, parameters: Mapping[str, object] | None = None
) -> Iterator["pa.RecordBatchReader"]:
    """Ask as `query_rows` does, and yield the answer as Arrow has it, part by part."""
    with _opened(settings) as connection:
        try:
            yield connection.execute(sql, dict(parameters) if parameters else None).to_arrow_reader(ROW_GROUP)
        except duckdb.Error as error:
            raise StoreError(str(error).strip()) from error


def query_segments(
    folder: Path,
    run_ids: Sequence[str],
    sql: str,
    parameters: Mapping[str, object] | None = None,
    *,
    tables: Sequence[str] | None = None,
) -> Rows:
    """Ask tables and views that hold the segments of `run_ids` alone, published or not.

    Args:
        folder: Of the segments.
        run_ids: Whose rows.
        sql: One question, with `$named` parameters.
        parameters: Values for these names.
        tables: Those that the question and its views read; the others stay empty. All when None.

    Raises:
        StoreError: If a segment can't be read, or if DuckDB refuses the question.
    """
    with _asked(folder, run_ids, sql, parameters, tables=tables) as connection:
        return [column[0] for column in connection.description or ()], connection.fetchall()


@contextmanager
def segment_batches(
    folder: Path,
    run_ids: Sequence[str],
    sql: str,
    parameters: Mapping[str, object] | None = None,
    *,
    tables: Sequence[str] | None = None,
    rows: int,
) -> Iterator["pa.RecordBatchReader"]:
    """Ask as `query_segments` does, and yield the answer as Arrow has it, so many rows at once."""
    with _asked(folder, run_ids, sql, parameters, tables=tables) as connection:
        yield connection.to_arrow_reader(rows)


@contextmanager
def _asked(
    folder: Path,
    run_ids: Sequence[str],
    sql: str,
    parameters: Mapping[str, object] | None,
    *,
    tables: Sequence[str] | None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    with cursor_of(empty_tables(stored=False)) as connection:
        connection.begin()
        try:
            with segments_shown(connection, folder, run_ids, tables=tables):
                try:
                    connection.execute(sql, dict(parameters) if parameters else None)
                    yield connection
                except duckdb.Error as error:
                    raise StoreError(str(error).strip()) from error
        finally:
            connection.rollback()
            give_back(connection)


@cache
def empty_tables(*, stored: bool) -> duckdb.DuckDBPyConnection:
    """Keep a database of empty tables for the whole process: making it takes longer than most questions.

    With the tables of `STORED` it is one for publishing.
    """
    connection = open_in_memory(small=stored)
    create(connection, stored=stored)
    return connection


def _ask(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None, max_rows: int | None
) -> Rows:
    try:
        connection.execute(sql, dict(parameters) if parameters else None)
        if connection.description is None:
            raise StoreError("the question is empty. Ask one, such as: from token_efficiency")
        names = [column[0] for column in connection.description]
        rows = connection.fetchall() if max_rows is None else connection.fetchmany(max_rows)
    except duckdb.Error as error:
        raise StoreError(str(error).strip()) from error
    return names, rows


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
