"""The rules that raise alerts: one per limit of a suite, and two for runs that failed or don't add up."""

from dataclasses import dataclass, field, replace

from docmind_core.alerts.lifecycle import Patience
from docmind_core.suites.limits import KNOWN_LIMITS, suite_limits
from docmind_core.suites.suite import AlertOverride, Suite

INFO, WARNING, CRITICAL = "info", "warning", "critical"
FAILURE = "failure"
"""The test of a rule without a number: something happened, or it did not."""

RULE_IDS = {
    "agent_latency_p95_s": "agent_latency_high",
    "reduction_pct_min": "token_efficiency_low",
    "context_utilisation_ratio": "context_utilisation_high",
    "vram_process_peak_gb": "vram_high",
    "coordination_overhead_p95_s": "coordination_overhead_high",
    "pass_ratio_min": "pass_ratio_low",
    "good_ratio_min": "error_rate",
    "decode_tps_min": "decode_slow",
    "prefill_tps_min": "prefill_slow",
}
TOKEN_RULES = frozenset({"token_efficiency_low"})
"""Rules on counted tokens: without a balanced ledger their numbers are not trusted."""

GOOD_RATIO_SLO = 0.99
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
SCHEDULE_RULES = (BENCHMARK_MISSING, ALERTING_STALE)
"""Rules of a suite with a schedule; each of its benchmark runs is an evaluation that finds nothing wrong."""


def watched_limits(suite: Suite) -> dict[str, float]:
    """Return the limits that alerts watch: those of the suite, the guide's five, and the error rate."""
    return {"good_ratio_min": GOOD_RATIO_SLO, **suite_limits(suite)}


def limit_rule(name: str, limit: float, suite: Suite) -> AlertRule:
    """Return the rule of a limit, with what the suite overrides in it.

    `min_n` of the suite holds for all its rules; `alerts.<limit>.min_n` goes before it.
    """
    known = KNOWN_LIMITS[name]
    rule = AlertRule(
        rule_id=RULE_IDS[name],
        test=known.tests[0],
        threshold=limit if known.allowed_share is None else known.allowed_share,
        is_minimum=known.is_minimum,
        # Of a limit on each query this is the level that recovered queries lie below, the threshold a share of them.
        clear_threshold=clear_threshold(limit, is_minimum=known.is_minimum, is_share=name.endswith("ratio_min")),
        min_n=known.min_n,
        alpha=0.01 if name == "good_ratio_min" else 0.05,
    )
    override = suite.alerts.get(name) or AlertOverride()
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
