"""Comparing the arms of a benchmark run: tokens and quality, query by query."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from docmind_core.errors import StoreError
from docmind_core.measurements.comparability import obstacles, unbalanced_runs
from docmind_core.measurements.paired import Pairs, QueryValues, Row, number, pair, values_of
from docmind_core.measurements.verdicts import MIN_N, Verdict, claim, judge_quality, judge_tokens
from docmind_core.settings import Settings
from docmind_core.statistics.pairs import holm, ratio_of_totals_interval
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment, run_ids_of, write_segment

BASELINES = ("naive_supervisor", "single_pass")
TOKEN_METRICS = ("billed_tokens", "computed_tokens")
QUALITY_METRICS = ("passed", "exact_match", "token_f1", "evidence_recall")
GATING = ("billed_tokens", "passed")
"""The two that decide; their p values share one Holm correction, all others explore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    row: Row
    metrics: Mapping[str, QueryValues]
    clusters: Mapping[str, str]
    types: Mapping[str, str]

    @property
    def run_id(self) -> str:
        return str(self.row["run_id"])

    @property
    def queries(self) -> frozenset[str]:
        return frozenset(self.types)


def compare_arms(settings: Settings, benchmark_run: str, suite: Suite) -> int:
    """Compare each finished arm with `naive_supervisor` and with `single_pass`; return the number of rows.

    Raises:
        StoreError: If the benchmark run has no finished arm, or if an arm was not scored.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    runs = {str(run.row["arm"]): run for run in (_read_run(settings.tables, run_id) for run_id in run_ids)}
    unbalanced = unbalanced_runs(settings.tables, run_ids)
    count = 0
    for arm, candidate in runs.items():
        rows: list[dict[str, object]] = []
        for name in BASELINES:
            if name != arm and name in runs:
                rows.extend(_compare(candidate, runs[name], unbalanced, suite.min_n or MIN_N))
        write_segment(settings.tables, "comparisons", candidate.run_id, rows)
        count += len(rows)
    return count


def _compare(candidate: _Run, baseline: _Run, unbalanced: frozenset[str], min_n: int) -> list[dict[str, object]]:
    judged = _judge(candidate, baseline, candidate.queries | baseline.queries, min_n)
    rows = {metric: _row(candidate, baseline, metric, "all", result) for metric, result in judged.items()}
    found = obstacles(candidate.row, baseline.row)
    found += [
        f"the ledger of {run.row['arm']} is unbalanced" for run in (candidate, baseline) if run.run_id in unbalanced
    ]
    for metric in TOKEN_METRICS:
        verdict, pairs = judged[metric]
        claimable, because = claim(verdict, judged["passed"][0], found, min_n=min_n)
        low, high = ratio_of_totals_interval(pairs.candidate, pairs.baseline) or (None, None)
        rows[metric] |= {"claimable": claimable, "claimable_because": because}
        rows[metric] |= {"ratio_of_totals_low": low, "ratio_of_totals_high": high}
    gating = [metric for metric in GATING if judged[metric][0].p is not None]
    for metric, p in zip(gating, holm([judged[metric][0].p or 0.0 for metric in gating]), strict=True):
        rows[metric]["p_holm"] = p
    types = {**baseline.types, **candidate.types}
    slices = {kind: frozenset(query for query in types if types[query] == kind) for kind in sorted(set(types.values()))}
    return list(rows.values()) + [
        _row(candidate, baseline, metric, kind, result)
        for kind, queries in slices.items()
        for metric, result in _judge(candidate, baseline, queries, min_n).items()
    ]


def _judge(candidate: _Run, baseline: _Run, queries: frozenset[str], min_n: int) -> dict[str, tuple[Verdict, Pairs]]:
    clusters = {**baseline.clusters, **candidate.clusters}
    judged: dict[str, tuple[Verdict, Pairs]] = {}
    for metric in (*TOKEN_METRICS, *QUALITY_METRICS):
        is_ratio = metric in TOKEN_METRICS
        pairs = pair(candidate.metrics[metric], baseline.metrics[metric], clusters, only=queries, positive=is_ratio)
        judged[metric] = (judge_tokens(pairs) if is_ratio else judge_quality(pairs, min_n=min_n), pairs)
    return judged


def _row(
    candidate: _Run, baseline: _Run, metric: str, query_type: str, result: tuple[Verdict, Pairs]
) -> dict[str, object]:
    verdict, pairs = result
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


def _read_run(folder: Path, run_id: str) -> _Run:
    row = read_segment(folder, "runs", run_id)[0]
    queries = [query for query in read_segment(folder, "query_runs", run_id) if query["phase"] != "warmup"]
    scores = read_segment(folder, "measurements", run_id)
    if queries and not scores:
        raise StoreError(f"run {run_id} is not scored yet. Score it first: materialize the asset `measurements`.")
    measured = {(query["query_id"], query["replicate"]) for query in queries}
    metrics = {
        "billed_tokens": values_of(queries, lambda query: number(query["billed_tokens"])),
        "computed_tokens": values_of(queries, _computed_tokens),
    }
    for metric in QUALITY_METRICS:
        rows = [
            score
            for score in scores
            if score["metric"] == metric and (score["query_id"], score["replicate"]) in measured
        ]
        metrics[metric] = values_of(rows, lambda score: number(score["value"]))
    return _Run(
        row=row,
        metrics=metrics,
        clusters={str(query["query_id"]): str(query["cluster_id"] or query["query_id"]) for query in queries},
        types={str(query["query_id"]): str(query["query_type"] or "unknown") for query in queries},
    )


def _computed_tokens(query: Row) -> float | None:
    prefill, completion = number(query["prefill_computed_tokens"]), number(query["completion_tokens"])
    return None if prefill is None or completion is None else prefill + completion
