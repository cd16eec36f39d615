"""Queries for listing alerts; they read the alerts database directly, so results are current."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.evaluation import fingerprint as fingerprint_of
from docmind_core.alerts.lifecycle import BAD, ENDED, FIRING, PENDING
from docmind_core.alerts.rules import LEARNING, RUN_FAILED
from docmind_core.alerts.silences import list_silences, silence_of
from docmind_core.errors import UsageError
from docmind_core.settings import Settings

Rows = Sequence[sqlite3.Row]
RESUMED = ":resumed"
"""Ends the key that a run's evaluations are written down under when it was resumed after a failure."""

_EVALUATIONS = """
select * from alert_evaluations where benchmark_run in (?1, ?1 || ':resumed') order by rule_id, labels, rowid
"""
_HISTORY = "select * from alert_evaluations where fingerprint = ? order by rowid desc limit 20"
_ENDED = """
select fingerprint, rule_id, severity, labels, to_state as state, changed_at,
    json_extract(evidence, '$.reason') as reason
from alert_events
where to_state in (?, ?, ?) and changed_at >= ? and from_state = 'firing'
order by changed_at desc
limit 20
"""
_EVENTS = "select * from alert_events where fingerprint = ? order by first_seen desc, event_no desc limit 50"
_DELIVERIES = """
select due.benchmark_run, due.seq, due.channel, done.attempt, coalesce(done.status, 'waiting') as status, done.error,
    coalesce(done.attempted_at, due.written_at) as attempted_at
from due_alerts as notified
join due_notifications as due using (benchmark_run, seq)
left join alert_deliveries as done
    on done.benchmark_run = due.benchmark_run and done.seq = due.seq and done.channel = due.channel
where notified.fingerprint = ?
order by attempted_at desc, done.attempt desc
limit 50
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvaluated:
    """A benchmark run that was evaluated or found failed."""

    benchmark_run: str
    at: datetime
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHistory:
    """What happened in one series, newest first."""

    evaluations: Rows
    events: Rows
    deliveries: Rows
    """One row per attempt to send a message about it; one not tried yet is `waiting`."""


def open_alerts(settings: Settings) -> Rows:
    """Return the alerts that are pending or firing, the most severe and oldest first."""
    return _ask(settings, "select * from open_alerts order by severity, first_seen, fingerprint")


def silenced_fingerprints(settings: Settings) -> frozenset[str]:
    """Return the open alerts whose messages a silence withholds."""
    silences = list_silences(settings)
    return frozenset(
        row["fingerprint"]
        for row in open_alerts(settings)
        if silence_of(silences, row["rule_id"], row["severity"], json.loads(row["labels"]))
    )


def ended_alerts(settings: Settings, *, since: datetime) -> Rows:
    """Return the episodes that have ended since a time, newest first: resolved, expired or closed."""
    return _ask(settings, _ENDED, *ENDED, since.astimezone(UTC).isoformat())


def alerting_health(settings: Settings) -> Rows:
    """Return the heartbeat of the alerting: each suite's last evaluation, each channel's last delivery."""
    return _ask(settings, "select * from alerting_health order by subject desc, name")


def find_open_alert(settings: Settings, alert_id: str) -> sqlite3.Row:
    """Return the open alert whose fingerprint begins with `alert_id`.

    Raises:
        UsageError: If none or more than one does.
    """
    found = [row for row in open_alerts(settings) if alert_id and row["fingerprint"].startswith(alert_id)]
    if len(found) != 1:
        what = f"{len(found)} open alerts match" if found else "no open alert matches"
        raise UsageError(f"{what} {alert_id!r}. List them: docmind alerts list")
    return found[0]


def open_alerts_line(settings: Settings) -> str | None:
    """Say in one line how many alerts are open; None when none is."""
    states = Counter(row["state"] for row in open_alerts(settings))
    counts = ", ".join(f"{states[state]} {state}" for state in (FIRING, PENDING) if states[state])
    return f"Alerts: {counts}; details: docmind alerts list" if counts else None


def evaluations_of(settings: Settings, benchmark_run: str) -> Rows:
    """Return every evaluation of a benchmark run."""
    return _ask(settings, _EVALUATIONS, benchmark_run)


def learning_series(settings: Settings) -> Rows:
    """Return the newest evaluation of each series that may not alert yet; see `alerts.paired`."""
    return _ask(
        settings,
        "select rule_id, labels, reason from alert_evaluations where rowid in "
        "(select max(rowid) from alert_evaluations group by fingerprint) and reason like ? order by rule_id, labels",
        f"{LEARNING}:%",
    )


def last_evaluated_at(settings: Settings) -> str | None:
    """Return the UTC time of the newest evaluation of any rule; None before the first."""
    rows = _ask(settings, "select max(evaluated_at) as at from alert_evaluations")
    return rows[0]["at"] if rows else None


def run_evaluations(settings: Settings, suite: str) -> tuple[RunEvaluated, ...]:
    """Return the benchmark runs of a suite that were evaluated, in the order of their evaluations."""
    rows = _ask(
        settings,
        "select benchmark_run, evaluated_at, outcome from alert_evaluations where fingerprint = ? order by rowid",
        fingerprint_of(RUN_FAILED.rule_id, {"suite": suite}),
    )
    return tuple(
        RunEvaluated(
            benchmark_run=row["benchmark_run"],
            at=datetime.fromisoformat(row["evaluated_at"]),
            failed=row["outcome"] == BAD,
        )
        for row in rows
    )


def outcome_of(settings: Settings, rule_id: str, benchmark_run: str) -> str | None:
    """Return the latest outcome of a rule without series on a benchmark run; None if it was not evaluated."""
    rows = _ask(
        settings,
        "select outcome from alert_evaluations where benchmark_run in (?1, ?1 || ':resumed') and rule_id = ?2 "
        "order by rowid desc limit 1",
        benchmark_run,
        rule_id,
    )
    return str(rows[0]["outcome"]) if rows else None


def open_suites(settings: Settings, rule_id: str) -> dict[str, str]:
    """Return the suites in which a rule is pending or firing, each with the benchmark run of its latest event."""
    rows = [row for row in open_alerts(settings) if row["rule_id"] == rule_id]
    return {json.loads(row["labels"])["suite"]: row["benchmark_run"] for row in rows}


def alert_history(settings: Settings, fingerprint: str) -> AlertHistory:
    """Return what happened in a series.

    Args:
        settings: The home.
        fingerprint: Of the series, or the beginning of it that no other series has.

    Raises:
        UsageError: If no series, or more than one, begins with it.
    """
    found = _ask(
        settings,
        "select distinct fingerprint from alert_evaluations where substr(fingerprint, 1, length(?1)) = ?1",
        fingerprint,
    )
    if len(found) != 1:
        what = "several alerts match" if found else "no alert matches"
        raise UsageError(f"{what} {fingerprint!r}. List the open ones: docmind alerts list")
    full = found[0]["fingerprint"]
    return AlertHistory(
        evaluations=_ask(settings, _HISTORY, full),
        events=_ask(settings, _EVENTS, full),
        deliveries=_ask(settings, _DELIVERIES, full),
    )


def _ask(settings: Settings, sql: str, *parameters: object) -> Rows:
    if not settings.alerts_database.exists():
        return []
    with open_alerts_database(settings) as connection:
        return connection.execute(sql, parameters).fetchall()
