"""Removing what the database of alerts keeps about benchmark runs that were removed."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime

from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.lifecycle import FIRING, PENDING
from docmind_core.runs.keys import is_benchmark_run
from docmind_core.settings import Settings

_OF_A_SERIES = {"alert_evaluations": "evaluated_at", "alert_events": "changed_at", "withheld_notices": "withheld_at"}
"""Tables about series, and the column of their time."""
_OF_A_MESSAGE = ("due_alerts", "delivery_claims", "alert_deliveries", "delivered_urls", "due_notifications")
"""Tables about messages; what says when a message was written goes last."""
_EVER = "9999"
_WAITING = """
select distinct due.benchmark_run from due_notifications as due
where not exists (
    select 1 from alert_deliveries as done
    where done.benchmark_run = due.benchmark_run and done.seq = due.seq and done.channel = due.channel
        and done.status in ('delivered', 'gave_up')
)
"""


def prune_alerts(settings: Settings, *, before: datetime | None) -> int:
    """Remove the rows about benchmark runs that are gone, and what else was written before a time.

    An open alert keeps its history, and a message that still waits is sent.

    Args:
        settings: The home.
        before: Rows that belong to no benchmark run, such as test messages and missed schedules, go if they are older;
            None keeps them all.

    Returns:
        How many rows were removed.
    """
    if not settings.alerts_database.exists():
        return 0
    with open_alerts_database(settings) as connection, transaction(connection):
        removed = _remove_series(connection, settings, before) + _remove_messages(connection, settings, before)
        connection.execute(
            "delete from alert_rules where benchmark_run not in (select benchmark_run from alert_evaluations)"
        )
        # A series of which nothing is left begins again as if it had never been.
        connection.execute(
            "delete from alert_states where fingerprint not in (select fingerprint from alert_events)"
            " and fingerprint not in (select fingerprint from alert_evaluations)"
        )
    return removed


def _remove_series(connection: sqlite3.Connection, settings: Settings, before: datetime | None) -> int:
    removed, still_open = 0, json.dumps(list(_open_series(connection)))
    for table, moment in _OF_A_SERIES.items():
        for run in _runs_in(connection, table):
            if (until := _removed_until(settings, run, before)) is not None:
                statement = (
                    f"delete from {table} where benchmark_run = ? and {moment} < ?"
                    " and fingerprint not in (select value from json_each(?))"
                )
                removed += connection.execute(statement, (run, until, still_open)).rowcount
    return removed


def _remove_messages(connection: sqlite3.Connection, settings: Settings, before: datetime | None) -> int:
    removed, waiting = 0, {row[0] for row in connection.execute(_WAITING)}
    for run in _runs_in(connection, "due_notifications"):
        until = _removed_until(settings, run, before)
        if until is None or run in waiting:
            continue
        old = "select seq from due_notifications where benchmark_run = ?1 and written_at < ?2"
        for table in _OF_A_MESSAGE:
            statement = f"delete from {table} where benchmark_run = ?1 and seq in ({old})"
            removed += connection.execute(statement, (run, until)).rowcount
    return removed


def _runs_in(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(f"select distinct benchmark_run from {table}")]


def _removed_until(settings: Settings, run: str, before: datetime | None) -> str | None:
    """Return up to which time rows filed under a key or a name are removed; None where all of them stay."""
    key = run.partition(":")[0]
    if is_benchmark_run(key):
        return None if (settings.benchmarks / key).exists() else _EVER
    return before.isoformat() if before else None


def _open_series(connection: sqlite3.Connection) -> Iterator[str]:
    for fingerprint, state in connection.execute("select fingerprint, state from alert_states"):
        if json.loads(state)["state"] in {PENDING, FIRING}:
            yield fingerprint
