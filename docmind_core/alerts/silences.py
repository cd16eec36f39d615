"""Silences: a matching alert keeps its lifecycle, but its messages are withheld."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.lifecycle import FIRING
from docmind_core.alerts.messages import OpenAlert, compose_still_firing
from docmind_core.alerts.notices import insert_due, next_seq
from docmind_core.errors import UsageError
from docmind_core.settings import Settings

MATCHED = ("rule_id", "severity", "suite", "arm", "agent")
"""What a silence may ask for; each with an exact text or a pattern with * and ?."""

_ENDED = """
select w.id, w.fingerprint, w.first_seen, w.benchmark_run, w.channels, w.silence_id, s.author, s.reason,
    o.rule_id, o.severity, o.labels, o.state
from withheld_notices as w
join silences as s on s.id = w.silence_id
left join open_alerts as o on o.fingerprint = w.fingerprint and o.first_seen = w.first_seen
where w.announced_at is null and (s.until <= $now or s.revoked_at is not null)
order by w.id desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Which alerts are silenced, until when, and by whom."""

    silence_id: int
    matcher: Mapping[str, str]
    until: datetime
    author: str
    reason: str

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Return whether every pattern fits; a label that an alert does not have fits none."""
        return all(name in labels and fnmatchcase(labels[name], pattern) for name, pattern in self.matcher.items())


def add_silence(
    settings: Settings,
    matcher: Mapping[str, str],
    *,
    until: datetime,
    author: str,
    reason: str,
    now: datetime | None = None,
) -> int:
    """Withhold the messages of the alerts that `matcher` fits; return the number of the silence.

    Raises:
        UsageError: Nothing or something unknown to match, an end in the past, no author, or no reason.
    """
    moment = now or datetime.now(UTC)
    unknown = [name for name in matcher if name not in MATCHED]
    if not matcher or unknown or not all(matcher.values()):
        raise UsageError(f"a silence needs NAME=PATTERN; names: {', '.join(MATCHED)}")
    if until <= moment:
        raise UsageError(f"a silence must end in the future; {until:%Y-%m-%d %H:%M} UTC is in the past")
    if not author.strip() or not reason.strip():
        raise UsageError("a silence needs an author and a reason, so that others know whom to ask")
    row = (json.dumps(dict(matcher), sort_keys=True), _utc(until), author.strip(), reason.strip(), _utc(moment))
    with open_alerts_database(settings) as connection, transaction(connection):
        cursor = connection.execute(
            "insert into silences (matcher, until, author, reason, created_at) values (?, ?, ?, ?, ?)", row
        )
    return int(cursor.lastrowid or 0)


def revoke_silence(settings: Settings, silence_id: int, *, now: datetime | None = None) -> None:
    """End a silence before its time.

    Raises:
        UsageError: If there is no such silence, or it has ended.
    """
    moment = _utc(now or datetime.now(UTC))
    with open_alerts_database(settings) as connection, transaction(connection):
        ended = connection.execute(
            "update silences set revoked_at = ?1 where id = ?2 and revoked_at is null and until > ?1",
            (moment, silence_id),
        )
        if ended.rowcount == 0:
            raise UsageError(f"there is no active silence {silence_id}. List them: docmind alerts list")


def active_silences(connection: sqlite3.Connection, now: datetime) -> tuple[Silence, ...]:
    """Return the silences that hold at a time, oldest first."""
    rows = connection.execute(
        "select * from silences where until > $now and revoked_at is null order by id", {"now": _utc(now)}
    )
    return tuple(
        Silence(
            silence_id=row["id"],
            matcher=json.loads(row["matcher"]),
            until=datetime.fromisoformat(row["until"]),
            author=row["author"],
            reason=row["reason"],
        )
        for row in rows
    )


def list_silences(settings: Settings, *, now: datetime | None = None) -> tuple[Silence, ...]:
    """Return the silences that hold now."""
    if not settings.alerts_database.exists():
        return ()
    with open_alerts_database(settings) as connection:
        return active_silences(connection, now or datetime.now(UTC))


def silence_of(silences: Sequence[Silence], rule_id: str, severity: str, labels: Mapping[str, str]) -> Silence | None:
    """Return the first silence that covers an alert."""
    named = {"rule_id": rule_id, "severity": severity, **labels}
    return next((silence for silence in silences if silence.covers(named)), None)


def withhold(
    connection: sqlite3.Connection,
    silence: Silence,
    alert: tuple[str, str],
    benchmark_run: str,
    channels: Sequence[str],
    moment: str,
) -> None:
    """Write down that a notice of an alert (fingerprint, first_seen) was not sent, and to whom it would have gone."""
    connection.execute(
        "insert into withheld_notices (fingerprint, first_seen, silence_id, benchmark_run, channels, withheld_at) "
        "values (?, ?, ?, ?, ?, ?)",
        (*alert, silence.silence_id, benchmark_run, json.dumps(list(channels)), moment),
    )


def announce_ended_silences(settings: Settings, *, now: datetime | None = None) -> int:
    """Put a message in line for each alert that still fires when its silence ends; return how many."""
    if not settings.alerts_database.exists():
        return 0
    moment, announced = now or datetime.now(UTC), 0
    with open_alerts_database(settings) as connection:
        if not connection.execute("select 1 from withheld_notices where announced_at is null limit 1").fetchone():
            return 0
        with transaction(connection):
            silences, seen = active_silences(connection, moment), set()
            for row in connection.execute(_ENDED, {"now": _utc(moment)}).fetchall():
                episode = (row["fingerprint"], row["first_seen"])
                is_firing = row["state"] == FIRING and episode not in seen
                if is_firing and silence_of(silences, row["rule_id"], row["severity"], json.loads(row["labels"])):
                    continue  # another silence covers it: notified when that one ends
                seen.add(episode)
                if is_firing:
                    _announce(connection, row, moment.isoformat())
                    announced += 1
                connection.execute(
                    "update withheld_notices set announced_at = ? where id = ?", (_utc(moment), row["id"])
                )
    return announced


def _announce(connection: sqlite3.Connection, row: sqlite3.Row, moment: str) -> None:
    alert = OpenAlert(
        fingerprint=row["fingerprint"],
        rule_id=row["rule_id"],
        severity=row["severity"],
        labels=json.loads(row["labels"]),
        first_seen=row["first_seen"],
    )
    message = compose_still_firing(row["benchmark_run"], alert, f"silence {row['silence_id']} by {row['author']} ended")
    seq = next_seq(connection, row["benchmark_run"])
    for channel in json.loads(row["channels"]):
        insert_due(connection, row["benchmark_run"], seq, channel, message, moment)
    connection.execute("insert into due_alerts values (?, ?, ?)", (row["benchmark_run"], seq, row["fingerprint"]))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
