"""Readings of the engine's counters around an arm's share of a block, and of our own count of requests next to them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from docmind_core.runs.journal import Journal, Row
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import CounterSnapshot, session_without_counters
from docmind_core.serving.replicas import ReplicaClients

UNKNOWN_SESSION = "unknown"
"""Session of an engine that offers no counters: its calls are in the ledger, with nothing to balance them against."""

REQUESTS_SENT = "docmind:requests_sent"
"""Our own count, taken in the connection pool: the attempts booked must be as many."""
ENGINES_SEEN = "docmind:engines_seen"
"""How many engines answered at the URL during a reading."""

BOOKINGS_LOST = "docmind:bookings_lost"
"""1 where a node was lost with what it had booked since its last log: the engine has counted calls that no row has."""

ReadCounters = Callable[[EngineConnection], Awaitable[CounterSnapshot | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The counters of one replica, and how many requests it had been sent."""

    url: str
    session: str
    """Under which its calls are booked: those of two replicas never share one."""
    snapshot: CounterSnapshot | None
    """None where it offers no counters."""
    requests_sent: int | None
    """None where a worker died with its count."""


Readings = tuple[Reading, ...]
"""Of replicas, in the order of their URLs."""


async def read_replicas(replicas: ReplicaClients, read: ReadCounters) -> Readings:
    """Read the counters of all replicas at about the same moment.

    Raises:
        EngineUnreachable: If one does not answer at all.
    """
    connections = [client.connection for client in replicas.clients]
    found = await asyncio.gather(*map(read, connections), return_exceptions=True)
    readings = []
    for client, snapshot in zip(replicas.clients, found, strict=True):
        if isinstance(snapshot, BaseException):  # all other readings have ended
            raise snapshot
        url, unknown = client.connection.base_url, UNKNOWN_SESSION
        if len(replicas.clients) > 1:
            unknown = session_without_counters(url)
        session = snapshot.engine_session if snapshot else unknown
        readings.append(Reading(url=url, session=session, snapshot=snapshot, requests_sent=client.requests_sent))
    return tuple(readings)


def following(before: Readings, after: Readings) -> Readings:
    """Return the second readings under the sessions of the first, where several engines answer and either may be seen.

    Those in front may be of some replicas only.
    """
    earlier = {reading.url: reading for reading in before}
    return tuple(_in_session_of(earlier.get(reading.url), reading) for reading in after)


def with_lost_bookings(readings: Readings) -> Readings:
    """Return readings that say so of the session that they end."""
    return tuple(
        replace(reading, snapshot=replace(found, values={**found.values, BOOKINGS_LOST: 1.0}) if found else None)
        for reading in readings
        for found in (reading.snapshot,)
    )


def _in_session_of(before: Reading | None, after: Reading) -> Reading:
    if before is None or before.snapshot is None or after.snapshot is None:
        return after
    several = max(before.snapshot.engines_seen, after.snapshot.engines_seen) > 1
    return replace(after, session=before.session) if several else after


def book_counters(journal: Journal, run_id: str, block: int, moment: str, readings: Iterable[Reading]) -> None:
    """Write readings, durably; of a replica that offers no counters our own count alone."""
    for reading in readings:
        found = reading.snapshot
        values = {**found.values, ENGINES_SEEN: found.engines_seen} if found else {}
        if reading.requests_sent is not None:
            values[REQUESTS_SENT] = reading.requests_sent
        rows: list[Row] = [
            {
                "run_id": run_id,
                "engine_session": reading.session,
                "block": block,
                "counter": counter,
                "value": float(value),
                "moment": moment,
                "taken_at": found.taken_at if found else datetime.now(UTC),
                "engine_url": reading.url,
            }
            for counter, value in sorted(values.items())
        ]
        journal.book_counters(run_id, reading.session, block, moment, rows)
