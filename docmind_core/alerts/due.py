"""Messages in line: each is written in the transaction that decides on it, and waits for its delivery."""

import logging
import sqlite3
from collections.abc import Sequence

from docmind_core.alerts.messages import Message
from docmind_core.settings import CHANNEL_NAME

log = logging.getLogger(__name__)


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
    """Return the channels, each once, without an entry that is not a name: it may be a URL with its token."""
    named = tuple(dict.fromkeys(channel for channel in channels if CHANNEL_NAME.fullmatch(channel)))
    if invalid := len(set(channels)) - len(named):
        log.error("%d channels of a suite have invalid names and get no message; run docmind check SUITE", invalid)
    return named
