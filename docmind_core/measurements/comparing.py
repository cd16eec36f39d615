"""Comparing the arms of a benchmark run: tokens and quality, query by query."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from docmind_core.errors import StoreError
from docmind_core.measurements.arm_values import TOKEN_METRICS, ArmValues, read_arm_values
from docmind_core.measurements.comparability import NOT_EXCLUSIVE_CACHE, cache_is_unknown, obstacles, unbalanced_runs
from docmind_core.measurements.paired import Pairs, pair
from docmind_core.measurements.run_estimates import tokens_per_correct_rows
from docmind_core.measurements.verdicts import MIN_N, Verdict, claim, judge_quality, judge_tokens
from docmind_core.metrics.catalogue import METRICS
from docmind_core.settings import Settings
from docmind_core.statistics.pairs import false_discovery_rate, holm, log_ratio_of_sums
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import run_ids_of, write_segment

BASELINES = ("naive_supervisor", "single_pass")
QUALITY_METRICS = (
    *("passed", "exact_match", "token_f1", "abstention_recall", "over_abstention", "citation_recall"),
    *("recall@5", "ndcg@10", "evidence_recall"),
)
GATING = ("billed_tokens", "passed")
"""The two that decide, over all queries; their p values share one Holm correction. All else explores, and shares one
correction of the false discovery rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the pairs of one metric say, with the pairs."""

    verdict: Verdict
    pairs: Pairs
    totals: Pairs
    """For tokens, with queries that cost one arm nothing: their ratio has no logarithm, but they are in the bill."""


def compare_arms(settings: Settings, benchmark_run: str, suite: Suite) -> int:
    """Compare each finished arm with `naive_supervisor` and with `single_pass`; return the number of comparisons.

    The figures of each arm that SQL can't take, those of `run_estimates`, are written beside them.

    Raises:
        StoreError: If the benchmark run has no finished arm, or if an arm was not scored.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    arms = [read_arm_values(settings.tables, run_id, QUALITY_METRICS) for run_id in run_ids]
    runs = {str(arm.row["arm"]): arm for arm in arms}
    unbalanced = unbalanced_runs(settings.tables, run_ids)
    count = 0
    for arm, candidate in runs.items():
        rows: list[dict[str, object]] = []
        for name in BASELINES:
            if name != arm and name in runs:
                rows.extend(_compare(candidate, runs[name], unbalanced, suite.min_n or MIN_N))
        write_segment(settings.tables, "comparisons", candidate.run_id, rows)
        write_segment(settings.tables, "run_estimates", candidate.run_id, tokens_per_correct_rows(candidate))
        count += len(rows)
    return count


def _compare(
    candidate: ArmValues, baseline: ArmValues, unbalanced: frozenset[str], min_n: int
) -> list[dict[str, object]]:
    judged = _judge(candidate, baseline, candidate.queries | baseline.queries, min_n)
    rows = {metric: _row(candidate, baseline, metric, "all", result) for metric, result in judged.items()}
    found = obstacles(candidate.row, baseline.row)
    found += [
        f"the ledger of {run.row['arm']} is unbalanced" for run in (candidate, baseline) if run.run_id in unbalanced
    ]
    for metric in TOKEN_METRICS:
        claimable, because = claim(judged[metric].verdict, judged["passed"].verdict, found, min_n=min_n)
        totals = judged[metric].totals
        bill = log_ratio_of_sums(totals.candidate, totals.baseline, totals.clusters)
        rows[metric] |= {"claimable": claimable, "claimable_because": because}
        if bill is not None and bill.low is not None and bill.high is not None:
            ends = {"ratio_of_totals_low": math.exp(bill.low), "ratio_of_totals_high": math.exp(bill.high)}
            rows[metric] |= ends
    slices = {
        name: candidate.slices.get(name, frozenset()) | baseline.slices.get(name, frozenset())
        for name in sorted({*candidate.slices, *baseline.slices})
    }
    exploring = [row for metric, row in rows.items() if metric not in GATING] + [
        _row(candidate, baseline, metric, name, result)
        for name, queries in slices.items()
        for metric, result in _judge(candidate, baseline, queries, min_n).items()
    ]
    gating = [rows[metric] for metric in GATING]
    _correct(gating, "p_holm", holm)
    _correct(exploring, "p_fdr", false_discovery_rate)
    return gating + [row for row in exploring if row["n"] or row["n_left_out"]]


def _correct(rows: Sequence[dict[str, object]], column: str, correct: Callable[[Sequence[float]], list[float]]) -> None:
    """Write the corrected p of the rows that have one; together they are one family."""
    tested = [(row, float(str(row["p"]))) for row in rows if row["p"] is not None]
    for (row, _), p in zip(tested, correct([p for _, p in tested]), strict=True):
        row[column] = p


def _judge(candidate: ArmValues, baseline: ArmValues, queries: frozenset[str], min_n: int) -> dict[str, _Judged]:
    clusters = {**baseline.clusters, **candidate.clusters}
    judged: dict[str, _Judged] = {}
    for metric in (*TOKEN_METRICS, *QUALITY_METRICS):
        values = candidate.metrics[metric], baseline.metrics[metric]
        all_pairs = pair(*values, clusters, only=queries)
        if metric in TOKEN_METRICS:
            judged[metric] = _judge_tokens(all_pairs, pair(*values, clusters, only=queries, positive=True))
            continue
        verdict = judge_quality(all_pairs, min_n=min_n, lower_is_better=METRICS[metric].better == "lower")
        judged[metric] = _Judged(verdict=verdict, pairs=all_pairs, totals=all_pairs)
    if cache_is_unknown(candidate.row, baseline.row):
        judged["computed_tokens"] = _not_judged(judged["computed_tokens"].pairs, NOT_EXCLUSIVE_CACHE)
    return judged


def _judge_tokens(totals: Pairs, pairs: Pairs) -> _Judged:
    return _Judged(verdict=judge_tokens(pairs, totals), pairs=pairs, totals=totals)


def _not_judged(pairs: Pairs, because: str) -> _Judged:
    """Leave all pairs out: what was read of them can't be put down to the arms."""
    none = Pairs(candidate=(), baseline=(), clusters=(), left_out=len(pairs.candidate) + pairs.left_out)
    return _Judged(verdict=replace(judge_tokens(none, none), because=because), pairs=none, totals=none)


def _row(candidate: ArmValues, baseline: ArmValues, metric: str, query_type: str, judged: _Judged) -> dict[str, object]:
    verdict, pairs = judged.verdict, judged.pairs
    return {
        "run_id": candidate.run_id,
        "baseline_run_id": baseline.run_id,
        "candidate_run_id": candidate.run_id,
        "metric": metric,
        "agent": "all",
        "slice": query_type,
        "n": verdict.estimate.n,
        "n_left_out": pairs.left_out,
        "clusters": verdict.estimate.clusters,
        "baseline_value": fmean(pairs.baseline) if pairs.baseline else None,
        "candidate_value": fmean(pairs.candidate) if pairs.candidate else None,
        "delta": verdict.estimate.value,
        "delta_low": verdict.estimate.low,
        "delta_high": verdict.estimate.high,
        "p": verdict.p,
        "mde": verdict.mde,
        "ratio_of_totals": verdict.ratio_of_totals,
        "verdict": verdict.verdict,
        "because": verdict.because,
    }
