"""Comparing two runs, query by query: tokens, quality, and whether a saving may be claimed. `metrics.md` §7."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from docmind_core.measurements.arm_values import TOKEN_METRICS, ArmValues, Marks, QueryValues
from docmind_core.measurements.billed_tokens import billed_bounds, billed_by_agent
from docmind_core.measurements.comparability import (
    NOT_EXCLUSIVE_CACHE,
    cache_is_unknown,
    ledger_obstacles,
    not_run,
    obstacles,
)
from docmind_core.measurements.paired import PairedRuns, Pairs
from docmind_core.measurements.verdicts import (
    MIN_N,
    NOT_JUDGED,
    PASSES_MIN,
    Bill,
    Verdict,
    claim,
    judge_amounts,
    judge_quality,
    judge_tokens,
    ratio_of_totals,
)
from docmind_core.metrics.catalogue import METRICS
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.pairs import false_discovery_rate, log_ratio

QUALITY_METRICS = (
    *("passed", "exact_match", "token_f1", "abstention_recall", "over_abstention", "citation_recall"),
    *("recall@5", "ndcg@10", "evidence_recall"),
)
CALLS = "calls"
GATING = ("billed_tokens", "passed", "good_ratio")
"""All of them have to hold, over all queries, for a claim: an intersection, which needs no correction. All else
explores, and shares one correction of the false discovery rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """Requirements for a claim that a suite can configure."""

    min_n: int = MIN_N
    """Fewest independent queries for non-inferiority."""
    claim_without_ledger: bool = False
    """Whether a ledger that could not be balanced allows a claim; one that is wrong never does."""
    about: frozenset[str] = frozenset()
    """Conditions in which the two runs may differ, besides those that the arms of one benchmark run differ in."""


def compare(
    candidate: ArmValues,
    baseline: ArmValues,
    ledger: Mapping[str, str],
    rules: ClaimRules,
    *,
    in_detail: bool = False,
) -> list[dict[str, object]]:
    """Compare two runs, whatever they differ in, and return rows of `comparisons`: gating metrics first.

    Args:
        candidate: The run judged.
        baseline: The run compared against.
        ledger: State of the ledger by run id; a run that is not in it booked nothing.
        rules: What a claim asks for.
        in_detail: Whether to compare the tokens of each agent and the number of calls too.
    """
    runs = PairedRuns(candidate=candidate, baseline=baseline)
    everything = np.ones(len(runs.queries), dtype=bool)
    values = metric_values(candidate), metric_values(baseline)
    shared = [metric for metric in values[0] if metric in values[1]]
    rows = {metric: _row(runs, metric, "all", _both(values, metric), everything, rules) for metric in shared}
    _claim(runs, rows, values, ledger, rules)
    exploring = [row for metric, (row, _) in rows.items() if metric not in GATING] + [
        _row(runs, metric, name, _both(values, metric), only, rules)[0]
        for name, only in runs.slices.items()
        for metric in shared
    ]
    exploring += _details(runs, everything, rules) if in_detail else []
    exploring = [row for row in exploring if row["n"] or row["n_left_out"]]
    correct(exploring, "p_fdr", false_discovery_rate)
    return [rows[metric][0] for metric in GATING] + exploring


def metric_values(run: ArmValues) -> dict[str, QueryValues]:
    """Return every metric that runs are compared in over all agents, but for the calls and the times."""
    good = QueryValues(values=run.good, asked=np.ones(len(run.queries), dtype=bool), reasons={}, is_pass_fail=True)
    scores = {metric: run.score(metric) for metric in (*QUALITY_METRICS, *sorted(run.own_metrics))}
    return {**run.tokens, "good_ratio": good, **scores}


def _details(runs: PairedRuns, everything: Marks, rules: ClaimRules) -> list[dict[str, object]]:
    sides = runs.candidate, runs.baseline
    agents = tuple(map(billed_by_agent, sides))
    none = tuple(run.no_tokens for run in sides)
    rows = [_row(runs, CALLS, "all", (sides[0].column(CALLS), sides[1].column(CALLS)), everything, rules)[0]]
    for name in sorted({*agents[0], *agents[1]}):
        both = agents[0].get(name, none[0]), agents[1].get(name, none[1])
        rows.append(_row(runs, "billed_tokens", "all", both, everything, rules)[0] | {"agent": name})
    return rows


Sides = tuple[QueryValues, QueryValues]
BothValues = tuple[dict[str, QueryValues], dict[str, QueryValues]]
Judged = tuple[dict[str, object], Verdict]


def _both(values: BothValues, metric: str) -> Sides:
    return values[0][metric], values[1][metric]


def _row(runs: PairedRuns, metric: str, name: str, sides: Sides, only: Marks, rules: ClaimRules) -> Judged:
    """Judge one metric over some queries: its row of `comparisons`, and its verdict."""
    is_tokens = metric in TOKEN_METRICS
    if is_tokens:
        pairs = runs.pairs(*sides, only=only, own=True, positive=True)
        judged = judge_tokens(pairs)
        totals, log_totals = ratio_of_totals(runs.pairs(*sides, only=only))
    elif metric == CALLS:
        pairs = runs.pairs(*sides, only=only, own=True)
        judged = judge_amounts(pairs, better="lower")
    else:
        pairs = runs.pairs(*sides, only=only)
        judged = _judged_score(runs, metric, pairs, rules, is_pass_fail=sides[0].is_pass_fail and sides[1].is_pass_fail)
        if because := runs.other_formulas.get(metric):
            pairs, judged = _not_judged(pairs, because)
    if metric == "computed_tokens" and cache_is_unknown(runs.candidate.row, runs.baseline.row):
        pairs, judged = _not_judged(pairs, NOT_EXCLUSIVE_CACHE)
        totals, log_totals = None, None
    row = _shown(runs, metric, name, pairs, judged)
    if is_tokens:
        row |= {"ratio_of_totals": totals, **_ends("ratio_of_totals", log_totals, math.exp)}
    return row, judged


def _judged_score(runs: PairedRuns, metric: str, pairs: Pairs, rules: ClaimRules, *, is_pass_fail: bool) -> Verdict:
    definition = runs.candidate.own_metrics.get(metric) or METRICS[metric]
    if definition.bounds != (0.0, 1.0) or definition.better == "none":
        return judge_amounts(pairs, better=definition.better)
    lower_is_better = definition.better == "lower"
    return judge_quality(pairs, is_pass_fail=is_pass_fail, min_n=rules.min_n, lower_is_better=lower_is_better)


def _not_judged(pairs: Pairs, because: str) -> tuple[Pairs, Verdict]:
    """Leave all pairs out: what was read of them can't be attributed to the runs."""
    count = len(pairs.candidate)
    none = replace(
        pairs,
        candidate=pairs.candidate[:0],
        baseline=pairs.baseline[:0],
        clusters=pairs.clusters[:0],
        left_out=count + pairs.left_out,
        left_out_because=f"{count + pairs.left_out} {because}",
    )
    return none, replace(judge_tokens(none), verdict=NOT_JUDGED, because=because)


def _claim(
    runs: PairedRuns,
    rows: dict[str, Judged],
    values: BothValues,
    ledger: Mapping[str, str],
    rules: ClaimRules,
) -> None:
    """Write into the rows of tokens whether they may be claimed, and what the whole bill says."""
    sides = runs.candidate, runs.baseline
    no_answers = [because for run in sides if (because := not_run(run)) is not None]
    found = [*no_answers, *obstacles(runs.candidate.row, runs.baseline.row, about=rules.about)]
    found += [f"{run.doubled} rows of {run.arm} are there twice" for run in sides if run.doubled]
    stopped, allowed = ledger_obstacles(sides, ledger, without=rules.claim_without_ledger)
    found += stopped
    passes = runs.sides(values[0]["passed"].values, values[1]["passed"].values)[1]
    if not np.all(np.isnan(passes)) and (share := float(np.nanmean(passes))) < PASSES_MIN:
        found.append(f"the baseline passes {100 * share:.0f} %, so it has no quality to lose")
    quality = [("quality", rows["passed"][1]), ("answering", rows["good_ratio"][1])]
    for metric in TOKEN_METRICS:
        row, judged = rows[metric]
        bill = _bill(runs, metric, values)
        if not np.any(values[0][metric].values):  # the candidate asked no model: 0 tokens are not 100 % saved
            row |= {"ratio_of_totals": None, "ratio_of_totals_low": None, "ratio_of_totals_high": None}
        claimable, because = claim(judged, bill, quality, found, min_n=rules.min_n)
        row |= {"claimable": claimable, "claimable_because": because + (f"; {allowed}" if allowed else "")}
        if judged.verdict != NOT_JUDGED:
            row |= {"all_delta": bill.everything.value, **_ends("all_delta", bill.everything)}
            row |= {"worst_case_delta": bill.worst.value, **_ends("worst_case_delta", bill.worst)}
        if no_answers:
            row |= {"verdict": NOT_JUDGED, "because": no_answers[0]}


def _bill(runs: PairedRuns, metric: str, values: BothValues) -> Bill:
    first, second = values[0][metric], values[1][metric]
    everything = runs.pairs(first, second, positive=True)
    worst = everything
    if metric == "billed_tokens":
        high, low = billed_bounds(runs.candidate)[1], billed_bounds(runs.baseline)[0]
        worst = runs.pairs(replace(first, values=high), replace(second, values=low), positive=True)
    return Bill(
        asked=len(runs.queries),
        everything=log_ratio(everything.candidate, everything.baseline, everything.clusters),
        worst=log_ratio(worst.candidate, worst.baseline, worst.clusters),
        unbounded=worst.left_out,
        left_out_because=worst.left_out_because,
        bounded=len(worst.candidate) - len(everything.candidate),
    )


def _shown(runs: PairedRuns, metric: str, name: str, pairs: Pairs, judged: Verdict) -> dict[str, object]:
    estimate = judged.estimate
    return {
        "run_id": runs.candidate.run_id,
        "baseline_run_id": runs.baseline.run_id,
        "candidate_run_id": runs.candidate.run_id,
        "metric": metric,
        "agent": "all",
        "slice": name,
        "n": estimate.n,
        "n_left_out": pairs.left_out,
        "n_failed": pairs.failed,
        "left_out_because": pairs.left_out_because,
        "clusters": estimate.clusters,
        "baseline_value": float(pairs.baseline.mean()) if estimate.n else None,
        "candidate_value": float(pairs.candidate.mean()) if estimate.n else None,
        "delta": estimate.value,
        **_ends("delta", estimate),
        "p": estimate.p,
        "mde": judged.mde,
        "estimator": judged.estimator,
        "verdict": judged.verdict,
        "because": judged.because,
    }


def _ends(name: str, estimate: Estimate | None, scale: Callable[[float], float] = float) -> dict[str, float | None]:
    low, high = (None, None) if estimate is None else (estimate.low, estimate.high)
    return {
        f"{name}_low": None if low is None else scale(low),
        f"{name}_high": None if high is None else scale(high),
    }


def correct(rows: Sequence[dict[str, object]], column: str, by: Callable[[Sequence[float]], list[float]]) -> None:
    """Write the corrected p of the rows that have one; together they are one family."""
    tested = [(row, float(str(row["p"]))) for row in rows if row["p"] is not None]
    for (row, _), p in zip(tested, by([p for _, p in tested]), strict=True):
        row[column] = p
