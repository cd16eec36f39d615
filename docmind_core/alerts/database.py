"""`alerts.sqlite`: where the state of all alerts lives, written by several processes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from docmind_core.errors import StoreError
from docmind_core.settings import Settings
from docmind_core.tables.damage import set_aside, sqlite_problem

BUSY_TIMEOUT_S = 30.0

_TABLES = """
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
create table if not exists alert_rules (
    benchmark_run text not null, rule_id text not null, rule_hash text not null, rule text not null,
    primary key (benchmark_run, rule_id)
);
create table if not exists due_notifications (
    benchmark_run text not null, seq integer not null, channel text not null,
    title text not null, body text not null, body_markdown text not null, written_at text not null,
    primary key (benchmark_run, seq, channel)
);
create table if not exists due_alerts (
    benchmark_run text not null, seq integer not null, fingerprint text not null,
    primary key (benchmark_run, seq, fingerprint)
);
create table if not exists delivery_claims (
    benchmark_run text not null, seq integer not null, channel text not null, claimed_at text not null,
    primary key (benchmark_run, seq, channel)
);
create table if not exists alert_deliveries (
    benchmark_run text not null, seq integer not null, channel text not null, attempt integer not null,
    status text not null, error text, attempted_at text not null,
    primary key (benchmark_run, seq, channel, attempt)
);
create table if not exists delivered_urls (
    benchmark_run text not null, seq integer not null, channel text not null, url_digest text not null,
    primary key (benchmark_run, seq, channel, url_digest)
);
create table if not exists silences (
    id integer primary key, matcher text not null, until text not null, author text not null, reason text not null,
    created_at text not null, revoked_at text
);
create table if not exists withheld_notices (
    id integer primary key, fingerprint text not null, first_seen text not null, silence_id integer not null,
    benchmark_run text not null, channels text not null, withheld_at text not null, announced_at text
);
create table if not exists watched_schedules (
    suite text primary key, due_every_s real not null, started_at text not null, looked_at text not null
)
"""

_OPEN_ALERTS = """
create view if not exists open_alerts as
with latest as (
    select *, row_number() over (partition by fingerprint order by first_seen desc, event_no desc) as place
    from alert_events
)
select
    fingerprint, rule_id, severity, labels, to_state as state, first_seen, changed_at, benchmark_run, run_id,
    value, peak,
    (select count(*) from alert_events as e where e.fingerprint = latest.fingerprint
        and e.first_seen = latest.first_seen and e.to_state = 'firing') as notify_count,
    (julianday('now') - julianday(first_seen)) * 24 as age_h
from latest
where place = 1 and to_state in ('pending', 'firing')
"""

_ALERTING_HEALTH = """
create view if not exists alerting_health as
with evaluated as (
    select json_extract(labels, '$.suite') as name, max(evaluated_at) as last_at
    from alert_evaluations
    where benchmark_run not like '%@%'
    group by 1
),
suites as (
    select names.name, evaluated.last_at, watched.due_every_s,
        coalesce((julianday('now') - julianday(coalesce(evaluated.last_at, watched.started_at))) * 86400
            > 2 * watched.due_every_s, 0) as stale
    from (select name from evaluated union select suite from watched_schedules) as names
    left join evaluated on evaluated.name = names.name
    left join watched_schedules as watched on watched.suite = names.name
),
ended as (
    select benchmark_run, seq, channel, max(status) as status
    from alert_deliveries where status in ('delivered', 'gave_up') group by 1, 2, 3
),
messages as (
    select due.channel, due.written_at, ended.status
    from due_notifications as due
    left join ended on ended.benchmark_run = due.benchmark_run and ended.seq = due.seq
        and ended.channel = due.channel
    where due.benchmark_run <> 'test'
),
delivered as (
    select channel, max(attempted_at) as last_at from alert_deliveries where status = 'delivered' group by 1
),
channels as (
    select names.channel as name, max(delivered.last_at) as last_at,
        count(*) filter (where messages.channel is not null and messages.status is null) as waiting,
        count(*) filter (where messages.status = 'gave_up'
            and messages.written_at > coalesce(delivered.last_at, '')) as given_up,
        coalesce(max((julianday('now') - julianday(messages.written_at)) * 24 > 1)
            filter (where messages.status is null), 0) as waits_long
    from (select channel from due_notifications union select channel from alert_deliveries) as names
    left join messages on messages.channel = names.channel
    left join delivered on delivered.channel = names.channel
    group by names.channel
)
select 'suite' as subject, name, last_at as last_evaluated_at, null as last_delivered_at, due_every_s,
    null as waiting, null as given_up, stale,
    case when stale then 'not evaluated for two due times' end as because
from suites
union all
select 'channel', name, null, last_at, null, waiting, given_up, given_up > 0 or waits_long,
    case
        when given_up > 0 then 'gave up on ' || given_up || ' since the last delivery'
        when waits_long then waiting || ' wait, one for more than an hour'
    end
from channels
"""


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
        raise StoreError(f"{path}: {error}. Check the disk; this evaluation or delivery was not saved.") from error


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
    if not _has_schema(connection):
        with transaction(connection):
            for statement in (*_TABLES.split(";\n"), _OPEN_ALERTS, _ALERTING_HEALTH):
                connection.execute(statement)
            connection.execute("pragma user_version = 1")


def _has_schema(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("pragma user_version").fetchone()[0])
