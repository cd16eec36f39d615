"""Ends alerts without a recovery: their series is no longer evaluated, or a person closes them."""

import json
import sqlite3
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

from docmind_core.alerts.booking import Recipients, end_episode, write_due
from docmind_core.alerts.database import open_alerts_database, transaction
from docmind_core.alerts.evaluation import Evaluation
from docmind_core.alerts.lifecycle import CLOSED, EXPIRED, GONE, NO_DATA
from docmind_core.alerts.listing import find_open_alert, open_alerts
from docmind_core.alerts.messages import compose
from docmind_core.alerts.paired import suite_baselines
from docmind_core.alerts.rules import PAIRED_RULES, SCHEDULE_RULES, AlertRule, limit_rule, watched_limits
from docmind_core.errors import UsageError
from docmind_core.measurements.limit_results import judged_arm
from docmind_core.runs.frozen_suite import named_source
from docmind_core.runs.keys import benchmark_runs_of
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate
from docmind_core.suites.suite import Suite, bundled_suite_names

_SCHEDULE_RULE_IDS = frozenset(rule.rule_id for rule in SCHEDULE_RULES)
_PAIRED_RULE_IDS = frozenset(rule.rule_id for rule in PAIRED_RULES)
_NOTIFIED = """
select due.benchmark_run, due.channel
from due_alerts as notified
join due_notifications as due using (benchmark_run, seq)
where notified.fingerprint = ? and due.written_at >= ?
order by due.written_at
"""


def unevaluated_alerts(
    settings: Settings, suite: Suite, configured: Suite, evaluated: Sequence[Evaluation]
) -> tuple[Evaluation, ...]:
    """Return an evaluation for each open alert of a suite that has none in this run.

    It is without data where the series is still configured and this run has no value in it, else `gone`.

    Args:
        settings: The home.
        suite: What the benchmark run executed; the command line may have changed its arms.
        configured: The suite as its file has it: what is not in there is gone.
        evaluated: The evaluations of the benchmark run.
    """
    known = {evaluation.fingerprint for evaluation in evaluated}
    rules = {rule.rule_id: rule for rule in _limit_rules(suite)}
    found = []
    for row in open_alerts(settings):
        labels = json.loads(row["labels"])
        if labels.get("suite") != suite.name or row["fingerprint"] in known:
            continue
        if because := _gone_because(settings, row["rule_id"], labels, configured):
            found.append(_series(row, because))
        elif row["rule_id"] in rules and labels.get("arm") == judged_arm(suite):
            rule = rules[row["rule_id"]]
            nothing = Estimate(value=None, n=0, because=N_TOO_SMALL)
            found.append(
                Evaluation(rule=rule, labels=labels, run_id=None, outcome=NO_DATA, reason=N_TOO_SMALL, estimate=nothing)
            )
    return tuple(found)


def close_alert(settings: Settings, alert_id: str, reason: str, *, now: datetime | None = None) -> str:
    """End an open alert by hand; the channels that it was sent to are informed. Return its rule.

    Args:
        settings: The home.
        alert_id: Its fingerprint, or the beginning of it.
        reason: Why it is closed; kept with the event.
        now: Time of the closing.

    Raises:
        UsageError: Without a reason, or if not exactly one open alert begins with `alert_id`.
    """
    if not reason.strip():
        raise UsageError("closing an alert requires a reason: add --reason")
    row = find_open_alert(settings, alert_id)
    _end(settings, row, CLOSED, f"closed: {reason.strip()}", now or datetime.now(UTC))
    return str(row["rule_id"])


def expire_lost_alerts(settings: Settings, *, watched: Set[str], known: Set[str], now: datetime) -> tuple[str, ...]:
    """End the open alerts of suites that are gone, and those on schedules that are stopped; return them in words.

    Args:
        settings: The home.
        watched: Suites whose schedule is started.
        known: Suites that can be read, bundled or in the home.
        now: Time of the expiry.
    """
    ended = []
    for row in open_alerts(settings):
        suite = json.loads(row["labels"]).get("suite", "")
        if suite in watched:
            continue
        if suite not in known and _is_gone(settings, suite):
            because = f"the suite {suite} no longer exists"
        elif row["rule_id"] in _SCHEDULE_RULE_IDS:
            because = f"the schedule of {suite} was stopped"
        else:
            continue
        _end(settings, row, EXPIRED, because, now)
        ended.append(f"{row['rule_id']} of {suite}")
    return tuple(ended)


def _end(settings: Settings, row: sqlite3.Row, state: str, because: str, now: datetime) -> None:
    """End one episode; channels that heard of it hear of its end, in the benchmark run of the last message."""
    with open_alerts_database(settings) as connection, transaction(connection):
        change = end_episode(connection, row["benchmark_run"], _series(row, because), state, now)
        if change is None or change.notice is None:
            return
        notified = connection.execute(_NOTIFIED, (row["fingerprint"], change.first_seen)).fetchall()
        if notified:
            run = notified[-1]["benchmark_run"]
            to = Recipients(channels=[message["channel"] for message in notified], benchmark_run=run)
            report = settings.reports / run / "index.html"
            write_due(connection, to, [change], lambda changes: compose(run, changes, report), now)


def _series(row: sqlite3.Row, because: str) -> Evaluation:
    rule = AlertRule(rule_id=row["rule_id"], severity=row["severity"])
    return Evaluation(rule=rule, labels=json.loads(row["labels"]), run_id=None, outcome=GONE, reason=because)


def _limit_rules(suite: Suite) -> Iterator[AlertRule]:
    for name, limit in watched_limits(suite).items():
        yield limit_rule(name, limit, suite)


def _gone_because(settings: Settings, rule_id: str, labels: dict[str, str], configured: Suite) -> str | None:
    if rule_id in _SCHEDULE_RULE_IDS:
        return None if configured.schedule else "the suite no longer has a schedule"
    if "arm" not in labels:
        return None  # a rule on whole runs, which every suite has
    if rule_id in _PAIRED_RULE_IDS:
        pinned = {baseline.arm for baseline in suite_baselines(settings, configured.name)}
        return None if labels["arm"] in pinned else "the arm no longer has a pinned baseline"
    if rule_id not in {rule.rule_id for rule in _limit_rules(configured)}:
        return "its limit is no longer configured"
    judged = judged_arm(configured)
    return None if labels["arm"] == judged else f"the suite's limits now apply to the arm {judged}"


def _is_gone(settings: Settings, suite: str) -> bool:
    """Whether a suite's newest benchmark run was asked for by a file that does not exist any more."""
    keys = benchmark_runs_of(settings.benchmarks, suite)
    if not keys:
        return True
    source = named_source(settings, keys[-1])
    return source is not None and source not in bundled_suite_names() and not Path(source).exists()
