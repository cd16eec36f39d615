"""Due and delivered messages; the rows are the only state.

A message is written in the transaction that decides on it, and waits for its delivery.
"""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.messages import Message
from docmind_core.settings import CHANNEL_NAME, Settings

log = logging.getLogger(__name__)

DELIVERED, FAILED, GAVE_UP = "delivered", "failed", "gave_up"
TEST_RUN = "test"
"""The benchmark run that test messages are filed under."""
ATTEMPTS_MAX = 96
"""After this many attempts a message is given up on a channel: four in each of 24 hours with attempts."""
CLAIM_HOLDS = timedelta(minutes=5)
"""How long a process keeps its claim on a message; after that another process may send it."""

_UNDELIVERED = """
select due.benchmark_run, due.seq, min(due.written_at) as written_at
from due_notifications as due
where due.benchmark_run <> 'test' and not exists (
    select 1 from alert_deliveries as done
    where done.benchmark_run = due.benchmark_run and done.seq = due.seq and done.channel = due.channel
        and done.status in ('delivered', 'gave_up')
)
group by due.benchmark_run, due.seq
order by written_at, due.benchmark_run, due.seq
"""
_WAITING = """
select due.channel, due.title, due.body, due.body_markdown,
    (select count(*) from alert_deliveries as done where done.benchmark_run = due.benchmark_run
        and done.seq = due.seq and done.channel = due.channel) as attempts
from due_notifications as due
where due.benchmark_run = $benchmark_run and due.seq = $seq and not exists (
    select 1 from alert_deliveries as done
    where done.benchmark_run = due.benchmark_run and done.seq = due.seq and done.channel = due.channel
        and done.status in ('delivered', 'gave_up')
) and not exists (
    select 1 from delivery_claims as claim
    where claim.benchmark_run = due.benchmark_run and claim.seq = due.seq and claim.channel = due.channel
        and claim.claimed_at > $still_held
)
order by due.channel
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotice:
    """A message that some channel has not taken yet."""

    benchmark_run: str
    seq: int
    hour: int
    """Whole hours it has been waiting: each hour it is tried afresh."""

    @property
    def key(self) -> str:
        """Return what keeps one attempt from being launched twice."""
        first = f"{self.benchmark_run}:{self.seq}"
        return first if self.hour == 0 else f"{first}:{self.hour}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessage:
    """A message on its way to one channel."""

    channel: str
    attempt: int
    message: Message


def next_seq(connection: sqlite3.Connection, benchmark_run: str) -> int:
    """Return the number of the next message of a benchmark run, from 1."""
    query = "select coalesce(max(seq), 0) + 1 from due_notifications where benchmark_run = ?"
    return int(connection.execute(query, (benchmark_run,)).fetchone()[0])


def insert_due(
    connection: sqlite3.Connection, benchmark_run: str, seq: int, channel: str, message: Message, moment: str
) -> None:
    """Write one message that waits for its delivery."""
    connection.execute(
        "insert or ignore into due_notifications values (?, ?, ?, ?, ?, ?, ?)",
        (benchmark_run, seq, channel, message.title, message.text, message.markdown, moment),
    )


def named_channels(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the channels without duplicates and without invalid names, which may be URLs with tokens."""
    named = tuple(dict.fromkeys(channel for channel in channels if CHANNEL_NAME.fullmatch(channel)))
    if invalid := len(set(channels)) - len(named):
        log.error("%d channels of a suite have invalid names and receive no messages; run docmind check SUITE", invalid)
    return named


def undelivered(settings: Settings, *, now: datetime | None = None) -> tuple[DueNotice, ...]:
    """Return every message still to be delivered to a channel, oldest first.

    However old: a daemon that was away for a weekend sends what was due on Friday.
    """
    if not settings.alerts_database.exists():
        return ()
    moment = now or datetime.now(UTC)
    with open_alerts_database(settings) as connection:
        rows = connection.execute(_UNDELIVERED).fetchall()
    return tuple(
        DueNotice(
            benchmark_run=row["benchmark_run"],
            seq=row["seq"],
            hour=max(0, int((moment - datetime.fromisoformat(row["written_at"])).total_seconds() // 3600)),
        )
        for row in rows
    )


def claim_messages(
    settings: Settings, benchmark_run: str, seq: int, *, now: datetime | None = None
) -> tuple[WaitingMessage, ...]:
    """Return the waiting messages and claim them, so that no other process sends them at the same time."""
    moment = now or datetime.now(UTC)
    with open_alerts_database(settings) as connection, transaction(connection):
        found = _waiting(connection, benchmark_run, seq, moment)
        connection.executemany(
            "insert or replace into delivery_claims values (?, ?, ?, ?)",
            [(benchmark_run, seq, waiting.channel, moment.isoformat()) for waiting in found],
        )
    return found


def _waiting(connection: sqlite3.Connection, benchmark_run: str, seq: int, now: datetime) -> tuple[WaitingMessage, ...]:
    still_held = (now - CLAIM_HOLDS).isoformat()
    parameters = {"benchmark_run": benchmark_run, "seq": seq, "still_held": still_held}
    return tuple(
        WaitingMessage(
            channel=row["channel"],
            attempt=row["attempts"] + 1,
            message=Message(title=row["title"], text=row["body"], markdown=row["body_markdown"]),
        )
        for row in connection.execute(_WAITING, parameters).fetchall()
    )


def record_delivery(
    settings: Settings, benchmark_run: str, seq: int, waiting: WaitingMessage, error: str | None
) -> bool:
    """Write down how an attempt ended; `error` is None when the channel took the message.

    Returns:
        Whether the channel is given up for this message: that was its last attempt.
    """
    gave_up = error is not None and waiting.attempt >= ATTEMPTS_MAX
    ends = [(waiting.attempt, DELIVERED if error is None else FAILED, error)]
    if gave_up:
        ends.append((waiting.attempt + 1, GAVE_UP, f"gave up after {waiting.attempt} attempts"))
    at = datetime.now(UTC).isoformat()
    with open_alerts_database(settings) as connection, transaction(connection):
        # Of two processes that sent the same after all, each keeps its row: the first number that is free.
        taken = connection.execute(
            "select coalesce(max(attempt), 0) from alert_deliveries "
            "where benchmark_run = ? and seq = ? and channel = ?",
            (benchmark_run, seq, waiting.channel),
        ).fetchone()[0]
        offset = max(0, taken + 1 - waiting.attempt)
        connection.executemany(
            "insert into alert_deliveries values (?, ?, ?, ?, ?, ?, ?)",
            [
                (benchmark_run, seq, waiting.channel, attempt + offset, status, text, at)
                for attempt, status, text in ends
            ],
        )
        connection.execute(
            "delete from delivery_claims where benchmark_run = ? and seq = ? and channel = ?",
            (benchmark_run, seq, waiting.channel),
        )
    return gave_up


def urls_reached(settings: Settings, benchmark_run: str, seq: int, channel: str) -> frozenset[str]:
    """Return the digests of a channel's URLs that have taken a message."""
    query = "select url_digest from delivered_urls where benchmark_run = ? and seq = ? and channel = ?"
    with open_alerts_database(settings) as connection:
        return frozenset(row[0] for row in connection.execute(query, (benchmark_run, seq, channel)))


def record_url(settings: Settings, benchmark_run: str, seq: int, channel: str, url_digest: str) -> None:
    """Write down that one of a channel's URLs has taken a message: it is not sent there again."""
    row = (benchmark_run, seq, channel, url_digest)
    with open_alerts_database(settings) as connection, transaction(connection):
        connection.execute("insert or ignore into delivered_urls values (?, ?, ?, ?)", row)


def write_test_notice(settings: Settings, channel: str, message: Message) -> int:
    """Put a test message for one channel in line; return its number under `TEST_RUN`."""
    with open_alerts_database(settings) as connection, transaction(connection):
        seq = next_seq(connection, TEST_RUN)
        insert_due(connection, TEST_RUN, seq, channel, message, datetime.now(UTC).isoformat())
    return seq
