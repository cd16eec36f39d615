"""How much a lever moved a metric: paired by query, with a clustered interval."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean

from docmind_core.measurements.comparability import cache_is_unknown
from docmind_core.measurements.lever_values import (
    LeverRun,
    Reader,
    column,
    computed_tokens,
    decode_tps,
    pairs_of,
    passed,
    requests,
)
from docmind_core.measurements.paired import QueryValues
from docmind_core.measurements.times import too_few_blocks
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import log_ratio, log_ratio_of_rates, reduction_pct

REDUCTIONS: dict[str, Reader] = {
    "reduction_pct": column("billed_tokens"),
    "computed_reduction_pct": computed_tokens,
}
"""Percent saved against the baseline: of what is read here."""

DIFFERENCES: dict[str, tuple[Reader, str]] = {
    "supervisor_tokens": (column("supervisor_tokens"), "tokens"),
    "handoff_tokens": (column("handoff_tokens"), "tokens"),
    "coordination_overhead_s": (column("coordination_overhead_s"), "s"),
    "context_utilisation_ratio": (column("context_utilisation_ratio"), "of the window"),
    "decode_tps": (decode_tps, "tokens/s"),
}
"""Candidate minus baseline: of what is read here, and its unit."""

TIMES = frozenset({"coordination_overhead_s", "decode_tps"})
"""With a clock in them: two arms are compared block by block."""

NEEDS_KNOWN_CACHE = frozenset({"computed_reduction_pct", "decode_tps"})
"""Not compared where the state of the prefix cache is unknown."""

NOT_BY_QUERY = {
    "prefill_tps": "it is read from the engine's counters, once for an arm, not by query",
    "kv_cache_usage_peak_ratio": "it has one value for an arm, not one for a query",
    "cache_hit_ratio": "the baseline looks nothing up, so it has no pairs; see the view cache_summary",
    "wrong_hit_ratio": "keys are exact, so a hit can't be wrong; the baseline looks nothing up",
}
"""Metrics of the guide's chart that have no pairs here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the pairs of one metric say; a part is None where it can't be had."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    because: str
    """The interval in words, or why there is none."""
    same_requests: bool = False
    """Whether both arms sent the engine the same requests: then the lever can't have moved the engine's speed."""


def lever_effect(metric: str, candidate: LeverRun, baseline: LeverRun) -> Effect:
    """Compare one metric of two arms over the queries that both answered.

    `reduction_pct` and `computed_reduction_pct` are percent saved, `tokens_per_correct` is a change in percent, all
    others are differences in the metric's own unit, candidate minus baseline.
    """
    if metric in NOT_BY_QUERY:
        return Effect(because=NOT_BY_QUERY[metric])
    if metric in NEEDS_KNOWN_CACHE and cache_is_unknown(candidate.row, baseline.row):
        return Effect(because="the state of the engine's prefix cache is unknown (not_exclusive_cache)")
    if metric == "tokens_per_correct":
        return _effect_on_rate(candidate, baseline)
    if metric in REDUCTIONS:
        pairs = pairs_of(REDUCTIONS[metric], candidate, baseline, positive=True)
        estimate = log_ratio(pairs.candidate, pairs.baseline, pairs.clusters)
        return _shown(estimate, pairs.left_out, "%", _saved)
    read, unit = DIFFERENCES[metric]
    pairs = pairs_of(read, candidate, baseline, by_block=metric in TIMES)
    if metric in TIMES and pairs.differences and (because := too_few_blocks(pairs.clusters)):
        return Effect(value=fmean(pairs.differences), n=len(pairs.differences), because=because)
    effect = _shown(clustered_mean(pairs.differences, pairs.clusters), pairs.left_out, unit, float)
    return replace(effect, same_requests=metric == "decode_tps" and requests(candidate) == requests(baseline))


def _effect_on_rate(candidate: LeverRun, baseline: LeverRun) -> Effect:
    billed = column("billed_tokens")
    tokens = pairs_of(_where_both(billed, passed), candidate, baseline)
    passes = pairs_of(_where_both(passed, billed), candidate, baseline)
    n = len(passes.candidate)
    if n == 0 or n != len(pairs_of(billed, candidate, baseline).candidate):
        return Effect(because="it is not known of every query whether it passed")
    estimate = log_ratio_of_rates(
        (tokens.candidate, passes.candidate), (tokens.baseline, passes.baseline), tokens.clusters
    )
    if estimate is None or estimate.value is None:
        return Effect(n=n, because="no query passed in one of the two arms (no_correct)")
    return _shown(estimate, tokens.left_out, "%", _grown)


def _where_both(read: Reader, also: Reader) -> Reader:
    """Read the queries that have the other value as well: two counts that are equal may be of different queries."""

    def values(run: LeverRun) -> QueryValues:
        found, others = read(run), also(run).values
        known = {query: value for query, value in found.values.items() if query in others}
        return QueryValues(values=known, asked=found.asked)

    return values


def _shown(estimate: Estimate, left_out: int, unit: str, scale: Callable[[float], float]) -> Effect:
    counted = f"{estimate.n} queries in {estimate.clusters} clusters" + (f", {left_out} left out" if left_out else "")
    if estimate.value is None:
        return Effect(because=f"no query has a value in both arms: {counted}")
    value = scale(estimate.value)
    if estimate.low is None or estimate.high is None:
        return Effect(
            value=value, n=estimate.n, because=f"too few clusters of queries for an interval: {counted} (n_too_small)"
        )
    low, high = sorted((scale(estimate.low), scale(estimate.high)))
    because = f"95 % interval {_digits(low)} to {_digits(high)} {unit}, {counted}"
    return Effect(value=value, low=low, high=high, n=estimate.n, because=because)


def _saved(mean_log: float) -> float:
    return reduction_pct(mean_log) or 0.0


def _grown(mean_log: float) -> float:
    return 100.0 * math.expm1(mean_log)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
