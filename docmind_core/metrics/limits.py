"""What a limit is: the one table of all keys that a suite may set under `limits:`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from docmind_core.metrics.catalogue import FAMILIES, METRICS
from docmind_core.metrics.metric import Metric

Statistic = Literal["mean", "share", "p95", "total", "peak"]
Own = Mapping[str, Metric]
"""The user's metrics, by name."""
NO_OWN: Own = {}
CI_BOUND, QUANTILE_TEST, BINOMTEST, POINT = "ci_bound", "quantile_test", "binomtest", "point"
MINIMUM_SUFFIX = "_min"
QUALITY, OWN = "quality", "your own metrics"
PERCENTILE_POINT_N_MIN = 20
"""Below it the point of a p95 is its largest value, which fired 17 to 48 times in 400 nights without a change."""
P95_N_MIN = 130
"""Values that a p95 needs: below, its bound does not hold with 99 % confidence (docs/metrics.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One row of the table: what is measured, which side of it is good, and what follows from a breach."""

    metric: str
    """Name from the catalogue; with `_min` after it for a lower limit, the name under `limits:`."""
    of: Metric
    """Whose single values the statistic is taken over: `metric` itself but for a p95 and `pass_ratio`."""
    statistic: Statistic
    unit: str
    is_minimum: bool = False
    default: float | None = None
    """The guide's limit, which holds where a suite sets none; None where a suite must ask for it."""
    watched: float | None = None
    """What alerts hold the metric against where nothing sets a limit."""
    is_shown: bool = False
    """Whether a scorecard shows the value also where nothing sets a limit."""
    allowed_share: float | None = None
    """Of a limit on each query: the share of queries that may lie above it, which is what is decided."""
    dimension: str
    """Line of the scorecard."""
    is_exact: bool = False
    """Whether the value is its own interval: a peak, or a ratio of the engine's own counters."""
    is_hard: bool = False
    """Whether the answers can't be used when it is missed; a soft one says that they cost too much."""
    min_n: int
    """Queries that an alert needs by default (device samples for a peak); with fewer, the outcome is `nodata`."""
    rule_id: str
    """Alert that a breach raises."""
    severity: str = "warning"
    alpha: float = 0.05
    """Largest p of the exact test that proves a breach."""
    next_step: str | None = None
    """What to do about a breach, where there is more to do than to read the report."""

    @property
    def name(self) -> str:
        """As under `limits:`."""
        return f"{self.metric}{MINIMUM_SUFFIX}" if self.is_minimum else self.metric

    @property
    def tests(self) -> tuple[str, ...]:
        """How an alert may decide a breach; the first is the default."""
        return (POINT,) if self.is_exact else _TESTS[self.statistic]

    @property
    def counts_tokens(self) -> bool:
        """Whether its numbers are not trusted without a balanced ledger."""
        return self.unit == "tokens" or self.metric == "reduction_pct"


_TESTS: Mapping[Statistic, tuple[str, ...]] = {
    "mean": (CI_BOUND, POINT),
    "share": (BINOMTEST, CI_BOUND, POINT),
    "p95": (QUANTILE_TEST, CI_BOUND, POINT),
    "total": (CI_BOUND, POINT),
    "peak": (CI_BOUND, POINT),
}
_MIN_N: Mapping[Statistic, int] = {"mean": 50, "share": 50, "p95": P95_N_MIN, "total": 50, "peak": 1}
_DIMENSIONS = {
    "Answers": QUALITY,
    "Abstention": QUALITY,
    "Citations and evidence": QUALITY,
    "Retrieval": "retrieval",
    "Routing": "routing",
    "Tokens": "tokens",
    "Mechanisms": "mechanisms",
    "Time": "latency",
}
_FAMILY_OF = {metric.name: name for name, family in FAMILIES.items() for metric in family}


def _limit(metric: str, statistic: Statistic, of: Metric, **known: object) -> Limit:
    values: dict[str, object] = {
        "unit": of.unit,
        "dimension": _DIMENSIONS.get(_FAMILY_OF.get(of.name, ""), "system"),
        "min_n": _MIN_N[statistic],
        "rule_id": f"{metric}_{'low' if known.get('is_minimum') else 'high'}",
    }
    return Limit(metric=metric, statistic=statistic, of=of, **(values | known))  # type: ignore[arg-type]


def _listed(metric: str, statistic: Statistic, *, of: str | None = None, **known: object) -> Limit:
    return _limit(metric, statistic, METRICS[of or metric], **known)


LIMITS: Mapping[str, Limit] = {
    limit.name: limit
    for limit in (
        _listed("agent_latency_p95_s", "p95", of="agent_latency_s", default=2.0, rule_id="agent_latency_high"),
        _listed(
            "reduction_pct",
            "mean",
            is_minimum=True,
            default=40.0,
            dimension="token efficiency",
            min_n=300,
            rule_id="token_efficiency_low",
        ),
        _listed(
            "context_utilisation_ratio",
            "share",
            default=0.90,
            allowed_share=0.05,
            dimension="context",
            is_hard=True,
            rule_id="context_utilisation_high",
            next_step='see which agent reads so much: docmind sql "from context_reductions"',
        ),
        _listed(
            "vram_process_peak_gb",
            "peak",
            default=15.0,
            dimension="memory",
            is_exact=True,
            min_n=60,
            rule_id="vram_high",
        ),
        _listed(
            "coordination_overhead_p95_s",
            "p95",
            of="coordination_overhead_s",
            default=0.5,
            dimension="coordination",
            rule_id="coordination_overhead_high",
        ),
        _listed("queue_wait_p95_s", "p95", of="queue_wait_s", rule_id="queue_slow", next_step="lower the concurrency"),
        _listed("pass_ratio", "share", of="passed", is_minimum=True, is_shown=True, is_hard=True),
        _listed(
            "good_ratio",
            "share",
            is_minimum=True,
            watched=0.99,
            is_shown=True,
            dimension="reliability",
            is_hard=True,
            rule_id="error_rate",
            alpha=0.01,
        ),
        _listed("decode_tps", "mean", is_minimum=True, dimension="speed", rule_id="decode_slow"),
        _listed(
            "prefill_tps",
            "total",
            is_minimum=True,
            dimension="speed",
            is_exact=True,
            min_n=1,
            rule_id="prefill_slow",
        ),
    )
}
"""Limits with a default, an alert or a line of the scorecard of their own. Any other metric of the catalogue that has
rows is limited by its mean or share under its own name, and a time, a token count or a ratio also by its p95."""

_P95 = re.compile(r"(?P<stem>.+)_p95(?P<unit>_(?:s|tokens|ratio))")


def find_limit(name: str, own: Own = NO_OWN) -> Limit | None:
    """Return what the limit `name` means: `ndcg@10_min`, `ttft_p95_s`, `tokens_per_correct`; None for no limit.

    Args:
        name: As under `limits:`.
        own: The user's metrics that the suite is scored by, by name.
    """
    if name in LIMITS:
        return LIMITS[name]
    is_minimum = name.endswith(MINIMUM_SUFFIX)
    metric = name.removesuffix(MINIMUM_SUFFIX)
    if metric in own:
        return _allowed(own[metric], is_minimum=is_minimum, dimension=OWN)
    if not is_minimum and (parts := _P95.fullmatch(name)):
        found = METRICS.get(f"{parts['stem']}{parts['unit']}")
        return _limit(name, "p95", found) if found and _has_p95(found) else None
    return _allowed(METRICS[metric], is_minimum=is_minimum) if metric in METRICS else None


def _allowed(metric: Metric, *, is_minimum: bool, **known: object) -> Limit | None:
    if metric.rows is None or metric.better == ("lower" if is_minimum else "higher"):
        return None
    return _limit(metric.name, _statistic(metric), metric, is_minimum=is_minimum, **known)


def limit_names(own: Own = NO_OWN) -> tuple[str, ...]:
    """Return every name that may be used under `limits:`."""
    names = dict.fromkeys(LIMITS)
    for metric in (*METRICS.values(), *own.values()):
        if metric.rows is not None:
            stem, _, unit = metric.name.rpartition("_")
            candidates = (metric.name, f"{metric.name}{MINIMUM_SUFFIX}", f"{stem}_p95_{unit}")
            names |= dict.fromkeys(name for name in candidates if find_limit(name, own))
    return tuple(names)


def default_limits() -> dict[str, float]:
    """Return the guide's five."""
    return {name: limit.default for name, limit in LIMITS.items() if limit.default is not None}


def _statistic(metric: Metric) -> Statistic:
    if metric.rows == "run_estimates":
        return "total"
    return "share" if metric.range == "0 or 1" else "mean"


def _has_p95(metric: Metric) -> bool:
    # Of a metric that should be high, the best 5 % would decide.
    return metric.rows not in {None, "measurements", "run_estimates"} and metric.better != "higher"
