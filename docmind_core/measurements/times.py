"""Times of two arms of one benchmark run: compared block by block, and not judged without blocks. `metrics.md` §14."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from docmind_core.agents.levers import first_of
from docmind_core.measurements.arm_values import INCOMPLETE, Marks, Numbers
from docmind_core.measurements.comparability import NOT_EXCLUSIVE_CACHE, cache_is_unknown, load_adapted
from docmind_core.measurements.comparing_arms import baselines_of, is_of_one_benchmark_run
from docmind_core.measurements.verdicts import MEAN, NOT_JUDGED
from docmind_core.metrics.signs import from_to
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import holm
from docmind_core.tables.columns import Column
from docmind_core.tables.query_values import ArmQueryValues, QueryValues, read_query_values
from docmind_core.tables.segments import read_segment, run_ids_of, update_segment

BLOCKS_MIN = 6
"""Fewest blocks that a difference of times is judged over: arms that did not run interleaved differ by the drift."""
CLOCK_METRICS = ("wall_s", "coordination_overhead_s", "ttft_s", "tpot_s")
"""Less is better in each."""
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedQueries:
    """One metric of the queries that have it in both runs."""

    first: Numbers
    second: Numbers
    blocks: NDArray[np.int64]
    clusters: NDArray[np.int64]
    """One number per cluster."""
    left_out: int
    failed: int
    """Queries that one of the runs did not answer itself."""
    left_out_because: str | None
    """How many were left out for which reason; None when none was."""

    @property
    def differences(self) -> Numbers:
        """Second minus first, by query."""
        return self.second - self.first


def pair_queries(
    first: QueryValues | None,
    second: QueryValues | None,
    *,
    names: tuple[str, str] = ("the first run", "the second run"),
) -> PairedQueries:
    """Pair one metric of two runs by query; what lacks a value in one of them is left out and counted.

    A run that has no value of the metric at all is None.
    """
    asked = sorted({str(query) for side in (first, second) if side is not None for query in side.queries})
    one, two = _Side.of(first, asked), _Side.of(second, asked)
    kept = np.flatnonzero(~np.isnan(one.values) & ~np.isnan(two.values) & (one.blocks == two.blocks))
    left = np.setdiff1d(np.arange(len(asked)), kept).tolist()
    reasons = Counter(_left_out((one, two), at, names) for at in left)
    return PairedQueries(
        first=one.values[kept],
        second=two.values[kept],
        blocks=one.blocks[kept],
        clusters=one.clusters[kept],
        left_out=len(left),
        failed=int((~one.is_own | ~two.is_own).sum()),
        left_out_because="; ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """What one run has of the queries of two."""

    places: NDArray[np.int64]
    """Of each query among the run's own; -1 where it was not asked."""
    values: Numbers
    blocks: NDArray[np.int64]
    clusters: NDArray[np.int64]
    is_own: Marks
    because: Column | None

    @classmethod
    def of(cls, run: QueryValues | None, asked: Sequence[str]) -> "_Side":
        if run is None:
            nothing = np.full(len(asked), -1)
            is_own = np.ones(len(asked), dtype=bool)
            return cls(
                places=nothing, values=nothing * np.nan, blocks=nothing, clusters=nothing, is_own=is_own, because=None
            )
        place_of = {query: place for place, query in enumerate(run.queries)}
        places = np.array([place_of.get(query, -1) for query in asked], dtype=np.int64)
        there = places >= 0
        return cls(
            places=places,
            values=np.where(there, run.values[places], np.nan),
            blocks=np.where(there, run.blocks[places], -1),
            clusters=run.clusters.codes[places].astype(np.int64),
            is_own=run.is_own[places] | ~there,
            because=run.because,
        )


def _left_out(sides: tuple[_Side, _Side], query: int, names: tuple[str, str]) -> str:
    """Say why a query can't be paired."""
    for side, name in zip(sides, names, strict=True):
        place = int(side.places[query])
        if place < 0 or side.because is None:
            return f"not asked in {name}"
        if np.isnan(side.values[query]):
            return f"{side.because[place] or INCOMPLETE} in {name}"
    return "not in the same block of both"


def too_few_blocks(blocks: NDArray[np.int64]) -> str | None:
    """Say why times over these blocks are not judged; None where they are enough."""
    count = len(np.unique(blocks))
    if count >= BLOCKS_MIN:
        return None
    return (
        f"{NOT_JUDGED}: times in {count} {'block' if count == 1 else 'blocks'}, {BLOCKS_MIN} needed (suite key blocks)"
    )


def compare_times(settings: Settings, benchmark_run: str) -> int:
    """Add the times to the comparisons of each arm, with the arms it is compared with; return how many rows.

    An arm that was run a second time (`docmind bench --aa`) is compared with its first run.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    rows = {run_id: read_segment(settings.tables, "runs", run_id)[0] for run_id in run_ids}
    arms = {str(row["arm"]): run_id for run_id, row in rows.items()}
    values = read_query_values(settings.tables, run_ids, times=CLOCK_METRICS)
    count = 0
    for arm, run_id in arms.items():
        against = dict.fromkeys([*baselines_of(rows[run_id]), *([first_of(arm)] if first_of(arm) else [])])
        added = [
            row
            for name in against
            if name != arm and name in arms
            for row in compare_clocks(rows[run_id], rows[arms[name]], values[run_id], values[arms[name]])
        ]
        update_segment(settings.tables, "comparisons", run_id, partial(_with_times, added))
        count += len(added)
    return count


def _with_times(added: Sequence[dict[str, object]], before: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    kept = [row for row in before if row["metric"] not in CLOCK_METRICS or not is_of_one_benchmark_run(row)]
    return [*kept, *added]


def compare_clocks(
    candidate: Mapping[str, object],
    baseline: Mapping[str, object],
    candidate_values: ArmQueryValues,
    baseline_values: ArmQueryValues,
) -> list[dict[str, object]]:
    """Compare the times of two runs and return rows of `comparisons`; those of two nights are shown, not judged.

    Args:
        candidate: Its row of `runs`.
        baseline: The same of the run compared against.
        candidate_values: What its queries took.
        baseline_values: The same of the run compared against.
    """
    because = NOT_EXCLUSIVE_CACHE if cache_is_unknown(candidate, baseline) else None
    if candidate["benchmark_run"] != baseline["benchmark_run"]:
        because = f"{NOT_JUDGED}: the two did not run interleaved in one benchmark run"
    elif adapted := load_adapted(candidate, baseline):
        because = f"{NOT_JUDGED}: {adapted}"
    rows = []
    for metric in CLOCK_METRICS:
        names = str(baseline.get("arm")), str(candidate.get("arm"))
        pairs = pair_queries(baseline_values.get(metric), candidate_values.get(metric), names=names)
        if not len(pairs.first) and not pairs.left_out:
            continue
        estimate = clustered_mean(pairs.differences, pairs.blocks)
        reason = because if because and because != NOT_EXCLUSIVE_CACHE else too_few_blocks(pairs.blocks) or because
        rows.append(_row(candidate, baseline, metric, pairs) | _judged(estimate, reason))
    _decide([row for row in rows if row["verdict"] is None])
    return rows


def _row(
    candidate: Mapping[str, object], baseline: Mapping[str, object], metric: str, pairs: PairedQueries
) -> dict[str, object]:
    return {
        "run_id": candidate["run_id"],
        "baseline_run_id": baseline["run_id"],
        "candidate_run_id": candidate["run_id"],
        "metric": metric,
        "agent": "all",
        "slice": "all",
        "n": len(pairs.first),
        "n_left_out": pairs.left_out,
        "n_failed": pairs.failed,
        "left_out_because": pairs.left_out_because,
        "estimator": MEAN,
        "clusters": len(np.unique(pairs.blocks)),
        "baseline_value": fmean(pairs.first) if len(pairs.first) else None,
        "candidate_value": fmean(pairs.second) if len(pairs.second) else None,
    }


def _judged(estimate: Estimate, reason: str | None) -> dict[str, object]:
    if reason is not None:
        return {"delta": estimate.value, "verdict": NOT_JUDGED, "because": reason}
    ends = f"{from_to(estimate.low, estimate.high, '+.3g')} s"
    shown = f"95 % interval {ends}, clustered by {estimate.clusters} blocks"
    return {
        "delta": estimate.value,
        "delta_low": estimate.low,
        "delta_high": estimate.high,
        "p": estimate.p,
        "verdict": None,
        "because": shown,
    }


def _decide(rows: Sequence[dict[str, object]]) -> None:
    """Judge the times of one comparison together: four looks at the same clock are one family."""
    corrected = holm([float(str(row["p"])) for row in rows])
    for row, p in zip(rows, corrected, strict=True):
        moved = p < _ALPHA
        faster = float(str(row["delta"])) < 0
        row["p_holm"] = p
        row["verdict"] = ("better" if faster else "worse") if moved else "inconclusive"
        row["because"] = f"{row['because']}; p {p:.2g}, Holm-corrected over {len(rows)} times"
