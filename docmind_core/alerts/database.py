"""`alerts.sqlite`: where the state of all alerts lives, written by several processes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from docmind_core.errors import StoreError
from docmind_core.settings import Settings

BUSY_TIMEOUT_S = 30.0

_SCHEMA = """
create table if not exists alert_evaluations (
    fingerprint text not null, rule_id text not null, severity text not null, labels text not null,
    benchmark_run text not null, run_id text, evaluated_at text not null,
    value real, value_low real, value_high real, n integer, threshold real, test text not null,
    outcome text not null, reason text, inhibited_by text, evidence text not null,
    primary key (fingerprint, benchmark_run)
);
create table if not exists alert_states (
    fingerprint text primary key, state text not null
);
create table if not exists alert_events (
    fingerprint text not null, first_seen text not null, event_no integer not null,
    rule_id text not null, severity text not null, labels text not null,
    from_state text not null, to_state text not null, changed_at text not null,
    benchmark_run text not null, run_id text,
    value real, peak real, evidence text not null,
    primary key (fingerprint, first_seen, event_no)
);
create table if not exists due_notifications (
    benchmark_run text not null, seq integer not null, channel text not null,
    title text not null, body text not null, body_markdown text not null, written_at text not null,
    primary key (benchmark_run, seq, channel)
);
create table if not exists alert_deliveries (
    benchmark_run text not null, seq integer not null, channel text not null, attempt integer not null,
    status text not null, error text, attempted_at text not null,
    primary key (benchmark_run, seq, channel, attempt)
);
create view if not exists open_alerts as
with latest as (
    select *, row_number() over (partition by fingerprint order by first_seen desc, event_no desc) as place
    from alert_events
)
select
    fingerprint, rule_id, severity, labels, to_state as state, first_seen, changed_at, benchmark_run, run_id,
    value, peak,
    (select count(*) from alert_events as e where e.fingerprint = latest.fingerprint
        and e.first_seen = latest.first_seen and e.to_state = 'firing') as notify_count
from latest
where place = 1 and to_state in ('pending', 'firing');
"""


@contextmanager
def open_alerts_database(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Open the database of alerts, created where it is missing, and close it again.

    Raises:
        StoreError: If it can't be read or written.
    """
    path = settings.alerts_database
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
    known = connection.execute("select count(*) from sqlite_master where name = 'open_alerts'").fetchone()
    if not known[0]:
        with transaction(connection):
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
