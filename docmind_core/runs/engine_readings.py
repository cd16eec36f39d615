"""Readings of the engine's counters around an arm's share of a block, and of our own count of requests next to them."""

from dataclasses import replace
from datetime import UTC, datetime

from docmind_core.runs.journal import Journal, Row
from docmind_core.serving.counters import CounterSnapshot

UNKNOWN_SESSION = "unknown"
"""Session of an engine that offers no counters: its calls are in the ledger, with nothing to balance them against."""

REQUESTS_SENT = "docmind:requests_sent"
"""Our own count, taken in the connection pool: the attempts booked must be as many."""
ENGINES_SEEN = "docmind:engines_seen"
"""How many engines answered at the URL during a reading."""


def in_session_of(before: CounterSnapshot | None, after: CounterSnapshot | None) -> CounterSnapshot | None:
    """Return the second reading under the first one's session, where several engines answer and either may be seen."""
    if before is None or after is None or max(before.engines_seen, after.engines_seen) == 1:
        return after
    return replace(after, engine_session=before.engine_session)


def book_counters(
    journal: Journal, run_id: str, block: int, moment: str, snapshot: CounterSnapshot | None, *, requests_sent: int
) -> None:
    """Write one reading, durably; an engine that offers no counters leaves our own count alone."""
    session = snapshot.engine_session if snapshot else UNKNOWN_SESSION
    values = {**snapshot.values, ENGINES_SEEN: snapshot.engines_seen} if snapshot else {}
    rows: list[Row] = [
        {
            "run_id": run_id,
            "engine_session": session,
            "block": block,
            "counter": counter,
            "value": float(value),
            "moment": moment,
            "taken_at": snapshot.taken_at if snapshot else datetime.now(UTC),
        }
        for counter, value in sorted({**values, REQUESTS_SENT: requests_sent}.items())
    ]
    journal.book_counters(run_id, session, block, moment, rows)
