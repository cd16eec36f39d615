"""`alerts.sqlite`: where the state of all alerts lives, written by several processes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from docmind_core.alerts.database_schema import TABLES, VERSION, VIEWS
from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.damage import set_aside, sqlite_problem

BUSY_TIMEOUT_S = 30.0


@contextmanager
def open_alerts_database(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Open the database of alerts, created where it is missing or damaged, and close it again.

    A damaged one is set aside: its alerts are lost, and the rule `file_damaged` says so.

    Raises:
        StoreError: If it can't be read or written.
    """
    path = settings.alerts_database
    try:
        settings.make_home()
        if sqlite_problem(path):
            set_aside(path)
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            _prepare(connection)
            yield connection
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: {error}. Check the disk; nothing of this evaluation or delivery is kept.") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all or nothing; a second writer waits its turn at the beginning, not in the middle."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _prepare(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for a lock while it changes the mode: two first processes must take turns themselves.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    connection.execute("pragma synchronous = full")
    if _version(connection) < VERSION:
        with transaction(connection):
            _bring_up_to_date(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    for statement in TABLES.split(";\n"):
        connection.execute(statement)
    for name, statement in VIEWS.items():
        connection.execute(f"drop view if exists {name}")
        connection.execute(statement)
    connection.execute(f"pragma user_version = {VERSION}")
