"""Recording the evaluations of a benchmark run in one idempotent transaction."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from docmind_core.alerts.database import transaction
from docmind_core.alerts.evaluation import Evaluation
from docmind_core.alerts.lifecycle import (
    EXPIRED,
    FIRING,
    GONE,
    NO_DATA_EVALS,
    PENDING,
    REPEAT,
    AlertState,
    Evaluated,
    advance,
    ended,
)
from docmind_core.alerts.messages import Message, Transition
from docmind_core.alerts.notices import insert_due, named_channels, next_seq
from docmind_core.alerts.silences import active_silences, silence_of, withhold


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Who gets the message, and where it is filed."""

    channels: Sequence[str]
    benchmark_run: str
    """Benchmark run under which the message is numbered; for a run that never started, another run of the suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What a transaction has changed."""

    evaluations: int
    """Evaluations that were new; 0 when this benchmark run had been evaluated before."""
    transitions: tuple[Transition, ...]
    seq: int | None
    """Number of the message that is due now; None when nothing is to be sent."""


def book(
    connection: sqlite3.Connection,
    benchmark_run: str,
    evaluations: Sequence[Evaluation],
    *,
    recipients: Recipients,
    at: datetime,
    compose: Callable[[Sequence[Transition]], Message],
) -> Booked:
    """Write evaluations, their rules, state changes and due notifications atomically.

    An evaluation whose (fingerprint, benchmark run) is there already changes nothing.

    Args:
        connection: Of the database of alerts.
        benchmark_run: Its key, or a stand-in key for a run that never began.
        evaluations: One per rule and series; the outcome `gone` does not count as one and ends an open episode.
        recipients: Who gets the message, and where it is filed.
        at: Time of the evaluation.
        compose: Makes one message of all transitions that are worth one.
    """
    moment = at.isoformat()
    with transaction(connection):
        gone = [evaluation for evaluation in evaluations if evaluation.outcome == GONE]
        new = [one for one in evaluations if one not in gone and _insert(connection, benchmark_run, one, moment)]
        transitions = [_advance(connection, benchmark_run, evaluation, at) for evaluation in new]
        transitions += [end_episode(connection, benchmark_run, series, EXPIRED, at) for series in gone]
        changed = tuple(change for change in transitions if change is not None)
        _insert_rules(connection, benchmark_run, new)
        notable = [change for change in changed if change.notice is not None]
        seq = write_due(connection, recipients, notable, compose, at)
    return Booked(evaluations=len(new), transitions=changed, seq=seq)


def _insert(connection: sqlite3.Connection, benchmark_run: str, evaluation: Evaluation, moment: str) -> bool:
    rule = evaluation.rule
    row = {
        "fingerprint": evaluation.fingerprint,
        "rule_id": rule.rule_id,
        "severity": rule.severity,
        "labels": _json(evaluation.labels),
        "benchmark_run": benchmark_run,
        "run_id": evaluation.run_id,
        "evaluated_at": moment,
        "value": evaluation.value,
        "value_low": estimate.low if (estimate := evaluation.estimate) else None,
        "value_high": estimate.high if estimate else None,
        "n": estimate.n if estimate else None,
        "threshold": rule.threshold,
        "test": rule.test,
        "outcome": evaluation.outcome,
        "reason": evaluation.reason,
        "inhibited_by": evaluation.inhibited_by,
        "evidence": _json(evaluation.evidence),
    }
    return _insert_row(connection, "alert_evaluations", row) == 1


def _advance(
    connection: sqlite3.Connection, benchmark_run: str, evaluation: Evaluation, at: datetime
) -> Transition | None:
    """Move one alert on; return the change, or None when its state is what it was."""
    before = _state(connection, evaluation.fingerprint)
    seen = Evaluated(
        outcome=evaluation.outcome,
        value=evaluation.value,
        at=at.isoformat(),
        is_worse_above=not evaluation.rule.is_minimum,
    )
    after, notice = advance(before, seen, evaluation.rule.patience)
    if after.state == EXPIRED:
        evaluation = replace(
            evaluation, reason=f"no data for {NO_DATA_EVALS} evaluations in a row ({evaluation.reason})"
        )
    return _move(connection, benchmark_run, evaluation, (before, after, notice), at)


def end_episode(
    connection: sqlite3.Connection, benchmark_run: str, series: Evaluation, state: str, at: datetime
) -> Transition | None:
    """End the open episode of a series as `expired` or `closed`, with the reason of `series`; None without one."""
    before = _state(connection, series.fingerprint)
    after, notice = ended(before, state)
    return _move(connection, benchmark_run, series, (before, after, notice), at)


def _move(
    connection: sqlite3.Connection,
    benchmark_run: str,
    evaluation: Evaluation,
    step: tuple[AlertState, AlertState, str | None],
    at: datetime,
) -> Transition | None:
    before, after, notice = step
    if after == before:
        return None
    connection.execute(
        "insert into alert_states values ($fingerprint, $state) on conflict do update set state = $state",
        {"fingerprint": evaluation.fingerprint, "state": _json(asdict(after))},
    )
    episode = after.first_seen or before.first_seen
    if episode is None or (after.state == before.state and notice != REPEAT):
        return None
    change = Transition(
        evaluation=evaluation,
        from_state=before.state,
        to_state=after.state,
        notice=notice,
        first_seen=episode,
        first_run=_first_run(connection, evaluation.fingerprint, episode) or benchmark_run,
        benchmark_run=benchmark_run,
        peak=after.peak if after.state in {PENDING, FIRING} else before.peak,
    )
    _insert_event(connection, benchmark_run, change, at.isoformat())
    return change


def _insert_event(connection: sqlite3.Connection, benchmark_run: str, change: Transition, moment: str) -> None:
    evaluation = change.evaluation
    number = connection.execute(
        "select count(*) from alert_events where fingerprint = ? and first_seen = ?",
        (evaluation.fingerprint, change.first_seen),
    ).fetchone()[0]
    row = {
        "fingerprint": evaluation.fingerprint,
        "first_seen": change.first_seen,
        "event_no": number + 1,
        "rule_id": evaluation.rule.rule_id,
        "severity": evaluation.rule.severity,
        "labels": _json(evaluation.labels),
        "from_state": change.from_state,
        "to_state": change.to_state,
        "changed_at": moment,
        "benchmark_run": benchmark_run,
        "run_id": evaluation.run_id,
        "value": evaluation.value,
        "peak": change.peak,
        "evidence": _json({"first_bad_run": change.first_run, "reason": evaluation.reason, **evaluation.evidence}),
    }
    _insert_row(connection, "alert_events", row)


def write_due(
    connection: sqlite3.Connection,
    recipients: Recipients,
    changes: Sequence[Transition],
    compose: Callable[[Sequence[Transition]], Message],
    at: datetime,
) -> int | None:
    """Queue one message with all changes except silenced ones; return its number."""
    channels, silences, loud = named_channels(recipients.channels), active_silences(connection, at), []
    for change in changes:
        evaluation = change.evaluation
        silence = silence_of(silences, evaluation.rule.rule_id, evaluation.rule.severity, evaluation.labels)
        if silence is None:
            loud.append(change)
        else:
            alert = (evaluation.fingerprint, change.first_seen)
            withhold(connection, silence, alert, recipients.benchmark_run, channels, at.isoformat())
    if not loud or not channels:
        return None
    seq, message = next_seq(connection, recipients.benchmark_run), compose(loud)
    for channel in channels:
        insert_due(connection, recipients.benchmark_run, seq, channel, message, at.isoformat())
    for fingerprint in dict.fromkeys(change.evaluation.fingerprint for change in loud):
        connection.execute("insert into due_alerts values (?, ?, ?)", (recipients.benchmark_run, seq, fingerprint))
    return seq


def _insert_rules(connection: sqlite3.Connection, benchmark_run: str, evaluations: Sequence[Evaluation]) -> None:
    for rule in {evaluation.rule.rule_id: evaluation.rule for evaluation in evaluations}.values():
        text = json.dumps(asdict(rule), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        row = {"benchmark_run": benchmark_run, "rule_id": rule.rule_id, "rule_hash": digest, "rule": text}
        _insert_row(connection, "alert_rules", row)


def _insert_row(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> int:
    names = ", ".join(row)
    marks = ", ".join(f"${name}" for name in row)
    return connection.execute(f"insert or ignore into {table} ({names}) values ({marks})", dict(row)).rowcount


def _state(connection: sqlite3.Connection, fingerprint: str) -> AlertState:
    row = connection.execute("select state from alert_states where fingerprint = ?", (fingerprint,)).fetchone()
    return AlertState(**json.loads(row[0])) if row else AlertState()


def _first_run(connection: sqlite3.Connection, fingerprint: str, first_seen: str) -> str | None:
    row = connection.execute(
        "select benchmark_run from alert_events where fingerprint = ? and first_seen = ? order by event_no limit 1",
        (fingerprint, first_seen),
    ).fetchone()
    return str(row[0]) if row else None


def _json(value: Mapping[str, object] | Mapping[str, str]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
