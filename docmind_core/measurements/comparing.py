"""Comparing two runs, query by query: tokens, quality, and whether a saving may be claimed. `metrics.md` §7."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from docmind_core.errors import StoreError
from docmind_core.measurements.arm_values import TOKEN_METRICS, ArmValues, Marks, QueryValues, read_arm_values
from docmind_core.measurements.comparability import (
    NOT_EXCLUSIVE_CACHE,
    cache_is_unknown,
    ledger_obstacles,
    ledger_states,
    not_run,
    obstacles,
)
from docmind_core.measurements.paired import PairedRuns, Pairs
from docmind_core.measurements.run_estimates import tokens_per_correct_rows
from docmind_core.measurements.verdicts import (
    MIN_N,
    NOT_JUDGED,
    PASSES_MIN,
    Bill,
    Verdict,
    claim,
    judge_quality,
    judge_tokens,
    ratio_of_totals,
)
from docmind_core.metrics.catalogue import METRICS
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.pairs import false_discovery_rate, holm, log_ratio
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import run_ids_of, write_segment

BASELINES = ("naive_supervisor", "single_pass")
QUALITY_METRICS = (
    *("passed", "exact_match", "token_f1", "abstention_recall", "over_abstention", "citation_recall"),
    *("recall@5", "ndcg@10", "evidence_recall"),
)
GATING = ("billed_tokens", "passed", "good_ratio")
"""All of them have to hold, over all queries, for a claim: an intersection, which needs no correction. All else
explores, and shares one correction of the false discovery rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """What a claim asks for where a suite may say it."""

    min_n: int = MIN_N
    """Fewest independent queries for non-inferiority."""
    claim_without_ledger: bool = False
    """Whether a ledger that could not be balanced allows a claim; one that is wrong never does."""


def compare_arms(settings: Settings, benchmark_run: str, suite: Suite) -> int:
    """Compare each finished arm with `naive_supervisor` and with `single_pass`; return the number of comparisons.

    The figures of each arm that SQL can't take, those of `run_estimates`, are written with them.

    Raises:
        StoreError: If the benchmark run has no finished arm, or if an arm was not scored.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    arms = [read_arm_values(settings.tables, run_id, QUALITY_METRICS) for run_id in run_ids]
    runs = {arm.arm: arm for arm in arms}
    ledger = ledger_states(settings.tables, run_ids)
    rules = ClaimRules(min_n=suite.min_n or MIN_N, claim_without_ledger=suite.claim_without_ledger)
    rows = {
        candidate.run_id: [
            row
            for name in BASELINES
            if name != arm and name in runs
            for row in compare(candidate, runs[name], ledger, rules)
        ]
        for arm, candidate in runs.items()
    }
    _correct_over_arms([row for of_run in rows.values() for row in of_run])
    for candidate in arms:
        write_segment(settings.tables, "comparisons", candidate.run_id, rows[candidate.run_id])
        write_segment(settings.tables, "run_estimates", candidate.run_id, tokens_per_correct_rows(candidate))
    return sum(len(of_run) for of_run in rows.values())


def compare(
    candidate: ArmValues, baseline: ArmValues, ledger: Mapping[str, str], rules: ClaimRules
) -> list[dict[str, object]]:
    """Compare two runs, whatever they differ in, and return rows of `comparisons`: gating metrics first.

    Args:
        candidate: The run judged.
        baseline: The run compared against.
        ledger: State of the ledger by run id; a run that is not in it booked nothing.
        rules: What a claim asks for.
    """
    runs = PairedRuns(candidate=candidate, baseline=baseline)
    everything = np.ones(len(runs.queries), dtype=bool)
    values = _values(candidate), _values(baseline)
    rows = {metric: _row(runs, metric, "all", values, everything, rules) for metric in values[0]}
    _claim(runs, rows, values, ledger, rules)
    exploring = [row for metric, (row, _) in rows.items() if metric not in GATING] + [
        _row(runs, metric, name, values, only, rules)[0] for name, only in runs.slices.items() for metric in values[0]
    ]
    exploring = [row for row in exploring if row["n"] or row["n_left_out"]]
    _correct(exploring, "p_fdr", false_discovery_rate)
    return [rows[metric][0] for metric in GATING] + exploring


def _values(run: ArmValues) -> dict[str, QueryValues]:
    good = QueryValues(values=run.good, asked=np.ones(len(run.queries), dtype=bool), reasons={}, is_pass_fail=True)
    return {**run.tokens, "good_ratio": good, **{metric: run.score(metric) for metric in QUALITY_METRICS}}


BothValues = tuple[dict[str, QueryValues], dict[str, QueryValues]]
Judged = tuple[dict[str, object], Verdict]


def _row(runs: PairedRuns, metric: str, name: str, values: BothValues, only: Marks, rules: ClaimRules) -> Judged:
    """Judge one metric over some queries: its row of `comparisons`, and the verdict behind it."""
    sides = values[0][metric], values[1][metric]
    is_tokens = metric in TOKEN_METRICS
    if is_tokens:
        pairs = runs.pairs(*sides, only=only, own=True, positive=True)
        judged = judge_tokens(pairs)
        totals, log_totals = ratio_of_totals(runs.pairs(*sides, only=only))
    else:
        pairs = runs.pairs(*sides, only=only)
        judged = judge_quality(
            pairs,
            is_pass_fail=sides[0].is_pass_fail and sides[1].is_pass_fail,
            min_n=rules.min_n,
            lower_is_better=METRICS[metric].better == "lower",
        )
    if metric == "computed_tokens" and cache_is_unknown(runs.candidate.row, runs.baseline.row):
        pairs, judged = _not_judged(pairs, NOT_EXCLUSIVE_CACHE)
        totals, log_totals = None, None
    row = _shown(runs, metric, name, pairs, judged)
    if is_tokens:
        row |= {"ratio_of_totals": totals, **_ends("ratio_of_totals", log_totals, math.exp)}
    return row, judged


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
    found = [*no_answers, *obstacles(runs.candidate.row, runs.baseline.row)]
    found += [f"{run.doubled} rows of {run.arm} are there twice" for run in sides if run.doubled]
    stopped, allowed = ledger_obstacles(sides, ledger, without=rules.claim_without_ledger)
    found += stopped
    passes = runs.sides(values[0]["passed"].values, values[1]["passed"].values)[1]
    if not np.all(np.isnan(passes)) and (share := float(np.nanmean(passes))) < PASSES_MIN:
        found.append(f"the baseline passes {100 * share:.0f} %: nothing to lose")
    quality = [("quality", rows["passed"][1]), ("answering", rows["good_ratio"][1])]
    for metric in TOKEN_METRICS:
        row, judged = rows[metric]
        bill = _bill(runs, metric, values)
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
        high, low = runs.candidate.billed_bounds[1], runs.baseline.billed_bounds[0]
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


def _correct_over_arms(rows: Sequence[dict[str, object]]) -> None:
    """Correct the p of each gating metric over all arms that are compared with the same baseline."""
    families: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        if row["metric"] in GATING and row["slice"] == "all":
            families[row["metric"], row["baseline_run_id"]].append(row)
    for family in families.values():
        _correct(family, "p_holm", holm)


def _correct(rows: Sequence[dict[str, object]], column: str, correct: Callable[[Sequence[float]], list[float]]) -> None:
    """Write the corrected p of the rows that have one; together they are one family."""
    tested = [(row, float(str(row["p"]))) for row in rows if row["p"] is not None]
    for (row, _), p in zip(tested, correct([p for _, p in tested]), strict=True):
        row[column] = p
