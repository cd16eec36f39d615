"""The measured effect of a lever on a metric: paired by query, with a clustered interval."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_values import ArmValues, Marks, QueryValues
from docmind_core.measurements.comparability import cache_is_unknown, load_adapted
from docmind_core.measurements.paired import PairedRuns, Pairs
from docmind_core.measurements.times import too_few_blocks
from docmind_core.measurements.verdicts import NOT_JUDGED
from docmind_core.metrics.signs import signed
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import log_ratio, log_ratio_of_rates, reduction_pct
from docmind_core.statistics.shares import difference_of_shares
from docmind_core.tables.columns import Columns, read_coded
from docmind_core.tables.definitions import UNMEASURED

Reader = Callable[[ArmValues], QueryValues]
Effect = tuple[Estimate, str]
"""The effect, and its interval in words or why there is none."""


def _column(*names: str) -> Reader:
    return lambda run: run.column(*names)


def decode_tps(run: ArmValues) -> QueryValues:
    """Read the mean decode speed of a query's calls; a call with one token has none."""
    calls = _calls(run, "decode_tps")
    speeds, places = calls["decode_tps"].numbers(), run.places_of_queries(calls["query_id"])
    known = ~np.isnan(speeds) & (places >= 0)
    counts = np.bincount(places[known], minlength=len(run.queries))
    sums = np.bincount(places[known], weights=speeds[known], minlength=len(run.queries))
    values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return QueryValues(values=values, asked=counts > 0, reasons={})


REDUCTIONS: dict[str, Reader] = {
    "reduction_pct": _column("billed_tokens"),
    "computed_reduction_pct": _column("prefill_computed_tokens", "completion_tokens"),
}
"""Percent saved against the baseline: of what is read here."""

DIFFERENCES: dict[str, tuple[Reader, str]] = {
    "supervisor_tokens": (_column("supervisor_tokens"), "tokens"),
    "handoff_tokens": (_column("handoff_tokens"), "tokens"),
    "coordination_overhead_s": (_column("coordination_overhead_s"), "s"),
    "context_utilisation_ratio": (_column("context_utilisation_ratio"), "of the window"),
    "decode_tps": (decode_tps, "tokens/s"),
}
"""Candidate minus baseline: of what is read here, and its unit."""

TIMES = frozenset({"coordination_overhead_s", "decode_tps"})
"""With a clock in them: two arms are compared block by block."""

NEEDS_KNOWN_CACHE = frozenset({"computed_reduction_pct", "decode_tps"})
"""Not compared where the state of the prefix cache is unknown."""

NOT_BY_QUERY = {
    "prefill_tps": "it is read from the engine's counters once per arm, not per query",
    "kv_cache_usage_peak_ratio": "it has one value per arm, not per query",
    "cache_hit_ratio": "the baseline makes no lookups, so there are no pairs; see the view cache_summary",
    "wrong_hit_ratio": "keys are exact, so a hit can't be wrong; the baseline makes no lookups",
}
"""Metrics of the guide's chart that have no pairs here, and why."""


def lever_effect(metric: str, candidate: ArmValues, baseline: ArmValues) -> Effect:
    """Compare one metric of two arms over the queries that both answered themselves; quality over all.

    `reduction_pct` and `computed_reduction_pct` are percent saved, `tokens_per_correct` is a change in percent, all
    others are differences in the metric's own unit, candidate minus baseline.
    """
    if metric in NOT_BY_QUERY:
        return _none(NOT_BY_QUERY[metric])
    if metric in NEEDS_KNOWN_CACHE and cache_is_unknown(candidate.row, baseline.row):
        return _none("the state of the engine's prefix cache is unknown (not_exclusive_cache)")
    runs = PairedRuns(candidate=candidate, baseline=baseline)
    if metric in _OF_ANSWERS:
        return _OF_ANSWERS[metric](runs)
    if metric in REDUCTIONS:
        read = REDUCTIONS[metric]
        pairs = runs.pairs(read(candidate), read(baseline), own=True, positive=True)
        return _shown(log_ratio(pairs.candidate, pairs.baseline, pairs.clusters), pairs, "%", _saved)
    read, unit = DIFFERENCES[metric]
    pairs = runs.pairs(read(candidate), read(baseline), own=True, by_block=metric in TIMES)
    because = load_adapted(candidate.row, baseline.row) or too_few_blocks(pairs.clusters)
    if metric in TIMES and len(pairs.candidate) and because:
        n = len(pairs.candidate)
        return Estimate(value=float(pairs.differences.mean()), n=n, because=NOT_JUDGED), because
    return _shown(clustered_mean(pairs.differences, pairs.clusters), pairs, unit, float)


def sent_the_same(candidate: ArmValues, baseline: ArmValues) -> bool:
    """Say whether both arms sent the engine the same requests: then the lever can't have moved its speed."""
    sent = [_requests(run) for run in (candidate, baseline)]
    return np.array_equal(sent[0], sent[1])


def _requests(run: ArmValues) -> NDArray[np.int64]:
    """Return a hash of query and request of each call, sorted."""
    calls = _calls(run, "request_hash")
    both = zip(calls["query_id"], calls["request_hash"], strict=True)
    return np.sort(np.fromiter(map(hash, both), dtype=np.int64))


def _effect_on_rate(runs: PairedRuns) -> Effect:
    sides = runs.candidate, runs.baseline
    billed, passed = [run.column("billed_tokens") for run in sides], [run.score("passed") for run in sides]
    # Two counts that are equal may be of different queries.
    unknown: Marks = np.logical_or.reduce([np.isnan(side) for side in runs.sides(*(score.values for score in passed))])
    costs = runs.pairs(billed[0], billed[1], own=True)
    tokens = runs.pairs(billed[0], billed[1], own=True, only=~unknown)
    known: Marks = np.logical_and.reduce([~np.isnan(side) for side in runs.sides(*(cost.values for cost in billed))])
    passes = runs.pairs(passed[0], passed[1], own=True, only=known)
    n = len(passes.candidate)
    if n == 0 or n != len(costs.candidate):
        return _none("for some queries it is unknown whether they passed")
    estimate = log_ratio_of_rates(
        (tokens.candidate, passes.candidate), (tokens.baseline, passes.baseline), tokens.clusters
    )
    if estimate is None:
        return _none("one of the two arms passed no query (no_correct)", n=n)
    return _shown(estimate, tokens, "%", _grown)


def _effect_on_passing(runs: PairedRuns) -> Effect:
    """Compare the shares that passed over all queries: one that failed has not passed."""
    sides = runs.candidate.score("passed"), runs.baseline.score("passed")
    pairs = replace(runs.pairs(*sides), failed=0)
    return _shown(difference_of_shares(pairs.differences, pairs.clusters), pairs, "of the queries", float)


_OF_ANSWERS = {"tokens_per_correct": _effect_on_rate, "passed": _effect_on_passing}


def _calls(run: ArmValues, column: str) -> Columns:
    calls = read_coded(run.folder, "llm_calls", run.run_id, ("query_id", "phase", column))
    counted = np.flatnonzero(calls["phase"].each(lambda phase: phase not in UNMEASURED, bool))
    return {name: values.take(counted) for name, values in calls.items()}


def _none(because: str, n: int = 0) -> Effect:
    return Estimate(value=None, n=n), because


def _shown(estimate: Estimate, pairs: Pairs, unit: str, scale: Callable[[float], float]) -> Effect:
    left_out = pairs.left_out + pairs.failed
    counted = f"{estimate.n} queries in {estimate.clusters} clusters" + (f", {left_out} left out" if left_out else "")
    if estimate.value is None:
        return _none(f"no query has a value in both arms: {counted}")
    value = scale(estimate.value)
    if estimate.low is None or estimate.high is None:
        because = f"too few independent queries for an interval: {counted} (n_too_small)"
        return Estimate(value=value, n=estimate.n, clusters=estimate.clusters), because
    low, high = sorted((scale(estimate.low), scale(estimate.high)))
    because = f"95 % interval {_digits(low)} to {_digits(high)} {unit}, {counted}"
    return replace(estimate, value=value, low=low, high=high, standard_error=None), because


def _saved(mean_log: float) -> float:
    return reduction_pct(mean_log) or 0.0


def _grown(mean_log: float) -> float:
    return 100.0 * math.expm1(mean_log)


def _digits(value: float) -> str:
    return signed(value, ",.0f" if abs(value) >= 1000 else ".3g")
