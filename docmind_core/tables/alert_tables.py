"""The tables of alerts: copies from `alerts.sqlite`, where the state machine lives."""

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from docmind_core.tables.definitions import Table, View

log = logging.getLogger(__name__)

_SERIES = {
    "fingerprint": ("varchar", "Series of a rule: 16 hex digits of sha256 over rule_id and labels"),
    "rule_id": ("varchar", "Name of the rule"),
    "severity": ("varchar", "info, warning or critical"),
    "labels": ("json", "Suite, arm and agent of the series"),
}
_BENCHMARK_RUN = {"benchmark_run": ("varchar", "Key of the benchmark run")}

ALERT_EVALUATIONS = Table(
    name="alert_evaluations",
    comment="One row per evaluation of a rule for one series and benchmark run",
    key=("fingerprint", "benchmark_run"),
    columns={
        **_SERIES,
        **_BENCHMARK_RUN,
        "run_id": ("varchar", "Arm that was judged; NULL for a rule on the whole benchmark run"),
        "evaluated_at": ("timestamptz", "UTC"),
        "value": ("double", "In the metric's unit; NULL if there is no data"),
        "value_low": ("double", "Lower end of its 95 % interval"),
        "value_high": ("double", "Upper end of its 95 % interval"),
        "n": ("integer", "Number of values"),
        "threshold": ("double", "The limit"),
        "test": ("varchar", "What decided: quantile_test, binomtest, ci_bound, point or failure"),
        "outcome": ("varchar", "bad, ok, band (neither) or nodata (never fires and never resolves)"),
        "reason": ("varchar", "Why there is no data, what failed, or what shows that the value is good"),
        "inhibited_by": ("varchar", "Rule that suppressed this one"),
        "evidence": ("json", "p, min_n, for_evals and what the suite overrides"),
    },
)
ALERT_EVENTS = Table(
    name="alert_events",
    comment="One row per change of state of an alert, or per reminder (firing to firing)",
    key=("fingerprint", "first_seen", "event_no"),
    columns={
        **_SERIES,
        "first_seen": ("timestamptz", "UTC time of the evaluation that opened the episode"),
        "event_no": ("integer", "Within the episode, from 1"),
        "from_state": ("varchar", "inactive, pending, firing, resolved, expired or closed"),
        "to_state": (
            "varchar",
            "inactive, pending, firing or resolved; expired (no data in 5 evaluations, or a series that is no longer "
            "configured); closed (by a person)",
        ),
        "changed_at": ("timestamptz", "UTC"),
        **_BENCHMARK_RUN,
        "run_id": ("varchar", "Arm that was judged"),
        "value": ("double", "Value that caused the change"),
        "peak": ("double", "Worst value of the episode so far"),
        "evidence": ("json", "First bad run, how it was decided, and why it expired or was closed"),
    },
)
ALERT_DELIVERIES = Table(
    name="alert_deliveries",
    comment="One row per attempt to send one message to one channel",
    key=("benchmark_run", "seq", "channel", "attempt"),
    columns={
        **_BENCHMARK_RUN,
        "seq": ("integer", "Message of the benchmark run, from 1"),
        "channel": ("varchar", "Name of the channel; its URL is never stored"),
        "attempt": ("integer", "From 1"),
        "status": ("varchar", "delivered, failed, or gave_up (the last row of a message that is not sent again)"),
        "error": ("varchar", "Why it failed, without secrets"),
        "attempted_at": ("timestamptz", "UTC"),
    },
)
DUE_NOTIFICATIONS = Table(
    name="due_notifications",
    comment="One row per message for one channel, sent or not; its text stays in alerts.sqlite",
    key=("benchmark_run", "seq", "channel"),
    columns={
        **_BENCHMARK_RUN,
        "seq": ("integer", "Message of the benchmark run, from 1"),
        "channel": ("varchar", "Name of the channel"),
        "written_at": ("timestamptz", "UTC"),
    },
)
WATCHED_SCHEDULES = Table(
    name="watched_schedules",
    comment="One row per suite with an active schedule, as the daemon last saw it",
    key=("suite",),
    columns={
        "suite": ("varchar", "Name of the suite"),
        "due_every_s": ("double", "Longest time between two of its upcoming due times, seconds"),
        "started_at": ("timestamptz", "UTC time at which the schedule was started"),
        "looked_at": ("timestamptz", "UTC time at which the daemon last checked"),
    },
)
ALERT_TABLES = (ALERT_EVALUATIONS, ALERT_EVENTS, ALERT_DELIVERIES, DUE_NOTIFICATIONS, WATCHED_SCHEDULES)

OPEN_ALERTS = View(
    name="open_alerts",
    comment="One row per alert that is pending or firing: its latest event",
    columns={
        **{name: comment for name, (_, comment) in _SERIES.items()},
        "state": "pending or firing",
        "first_seen": "UTC time of the evaluation that opened the episode",
        "changed_at": "UTC time of its latest event",
        "benchmark_run": "Benchmark run of its latest event",
        "run_id": "Arm that was judged",
        "value": "Value at its latest event",
        "peak": "Worst value of the episode so far",
        "notify_count": "Number of messages: for firing, and reminders",
        "age_h": "Hours since first_seen, at the time of the query",
    },
)
ALERTING_HEALTH = View(
    name="alerting_health",
    comment="One row per suite or channel: when it was last evaluated or last accepted a message",
    columns={
        "subject": "suite or channel",
        "name": "Its name",
        "last_evaluated_at": "UTC time of the suite's newest evaluation; NULL before the first",
        "last_delivered_at": "UTC time at which the channel last accepted a message; NULL before the first",
        "due_every_s": "Seconds between two due times of an active schedule; NULL without one",
        "waiting": "Messages that the channel has not accepted yet",
        "given_up": "Messages written since its last delivery that are no longer sent to it",
        "stale": "True if a suite was not evaluated for two due times, or a channel does not accept its messages",
        "because": "Why it is stale",
    },
)


def copy_alerts(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Fill the tables of alerts from `alerts.sqlite`; where it is missing or broken they are empty.

    A broken one must not take the metrics with it: the evaluation of alerts reports it.
    """
    import pyarrow as pa

    for table in ALERT_TABLES:
        connection.execute(f"delete from {table.name}")
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=30)) as source:
            rows = {table.name: _rows(source, table) for table in ALERT_TABLES}
    except sqlite3.Error as error:
        log.warning("%s can't be read (%s); the tables of alerts stay empty", database, error)
        return
    for table in ALERT_TABLES:
        if rows[table.name]:
            columns = zip(*rows[table.name], strict=True)
            copied = pa.table(dict(zip(table.columns, map(list, columns), strict=True)))
            connection.register("copied_alerts", copied)
            connection.execute(f"insert into {table.name} by name select * from copied_alerts")
            connection.unregister("copied_alerts")


def _rows(source: sqlite3.Connection, table: Table) -> list[tuple[object, ...]]:
    kinds = [kind for kind, _ in table.columns.values()]
    names = ", ".join(f'"{name}"' for name in table.columns)
    return [
        tuple(_plain(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in source.execute(f"select {names} from {table.name} order by rowid")
    ]


def _plain(value: object, kind: str) -> object:
    # Times are stored as ISO text in UTC.
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC) if kind == "timestamptz" and value else value
