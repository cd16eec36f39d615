"""One evaluation of one rule in one series, and how its outcome is decided."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from docmind_core.alerts.lifecycle import BAD, BAND, NO_DATA, OK
from docmind_core.alerts.rules import CRITICAL, AlertRule
from docmind_core.measurements.limit_results import LimitResult
from docmind_core.measurements.limit_series import ALL_AGENTS
from docmind_core.metrics.limits import BINOMTEST, CI_BOUND, QUANTILE_TEST
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What one benchmark run says about one alert."""

    rule: AlertRule
    labels: Mapping[str, str]
    """Identifies the series; never contains a value, a run or a time, which would create a new series per run."""
    run_id: str | None
    outcome: str
    reason: str | None = None
    estimate: Estimate | None = None
    """What was measured; None for a rule without a number."""
    inhibited_by: str | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """Return what was measured; None where nothing was."""
        return self.estimate.value if self.estimate else None

    @property
    def fingerprint(self) -> str:
        """Return the id of the series."""
        return fingerprint(self.rule.rule_id, self.labels)


def fingerprint(rule_id: str, labels: Mapping[str, str]) -> str:
    """Return the first 16 hex digits of sha256 over the rule and its labels, whatever order they come in."""
    text = rule_id + json.dumps(dict(labels), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def evaluate_limit(rule: AlertRule, found: LimitResult, suite_name: str, inhibited_by: str | None) -> Evaluation:
    """Evaluate one limit; an inhibited one yields no data, since its numbers are not trusted."""
    labels = {"suite": suite_name, "arm": found.arm}
    if found.agent != ALL_AGENTS:
        labels["agent"] = found.agent
    outcome, reason = decide(rule, found)
    if inhibited_by is not None:
        outcome, reason = NO_DATA, f"inhibited by {inhibited_by}"
    # The p95 of too few values is not usable, unless the suite itself asked for so few.
    measured = found.shown if reason == N_TOO_SMALL else found.measured
    if found.refused:
        rule = replace(rule, severity=CRITICAL, patience=replace(rule.patience, for_evals=1))
    return Evaluation(
        rule=rule,
        labels=labels,
        run_id=found.run_id,
        outcome=outcome,
        reason=reason,
        estimate=measured,
        inhibited_by=inhibited_by,
        evidence={
            "limit": found.limit.name,
            "p": found.p,
            "min_n": rule.min_n,
            "for_evals": rule.patience.for_evals,
            "keep_evals": rule.patience.keep_evals,
            "clear_threshold": rule.clear_threshold,
            "notes": list(found.notes),
            "overridden": list(rule.overridden),
        },
    )


def decide(rule: AlertRule, found: LimitResult) -> tuple[str, str | None]:
    """Return `bad`, `ok`, `band` or `nodata`, and why; a request that did not fit the window is bad by itself."""
    if found.refused:
        return BAD, f"{found.refused} queries sent a request that did not fit the context window"
    value = found.measured.value
    if value is None or not math.isfinite(value):
        return NO_DATA, found.measured.because or "no reason recorded"
    if found.measured.n < rule.min_n:
        return NO_DATA, N_TOO_SMALL
    if is_breached(rule, found):
        return BAD, None
    if found.near_ratio is not None and found.bound is not None:
        return (OK if found.near_ratio <= found.bound else BAND), None
    clear = rule.clear_threshold
    has_recovered = clear is not None and (value >= clear if rule.is_minimum else value <= clear)
    return (OK, None) if has_recovered else (BAND, None)


def is_breached(rule: AlertRule, found: LimitResult) -> bool:
    """Return whether the limit is proven to be broken; a wide interval proves nothing."""
    measured, limit = found.measured, rule.threshold
    if rule.test in {QUANTILE_TEST, BINOMTEST}:
        return found.p is not None and found.p < rule.alpha
    if rule.test == CI_BOUND and found.p is not None and found.p >= rule.alpha / 2:
        return False  # Holm over the agents: one interval of several lies beyond the limit by chance
    near_end = measured.high if rule.is_minimum else measured.low
    bound = near_end if rule.test == CI_BOUND else measured.value
    return bound is not None and limit is not None and (bound < limit if rule.is_minimum else bound > limit)
