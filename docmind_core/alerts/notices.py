"""What is due and what was delivered; no state but the rows themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from docmind_core.alerts.booking import insert_due, next_seq
from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.messages import Message
from docmind_core.settings import Settings

DELIVERED, FAILED = "delivered", "failed"
TEST_RUN = "test"
"""Stands for the benchmark run of test messages."""
ROUNDS_MAX = 24

_UNDELIVERED = """
select due.benchmark_run, due.seq, min(due.written_at) as written_at
from due_notifications as due
where due.benchmark_run <> 'test' and due.written_at >= $since and not exists (
    select 1 from alert_deliveries as done
    where done.benchmark_run = due.benchmark_run and done.seq = due.seq and done.channel = due.channel
        and done.status = 'delivered'
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
        and done.status = 'delivered'
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


def undelivered(settings: Settings, *, now: datetime | None = None) -> tuple[DueNotice, ...]:
    """Return every message of the last day that some channel has not taken, oldest first."""
    if not settings.alerts_database.exists():
        return ()
    moment = now or datetime.now(UTC)
    since = (moment - timedelta(hours=ROUNDS_MAX)).isoformat()
    with open_alerts_database(settings) as connection:
        rows = connection.execute(_UNDELIVERED, {"since": since}).fetchall()
    return tuple(
        DueNotice(
            benchmark_run=row["benchmark_run"],
            seq=row["seq"],
            hour=int((moment - datetime.fromisoformat(row["written_at"])).total_seconds() // 3600),
        )
        for row in rows
    )


def waiting_messages(settings: Settings, benchmark_run: str, seq: int) -> tuple[WaitingMessage, ...]:
    """Return the message for each channel that has not taken it."""
    with open_alerts_database(settings) as connection:
        rows = connection.execute(_WAITING, {"benchmark_run": benchmark_run, "seq": seq}).fetchall()
    return tuple(
        WaitingMessage(
            channel=row["channel"],
            attempt=row["attempts"] + 1,
            message=Message(title=row["title"], text=row["body"], markdown=row["body_markdown"]),
        )
        for row in rows
    )


def record_delivery(
    settings: Settings, benchmark_run: str, seq: int, waiting: WaitingMessage, error: str | None
) -> None:
    """Write down how an attempt ended; `error` is None when the channel took the message."""
    with open_alerts_database(settings) as connection, transaction(connection):
        connection.execute(
            "insert or replace into alert_deliveries values (?, ?, ?, ?, ?, ?, ?)",
            (
                benchmark_run,
                seq,
                waiting.channel,
                waiting.attempt,
                DELIVERED if error is None else FAILED,
                error,
                datetime.now(UTC).isoformat(),
            ),
        )


def write_test_notice(settings: Settings, channel: str, message: Message) -> int:
    """Put a test message for one channel in line; return its number under `TEST_RUN`."""
    with open_alerts_database(settings) as connection, transaction(connection):
        seq = next_seq(connection, TEST_RUN)
        insert_due(connection, TEST_RUN, seq, channel, message, datetime.now(UTC).isoformat())
    return seq
