"""Journal entries other than table rows, and how values are encoded."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from docmind_core.tables.definitions import INTERRUPTED

SCHEMA = """
create table if not exists attempts (
    run_id text not null, query_id text not null, replicate integer not null,
    agent text not null, task text not null, request_hash text not null,
    call_id text not null, attempt integer not null,
    ended integer not null, row text not null,
    primary key (call_id, attempt)
);
create index if not exists attempts_of_query on attempts (run_id, query_id, replicate);
create table if not exists replies (
    call_id text not null, attempt integer not null, content_type text not null, body blob not null,
    primary key (call_id, attempt)
);
create table if not exists late_calls (
    run_id text not null, query_id text not null, replicate integer not null,
    agent text not null, task text not null,
    primary key (run_id, query_id, replicate, agent, task)
);
create table if not exists failed_calls (
    run_id text not null, query_id text not null, replicate integer not null,
    call_id text not null primary key, agent text not null, task text not null, request_hash text not null,
    error_type text not null, error_message text not null
);
create table if not exists finished_queries (
    run_id text not null, query_id text not null, replicate integer not null, rows text not null,
    primary key (run_id, query_id, replicate)
);
create table if not exists counters (
    run_id text not null, engine_session text not null, block integer not null, moment text not null,
    rows text not null,
    primary key (run_id, engine_session, block, moment)
);
create table if not exists blocks (
    run_id text not null, block integer not null, engine_session text not null,
    was_reset integer not null, ended integer not null default 0,
    primary key (run_id, block, engine_session)
);
create table if not exists ticks (
    run_id text not null, ticks text not null
);
create table if not exists beginning (
    only_row integer primary key check (only_row = 1), identity text not null,
    accepts_changes integer not null default 0, comparable integer not null default 1
);
create table if not exists additions (
    replicates integer not null
);
create table if not exists starts (
    run_id text not null, started_at text not null
);
create table if not exists arms (
    run_id text not null primary key, started_at text not null, ended_at text, facts text not null
);
"""

UNFINISHED = (
    "query_id <> '' and not exists (select 1 from finished_queries as f "
    "where (f.run_id, f.query_id, f.replicate) = ({0}.run_id, {0}.query_id, {0}.replicate))"
)
"""SQL: the rows of a table, whose name is filled in, that are of queries which have not finished."""
LEFT = f"{UNFINISHED.format('attempts')} and json_extract(row, '$.phase') is not '{INTERRUPTED}'"
"""SQL: attempts of such queries, but for those that were set aside."""
STARTED = f"select distinct run_id, query_id, replicate from attempts where replicate >= 0 and {LEFT}"
"""SQL: the measured queries of these attempts."""
# A span id is unique within one attempt at its query: the next one gives the same ids again.
SET_ASIDE = (
    f"update attempts set row = json_set(row, '$.phase', '{INTERRUPTED}', '$.span_id', null) "
    f"where replicate >= 0 and {LEFT}"
)

CallMatch = tuple[str, str, str]
"""Agent, task and request hash, which identify a call of an interrupted query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunArm:
    """An arm that a process has begun to work on."""

    started_at: datetime
    ended_at: datetime | None
    """None while it has queries left."""
    facts: dict[str, Any]
    """What it ran on, and how it ended: columns of `runs`."""

    @property
    def expected_queries(self) -> int:
        """How many rows it has to have in the end, warm-up left out."""
        return int(self.facts["expected_queries"])


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A call that failed for good, and the error its agent got."""

    call_id: str
    match: CallMatch
    error_type: str
    error_message: str


def encode(value: Any) -> str:
    """Encode a value as JSON; times keep their type."""
    try:
        return orjson.dumps(value, _encode_time, orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, an integer of more than 64 bits: Python's own is slower
        return _ENCODER.encode(value)


def _encode_time(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"utc": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be stored in the journal")


_ENCODER = json.JSONEncoder(default=_encode_time, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Any:
    """Decode a value written by `encode`."""
    return json.loads(text, object_hook=_decode_time)


def _decode_time(entry: dict[str, Any]) -> Any:
    return datetime.fromisoformat(entry["utc"]) if entry.keys() == {"utc"} else entry


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a journal read-only, even if another process is writing it or the file is not writable."""
    # Without a write-ahead log no process is writing. SQLite would create one even to read, which a read-only folder
    # refuses.
    is_at_rest = not path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' * is_at_rest}", uri=True)
