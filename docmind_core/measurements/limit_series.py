"""One generic measure of every limit: the mean, the share or the p95 of a metric's single values, per agent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_values import Numbers
from docmind_core.measurements.comparability import NOT_OWN_MAX
from docmind_core.measurements.paired import number
from docmind_core.metrics.limits import P95_N_MIN, Limit
from docmind_core.metrics.metric import Metric
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.percentiles import percentile, percentile_above_p
from docmind_core.statistics.shares import Alternative, share, share_p
from docmind_core.tables.columns import Column, Columns
from docmind_core.tables.query_values import single_values
from docmind_core.tables.segments import read_segment

P95 = 0.95
ALL_AGENTS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The measurement of one limit, for one agent if the metric has agents."""

    estimate: Estimate
    p: float | None = None
    """One-sided p of "the limit is broken"; None where there is no such test."""
    notes: tuple[str, ...] = ()
    """What is shown next to the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    agent: str
    """SQL: whose value a row holds."""
    where: str
    """SQL: rows that count."""
    is_failed: str = "false"
    """SQL: rows of what failed for good; a time there is above every limit."""


_MEASURED = "coalesce(phase, 'measured') = 'measured'"
_SOURCES: Mapping[str, _Source] = {
    "query_runs": _Source(agent="'all'", where=_MEASURED, is_failed="status = 'failed'"),
    "llm_calls": _Source(
        agent="agent",
        where=f"{_MEASURED} and role <> 'judge'",
        is_failed="status <> 'finished' and attempt = max(attempt) over (partition by query_id, replicate, call_id)",
    ),
    # Warm-up rows of tables without a phase have negative replicates.
    "spans": _Source(agent="name", where="op = 'invoke_agent' and replicate >= 0", is_failed="status = 'error'"),
    "measurements": _Source(agent="'all'", where="metric = '{metric}' and draw = 0 and replicate >= 0"),
}


def measure_series(
    folder: Path, run_id: str, limit: Limit, set_to: float | None, clusters: Mapping[str, str]
) -> dict[str, Series]:
    """Measure a limit by agent, `all` where the metric has no agents; empty where the run has no row of the metric.

    Args:
        folder: Of the segments.
        run_id: The arm judged.
        limit: What is measured.
        set_to: The limit that the test is against; None for no test.
        clusters: Cluster by id of the measured queries; rows of other queries don't count.
    """
    metric = limit.of
    if limit.statistic == "total":
        return _totals(read_segment(folder, "run_estimates", run_id), metric.name)
    rows = _rows(folder, run_id, metric)
    queries, labels = _clustered(clusters)
    places = rows["query_id"].each(lambda query_id: queries.get(str(query_id), -1), np.int64)
    found = {}
    for agent, of_agent in rows["agent"].by_value().items():
        at = of_agent[places[of_agent] >= 0]
        if len(at):
            of_queries = _Rows(
                values=rows["value"].take(at).numbers(),
                failed=rows["is_failed"].take(at).each(bool, bool),
                because=rows["because"].take(at),
                queries=places[at],
                labels=labels,
            )
            found[str(agent)] = _series(of_queries, limit, set_to)
    return {agent: found[agent] for agent in sorted(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Values of one agent."""

    values: NDArray[np.float64]
    """NaN where there is none."""
    failed: NDArray[np.bool_]
    because: Column
    """Why there is none."""
    queries: NDArray[np.int64]
    """Place of the query of each, in the order of their ids."""
    labels: NDArray[np.int64]
    """Cluster of each query."""


def _clustered(clusters: Mapping[str, str]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Return the place of each query in the order of their ids, and the number of its cluster."""
    queries = {query_id: place for place, query_id in enumerate(sorted(clusters))}
    numbers: dict[str, int] = {}
    labels = [numbers.setdefault(clusters[query_id], len(numbers)) for query_id in queries]
    return queries, np.array(labels, dtype=np.int64)


def _rows(folder: Path, run_id: str, metric: Metric) -> Columns:
    source = _SOURCES[str(metric.rows)]
    is_scored = metric.rows == "measurements"
    formulas = {
        "query_id": "query_id",
        "agent": source.agent,
        "value": metric.formula or ("value" if is_scored else f'"{metric.name}"'),
        "because": "missing_because" if is_scored else metric.because or "null",
        "is_failed": source.is_failed,
    }
    where = source.where.format(metric=metric.name)
    return single_values(folder, str(metric.rows), run_id, formulas, where=where)


def _series(rows: _Rows, limit: Limit, set_to: float | None) -> Series:
    values, failed = rows.values, 0
    if limit.statistic == "p95" and limit.unit == "s":
        failed, values = int(rows.failed.sum()), np.where(rows.failed, np.inf, values)
    if note := _won_by_failing(rows, limit):
        return Series(estimate=Estimate(value=None, n=0, because="failed_run"), notes=(note,))
    known = ~np.isnan(values)
    reasons = Counter(str(reason or "not_supported") for reason in rows.because.take(np.flatnonzero(~known)))
    reason = reasons.most_common(1)[0][0] if reasons else None
    if not known.any():
        return Series(estimate=Estimate(value=None, n=0, because=reason))
    notes = [f"{failed} of {len(values)} failed and count as above the limit"] if failed else []
    if reasons:
        notes.append(f"{reasons.total()} of {len(values)} values missing: {reason}")
    queries, of_query = np.unique(rows.queries[known], return_inverse=True)
    reduced = _largest(values[known], of_query) if limit.statistic == "p95" else _mean(values[known], of_query)
    return replace(_estimate(reduced, rows.labels[queries], limit, set_to), notes=tuple(notes))


def _largest(values: Numbers, of_query: NDArray[np.int64]) -> Numbers:
    found = np.full(of_query.max() + 1, -np.inf)
    np.maximum.at(found, of_query, values)
    return found


def _mean(values: Numbers, of_query: NDArray[np.int64]) -> Numbers:
    return np.asarray(np.bincount(of_query, weights=values) / np.bincount(of_query))


def _won_by_failing(rows: _Rows, limit: Limit) -> str | None:
    """Say why there is no mean of what queries cost where many failed: queries that fail early are cheap."""
    metric, failed, count = limit.of, int(rows.failed.sum()), len(rows.values)
    if limit.statistic != "mean" or metric.level != "query" or metric.rows == "measurements":
        return None
    return f"{failed} of {count} query runs failed" if failed > NOT_OWN_MAX * count else None


def _estimate(values: Numbers, clusters: NDArray[np.int64], limit: Limit, set_to: float | None) -> Series:
    if limit.statistic == "p95":
        return _percentile(values, clusters, set_to)
    if limit.of.bounds == (0.0, 1.0):
        worse: Alternative = "less" if limit.is_minimum else "greater"
        p = None if set_to is None else share_p(values, clusters, set_to, alternative=worse)
        return Series(estimate=share(values, clusters), p=p)
    estimate = clustered_mean(values, clusters)
    return Series(estimate=_within(estimate, limit.of.bounds), p=_mean_p(estimate, set_to, is_minimum=limit.is_minimum))


def _within(estimate: Estimate, bounds: tuple[float, float]) -> Estimate:
    """Cut the interval at the ends of the metric's range: no time is below 0."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(bounds[0], estimate.low), high=min(bounds[1], estimate.high))


def _percentile(values: Numbers, clusters: NDArray[np.int64], limit: float | None) -> Series:
    known = values[np.isfinite(values)]
    if not len(known):
        return Series(estimate=Estimate(value=None, n=0, because="failed_run"))
    top = float(known.max())
    # Above the largest and above the limit, and finite: a quantile is interpolated.
    finite = np.minimum(values, 2 * max(top, limit or 0.0) + 1)
    estimate = percentile(finite, P95, clusters, n_min=P95_N_MIN)
    p = None if limit is None else percentile_above_p(finite, P95, limit, clusters)
    low, value, high = estimate.low, estimate.value, estimate.high
    if value is not None and value > top:
        estimate = replace(estimate, value=None, low=None, high=None, because="failed_run")
    elif high is not None and high > top:
        estimate = replace(estimate, low=low, high=None, because="failed_run")
    return Series(estimate=estimate, p=p)


def _mean_p(estimate: Estimate, limit: float | None, *, is_minimum: bool) -> float | None:
    from scipy import special

    if estimate.value is None or limit is None or not estimate.standard_error or estimate.freedom is None:
        return None
    score = (estimate.value - limit) / estimate.standard_error
    return float(special.stdtr(estimate.freedom, score if is_minimum else -score))


def _totals(rows: Sequence[Mapping[str, object]], metric: str) -> dict[str, Series]:
    for row in rows:
        if row["metric"] == metric and row["slice"] == "all":
            reason = row["missing_because"] or row["interval_missing_because"]
            estimate = Estimate(
                value=number(row["value"]),
                low=number(row["low"]),
                high=number(row["high"]),
                n=int(str(row["n"])),
                clusters=int(str(row["clusters"])),
                because=str(reason) if reason else None,
            )
            return {ALL_AGENTS: Series(estimate=estimate)}
    return {}
