"""What `docmind alerts list` shows, and how `docmind alerts silence` reads its words."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dagster_project.cli.terminal_text import print_rows, print_table, say
from docmind_core.alerts.listing import (
    alerting_health,
    ended_alerts,
    last_evaluated_at,
    learning_series,
    open_alerts,
    silenced_fingerprints,
)
from docmind_core.alerts.silences import list_silences
from docmind_core.errors import UsageError
from docmind_core.metrics.reasons import reason_text
from docmind_core.settings import Settings

COLUMNS = ("fingerprint", "state", "severity", "rule_id", "labels", "first_seen", "value", "peak", "notify_count")
ENDED_SHOWN = timedelta(days=7)
_WHILE = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def print_alerts(settings: Settings) -> None:
    """Print the open alerts, the silences that hold, and the heartbeat of suites and channels."""
    evaluated_at, rows = last_evaluated_at(settings), open_alerts(settings)
    health = alerting_health(settings)
    if evaluated_at is None and not health:
        say("no rules have been evaluated yet; run a benchmark: docmind bench smoke")
        return
    if rows:
        silenced = silenced_fingerprints(settings)
        shown = [
            [*(row[name] for name in COLUMNS), age_text(row["age_h"]), "yes" if row["fingerprint"] in silenced else ""]
            for row in rows
        ]
        print_table(["id", *COLUMNS[1:], "age", "silenced"], shown)
        say("History of an alert: docmind alerts show ID")
    elif evaluated_at is not None:
        say(f"no open alerts; last evaluation {evaluated_at[:19]} UTC")
    if learning := learning_series(settings):
        say("Learning: these do not raise alerts yet")
        names = ("rule_id", "labels", "reason")
        print_table(names, [[*(row[name] for name in names[:-1]), reason_text(row["reason"])] for row in learning])
    _print_ended(settings)
    _print_silences(settings)
    say("Heartbeat")
    print_table(("", "name", "last evaluated or delivered, UTC", "stale"), [
        [row["subject"], row["name"], _moment(row["last_evaluated_at"] or row["last_delivered_at"]),
         row["because"] if row["stale"] else ""]
        for row in health
    ])  # fmt: skip


def print_open_alerts_as_json(settings: Settings) -> None:
    """Print the open alerts as a list of objects."""
    silenced = silenced_fingerprints(settings)
    rows = [
        [*(row[name] for name in COLUMNS), row["age_h"], row["fingerprint"] in silenced]
        for row in open_alerts(settings)
    ]
    print_rows((*COLUMNS, "age_h", "silenced"), rows, as_json=True)


def _print_ended(settings: Settings) -> None:
    rows = ended_alerts(settings, since=datetime.now(UTC) - ENDED_SHOWN)
    if rows:
        say(f"Ended in the last {ENDED_SHOWN.days} days")
        names = ("state", "rule_id", "labels", "changed_at", "reason")
        print_table(names, [[*(row[name] for name in names[:-1]), reason_text(row["reason"])] for row in rows])


def _print_silences(settings: Settings) -> None:
    silences = list_silences(settings)
    if silences:
        say("Silences")
        print_table(
            ("id", "matches", "until, UTC", "author", "reason"),
            [
                [
                    str(one.silence_id),
                    json.dumps(dict(one.matcher)),
                    f"{one.until:%Y-%m-%d %H:%M}",
                    one.author,
                    one.reason,
                ]
                for one in silences
            ],
        )


def age_text(hours: float) -> str:
    """Return how old an alert is: `40 min`, `7 h`, `3 d`."""
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def read_matcher(words: Sequence[str]) -> dict[str, str]:
    """Return name to pattern of `name=pattern` words.

    Raises:
        UsageError: If a word is something else.
    """
    if strange := [word for word in words if "=" not in word]:
        raise UsageError(f"invalid matcher {strange[0]!r}; write NAME=PATTERN, for example rule_id=agent_latency_high")
    return dict(word.split("=", 1) for word in words)


def read_until(text: str, now: datetime | None = None) -> datetime:
    """Return the time that `90m`, `8h`, `3d` or an ISO time means; one without a zone is UTC.

    Raises:
        UsageError: If it is neither.
    """
    if found := _WHILE.fullmatch(text):
        return (now or datetime.now(UTC)) + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--until takes a UTC time like 2026-11-22T08:00, or 90m, 8h, 3d; not {text!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str | None) -> str:
    return text[:19] if text else "never"
