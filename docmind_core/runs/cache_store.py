"""A cache in one SQLite file that processes share: keyed, bounded, with an end to every entry."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists entries (
    cache text not null, key_hash text not null, value text not null, negative integer not null,
    bytes integer not null, written_at real not null, expires_at real not null, used integer not null,
    primary key (cache, key_hash)
) without rowid;
create index if not exists entries_by_use on entries (used);
"""
_BUSY_S = 1.0


def utc_seconds() -> float:
    """Return the seconds since the epoch: entries outlive the process, and with it its monotonic clock."""
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How long entries live and how much they may take."""

    ttl_s: float = 7 * 24 * 3600.0
    negative_ttl_s: float = 60.0
    """For empty results: what was not found may be found after the next index."""
    entries_max: int = 10_000
    bytes_max: int = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheAnswer:
    """What a lookup found: a value, or the reason it is missing."""

    value: Any = None
    """A copy: parsed again for each lookup, so that no caller can change what the next one gets."""
    missed_because: str | None = None
    """absent, expired or unavailable; None for a hit."""
    negative: bool = False
    age_s: float | None = None

    @property
    def hit(self) -> bool:
        """Whether the cache answered."""
        return self.missed_because is None


class CacheStore:
    """Caches by name in one file; least recently used entries go first when it is full.

    A cache that can't be read or written is a cache that misses: it never fails a query.
    """

    def __init__(
        self, path: Path, *, limits: CacheLimits | None = None, now: Callable[[], float] = utc_seconds
    ) -> None:
        self._path = path
        self._limits = limits or CacheLimits()
        self._now = now
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; the next lookup opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def holds(self, namespace: str) -> bool:
        """Whether a cache of that namespace, named `namespace:...`, has an entry that has not expired."""
        try:
            with self._open() as connection:
                found = connection.execute(
                    "select 1 from entries where cache >= ? and cache < ? and expires_at > ? limit 1",
                    (f"{namespace}:", f"{namespace};", self._now()),  # ; follows : in every order of bytes
                )
                return found.fetchone() is not None
        except (OSError, sqlite3.Error):
            return False

    def look_up(self, cache: str, key_hash: str) -> CacheAnswer:
        """Return what is kept under a key."""
        try:
            with self._open() as connection:
                return self._read(connection, cache, key_hash)
        except (OSError, sqlite3.Error, ValueError):
            return CacheAnswer(missed_because="unavailable")

    def keep(self, cache: str, key_hash: str, value: Any, *, negative: bool = False) -> bool:
        """Keep a JSON value, for a shorter time when it is an empty result; False when it could not be written."""
        text = json.dumps(value, ensure_ascii=False)
        size = len(text.encode())
        if size > self._limits.bytes_max:
            return False
        now = self._now()
        lives_s = self._limits.negative_ttl_s if negative else self._limits.ttl_s
        try:
            with self._open() as connection:
                connection.execute(
                    "insert or replace into entries values (?, ?, ?, ?, ?, ?, ?, "
                    "(select coalesce(max(used), 0) + 1 from entries))",
                    (cache, key_hash, text, int(negative), size, now, now + lives_s),
                )
                self._make_room(connection, now)
        except (OSError, sqlite3.Error):
            return False
        return True

    def _read(self, connection: sqlite3.Connection, cache: str, key_hash: str) -> CacheAnswer:
        where = "where cache = ? and key_hash = ?"
        row = connection.execute(
            f"select value, negative, written_at, expires_at from entries {where}", (cache, key_hash)
        ).fetchone()
        if row is None:
            return CacheAnswer(missed_because="absent")
        value, negative, written_at, expires_at = row
        now = self._now()
        if now >= expires_at:
            connection.execute(f"delete from entries {where}", (cache, key_hash))
            return CacheAnswer(missed_because="expired")
        connection.execute(f"update entries set used = (select max(used) + 1 from entries) {where}", (cache, key_hash))
        return CacheAnswer(value=json.loads(value), negative=bool(negative), age_s=max(0.0, now - written_at))

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        connection.execute("delete from entries where expires_at <= ?", (now,))
        count, size = connection.execute("select count(*), coalesce(sum(bytes), 0) from entries").fetchone()
        if count <= self._limits.entries_max and size <= self._limits.bytes_max:
            return
        # From the most recently used on: what is beyond either limit goes.
        connection.execute(
            "delete from entries where (cache, key_hash) in (select cache, key_hash from ("
            "select cache, key_hash, row_number() over newest as place, sum(bytes) over newest as total from entries "
            "window newest as (order by used desc)) where place > ? or total > ?)",
            (self._limits.entries_max, self._limits.bytes_max),
        )

    def _open(self) -> sqlite3.Connection:
        """Return the open file; as a context manager it commits."""
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=_BUSY_S)
            self._connection.execute("pragma journal_mode = wal")
            # A lost entry is looked up again: not worth a sync of the disk for each.
            self._connection.execute("pragma synchronous = off")
            self._connection.executescript(_SCHEMA)
        return self._connection
