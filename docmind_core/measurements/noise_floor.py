"""Differences between two runs of the same arm: the noise that an effect must exceed. `metrics.md` §14."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from docmind_core.agents.levers import AGAIN, first_of
from docmind_core.measurements.comparability import NOT_EXCLUSIVE_CACHE, cache_is_unknown
from docmind_core.measurements.times import PairedQueries, pair_queries, too_few_blocks
from docmind_core.runs.keys import in_order, suite_of
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import N_TOO_SMALL, Estimate, clustered_mean, t_quantile
from docmind_core.tables.query_values import QueryValues, read_query_values
from docmind_core.tables.segments import read_parts, read_segment, run_ids_of, write_segment

_SAME = ("model", "model_revision", "query_set_hash")
"""Columns of `runs` in which a run and an A/A must agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How far two means of one metric lie apart by chance, in 95 % of such pairs of runs."""

    low: float
    high: float
    benchmark_run: str
    """The A/A that showed it."""
    is_quiet: bool
    """Whether the two runs of the A/A themselves lay within it."""

    def holds(self, difference: float) -> bool:
        """Whether chance explains a difference of two means."""
        return self.low <= difference <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flips:
    """Answers of two runs of one arm, text against text."""

    compared: int
    differ: int

    @property
    def ratio(self) -> float | None:
        return self.differ / self.compared if self.compared else None


def measure_noise(settings: Settings, benchmark_run: str) -> int:
    """Write the noise floor of each arm that was run a second time; return how many rows, 0 without such an arm."""
    run_ids = run_ids_of(settings.tables, benchmark_run)
    arms = {str(read_segment(settings.tables, "runs", run_id, columns=["arm"])[0]["arm"]): run_id for run_id in run_ids}
    pairs = {run_id: arms[first] for arm, run_id in arms.items() if (first := first_of(arm)) in arms}
    if not pairs:
        return 0
    values = read_query_values(settings.tables, run_ids)
    count = 0
    for again, first in pairs.items():
        flips = _flips(settings, first, again)
        is_shared = cache_is_unknown(*(read_segment(settings.tables, "runs", run_id)[0] for run_id in (first, again)))
        rows = [
            {
                "run_id": again,
                "first_run_id": first,
                "benchmark_run": benchmark_run,
                "arm": first_of(next(arm for arm, run_id in arms.items() if run_id == again)),
                "metric": metric,
                "answers_compared": flips.compared,
                "flip_ratio": flips.ratio,
                **_floor(values[first][metric], values[again][metric], is_shared=is_shared),
            }
            for metric in sorted(values[first].keys() & values[again].keys())
        ]
        write_segment(settings.tables, "noise_floor", again, rows)
        count += len(rows)
    return count


def read_floors(settings: Settings, run_id: str) -> dict[str, Floor]:
    """Return the noise floor of the suite and arm of a run by metric, from their newest A/A; empty without one.

    An A/A of another model or query set says nothing about the run. Of times the floor holds within one benchmark run
    only, so they have none here.
    """
    key, _, arm = run_id.partition(".")
    again = f"{arm}{AGAIN}"
    keys = {path.name.partition(".")[0] for path in (settings.tables / "noise_floor").glob("*.parquet")}
    for found in reversed(in_order(settings.benchmarks, [one for one in keys if suite_of(one) == suite_of(key)])):
        rows = [read_segment(settings.tables, "runs", one) for one in (run_id, f"{found}.{arm}")]
        floors = read_segment(settings.tables, "noise_floor", f"{found}.{again}")
        if floors and all(rows) and all(rows[0][0][name] == rows[1][0][name] for name in _SAME):
            return {str(row["metric"]): _read_floor(row, found) for row in floors if _has_floor(row)}
    return {}


def _has_floor(row: Mapping[str, object]) -> bool:
    return None not in (row["floor_low"], row["floor_high"], row["difference"]) and not row["has_clock"]


def _read_floor(row: Mapping[str, object], benchmark_run: str) -> Floor:
    low, high, difference = (float(str(row[name])) for name in ("floor_low", "floor_high", "difference"))
    return Floor(low=low, high=high, benchmark_run=benchmark_run, is_quiet=low <= difference <= high)


def _floor(first: QueryValues, again: QueryValues, *, is_shared: bool) -> dict[str, object]:
    pairs = pair_queries(first, again)
    has_clock = first.has_clock
    clusters = pairs.blocks if has_clock else pairs.clusters
    estimate = clustered_mean(pairs.differences, clusters)
    half = _half_width(pairs, estimate)
    because = N_TOO_SMALL if half is None else None
    if has_clock:
        because = too_few_blocks(pairs.blocks) or (NOT_EXCLUSIVE_CACHE if is_shared else because)
    if because is not None:
        half = None
    return {
        "has_clock": has_clock,
        "n": len(pairs.first),
        "n_left_out": pairs.left_out,
        "clusters": len(np.unique(clusters)),
        "first_value": fmean(pairs.first) if len(pairs.first) else None,
        "again_value": fmean(pairs.second) if len(pairs.second) else None,
        "difference": estimate.value,
        "standard_deviation": float(np.std(pairs.differences, ddof=1)) if len(pairs.first) > 1 else None,
        "changed_ratio": float((pairs.differences != 0).mean()) if len(pairs.first) else None,
        "floor_low": None if half is None else 0.0 - half,
        "floor_high": half,
        "because": because,
    }


def _half_width(pairs: PairedQueries, estimate: Estimate) -> float | None:
    """Return how far apart two means lie by chance, in 95 % of such pairs; None where the sample can't say."""
    if estimate.standard_error is not None and estimate.freedom is not None:
        return t_quantile(estimate.freedom, 0.975) * estimate.standard_error
    has_no_spread = len(np.unique(pairs.differences)) == 1 and (estimate.clusters or 0) > 1
    return 0.0 if has_no_spread else None


def _flips(settings: Settings, first: str, again: str) -> _Flips:
    one, two = (_answers(settings, run_id) for run_id in (first, again))
    both = one.keys() & two.keys()
    return _Flips(compared=len(both), differ=sum(one[key] != two[key] for key in both))


def _answers(settings: Settings, run_id: str) -> dict[tuple[object, object], int]:
    """Return a hash of each answer: all of them may not fit into memory."""
    columns = ["query_id", "replicate", "phase", "status", "answer"]
    return {
        (row["query_id"], row["replicate"]): hash(row["answer"])
        for rows in read_parts(settings.tables, "query_runs", run_id, columns)
        for row in rows
        if row["phase"] != "warmup" and row["status"] == "answered"
    }
