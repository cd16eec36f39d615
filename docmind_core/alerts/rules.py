"""The rules that raise alerts: one per limit of a suite, those of whole runs, and those against a pinned baseline."""

from dataclasses import dataclass, field, replace

from docmind_core.alerts.lifecycle import Patience
from docmind_core.measurements.limit_values import suite_limits
from docmind_core.metrics.limits import LIMITS, find_limit
from docmind_core.suites.plain_values import AlertOverride
from docmind_core.suites.suite import Suite

WARNING, CRITICAL = "warning", "critical"
FAILURE = "failure"
"""The test of a rule without a number: something happened, or it did not."""
PAIRED = "paired"
"""The test of a rule on the queries of all runs since the pinned baseline."""
LEARNING = "learning"
"""Prefix of the reason of a paired rule that may not alert yet, because its random variation is unknown."""

HYSTERESIS = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When an alert fires, and when it has recovered."""

    rule_id: str
    severity: str = WARNING
    test: str = FAILURE
    threshold: float | None = None
    is_minimum: bool = False
    clear_threshold: float | None = None
    """A value at this side of it has recovered; between it and the threshold nothing changes."""
    counts_tokens: bool = False
    """Whether its numbers are not trusted without a balanced ledger."""
    next_step: str | None = None
    """What to do about a broken limit, where there is more to do than to read the report."""
    min_n: int = 1
    alpha: float = 0.05
    """Largest p of the exact test that proves a breach."""
    patience: Patience = field(default_factory=Patience)
    overridden: tuple[str, ...] = ()
    """Which of min_n, test and for_evals the suite has changed."""


_AT_ONCE = Patience(for_evals=1)
RUN_FAILED = AlertRule(rule_id="run_failed", severity=CRITICAL, patience=_AT_ONCE)
LEDGER_UNBALANCED = AlertRule(rule_id="ledger_unbalanced", severity=CRITICAL, patience=_AT_ONCE)
REPORT_FAILED = AlertRule(rule_id="report_failed", severity=CRITICAL, patience=_AT_ONCE)
"""A launch that failed after its evaluation: the numbers are there, the report is not."""
BENCHMARK_MISSING = AlertRule(rule_id="benchmark_missing", severity=CRITICAL, patience=_AT_ONCE)
ALERTING_STALE = AlertRule(rule_id="alerting_stale", severity=CRITICAL, patience=_AT_ONCE)
FILE_DAMAGED = AlertRule(rule_id="file_damaged", severity=WARNING, patience=_AT_ONCE)
"""A file of the home can't be read: it was set aside, and what it held is missing until it is repaired."""
_PAIRED = Patience(for_evals=1, keep_evals=1)
QUALITY_WORSE = AlertRule(rule_id="quality_worse", severity=CRITICAL, test=PAIRED, is_minimum=True, patience=_PAIRED)
"""Fewer queries pass than in the runs before: an e-process, which is patient enough by itself."""
TOKENS_WORSE = AlertRule(rule_id="tokens_worse", severity=WARNING, test=PAIRED, counts_tokens=True, patience=_PAIRED)
PAIRED_RULES = (QUALITY_WORSE, TOKENS_WORSE)
SCHEDULE_RULES = (BENCHMARK_MISSING, ALERTING_STALE)
"""Rules of a suite with a schedule; each of its benchmark runs is an evaluation that finds nothing wrong."""


def watched_limits(suite: Suite) -> dict[str, float]:
    """Return the limits that alerts watch: those that hold for the suite, and the error rate."""
    return {**{name: limit.watched for name, limit in LIMITS.items() if limit.watched}, **suite_limits(suite)}


def limit_rule(name: str, set_to: float, suite: Suite) -> AlertRule:
    """Return the rule of a limit, with what the suite overrides in it.

    `min_n` of the suite holds for all its rules; `alerts.<limit>.min_n` goes before it.
    """
    limit = find_limit(name, suite.own_metrics)
    if limit is None:
        raise ValueError(f"there is no limit {name!r}")
    rule = AlertRule(
        rule_id=limit.rule_id,
        severity=limit.severity,
        test=limit.tests[0],
        threshold=set_to if limit.allowed_share is None else limit.allowed_share,
        is_minimum=limit.is_minimum,
        # Of a limit on each query this is the level that recovered queries lie below, the threshold a share of them.
        clear_threshold=clear_threshold(set_to, is_minimum=limit.is_minimum, is_share=limit.of.bounds == (0.0, 1.0)),
        counts_tokens=limit.counts_tokens,
        next_step=limit.next_step,
        min_n=limit.min_n,
        alpha=limit.alpha,
    )
    override = suite.alerts.get(limit.name) or AlertOverride()
    min_n = override.min_n or suite.min_n
    given = {"min_n": min_n, "test": override.test, "for_evals": override.for_evals}
    return replace(
        rule,
        min_n=min_n or rule.min_n,
        test=override.test or rule.test,
        patience=Patience(for_evals=override.for_evals or rule.patience.for_evals),
        overridden=tuple(key for key, value in given.items() if value is not None),
    )


def clear_threshold(threshold: float, *, is_minimum: bool, is_share: bool = False) -> float:
    """Return where a value has recovered: ten percent inside the threshold, for a share at most half way to 1."""
    margin = HYSTERESIS * abs(threshold)
    if not is_minimum:
        return threshold - margin
    return min(threshold + margin, (1.0 + threshold) / 2) if is_share else threshold + margin
