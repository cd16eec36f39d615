"""Simulate what the estimators and verdicts promise, and write `docs/statistics.md`.

python -m benchmarks.statistics [--data-sets 10000]
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics.designs import SIZES, STRUCTURES, DataSet, Values, data_sets
from benchmarks.statistics.page import Tally, page
from docmind_core.measurements.paired import Pairs
from docmind_core.measurements.verdicts import (
    BETTER,
    NON_INFERIOR,
    TAIL_CLUSTERS_MIN,
    WORSE,
    judge_quality,
    judge_tokens,
)
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import log_ratio_of_sums, mean_difference
from docmind_core.statistics.percentiles import percentile, percentile_above_p
from docmind_core.statistics.shares import difference_of_shares, share, share_p

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
P95_MIN_N = 130

INTERVALS: dict[str, Callable[[DataSet], tuple[Estimate | None, float]]] = {
    "reduction_pct: mean log ratio, CR2": lambda d: (clustered_mean(d.log_ratios, d.clusters), 0.0),
    "reduction_of_totals_pct: log of the ratio of sums, delta method": lambda d: (
        log_ratio_of_sums(d.candidate, d.baseline, d.clusters),
        float(np.log(d.ratio_of_totals)),
    ),
    "tokens_per_correct: log of the ratio of sums, delta method": lambda d: (
        log_ratio_of_sums(d.candidate, d.passes, d.clusters),
        float(np.log(d.per_pass)),
    ),
    "pass_ratio: Wilson, on the effective n where clustered": lambda d: (share(d.passes, d.clusters), d.pass_ratio),
    "difference of pass ratios: Tango, on the effective n where clustered": lambda d: (
        difference_of_shares(d.unequal, d.clusters),
        d.gain,
    ),
    "difference of a score in [0, 1], such as token F1: CR2": lambda d: (mean_difference(d.scores, d.clusters), 0.0),
    "p95 of one value per query: order statistics": lambda d: (
        percentile(d.seconds, 0.95, d.clusters, n_min=P95_MIN_N),
        d.p95,
    ),
}
"""What each is called, the estimate it makes of a data set, and the truth."""


def _pairs(differences: Values, clusters: NDArray[np.int64]) -> Pairs:
    return Pairs(candidate=differences, baseline=np.zeros(len(differences)), clusters=clusters)


def _claimed(data: DataSet) -> bool | None:
    pairs = Pairs(candidate=np.exp(data.log_ratios), baseline=np.ones(len(data.log_ratios)), clusters=data.clusters)
    judged = judge_tokens(pairs)
    return judged.verdict == BETTER if (judged.estimate.clusters or 0) >= TAIL_CLUSTERS_MIN else None


def _passes_moved(data: DataSet) -> bool:
    judged = judge_quality(_pairs(data.equal, data.clusters), is_pass_fail=True, min_n=len(data.equal) + 1)
    return judged.verdict in (BETTER, WORSE)


def _non_inferior(data: DataSet) -> bool:
    judged = judge_quality(_pairs(data.inferior, data.clusters), is_pass_fail=True, min_n=1)
    return judged.verdict in (BETTER, NON_INFERIOR)


def _below(data: DataSet) -> bool | None:
    p = share_p(data.passes, data.clusters, data.pass_ratio, alternative="less")
    return None if p is None else p < 0.05


def _slower(data: DataSet) -> bool | None:
    if len(data.seconds) < P95_MIN_N:
        return None
    p = percentile_above_p(data.seconds, 0.95, data.p95, data.clusters)
    return None if p is None else p < 0.05


VERDICTS: dict[str, Callable[[DataSet], bool | None]] = {
    "fewer tokens claimed, no difference in truth": _claimed,
    "passes better or worse (two-sided), no difference in truth": _passes_moved,
    "passes non-inferior (one-sided), worse by exactly 5 points in truth": _non_inferior,
    "share below its limit (one-sided), exactly at the limit in truth": _below,
    "p95 above its limit (one-sided), exactly at the limit in truth": _slower,
}
"""What each verdict says of a data set in which it is wrong; None where it says nothing."""


@dataclass(slots=True)
class Cell:
    """What one structure of one size gave."""

    coverage: dict[str, Tally] = field(default_factory=dict)
    errors: dict[str, Tally] = field(default_factory=dict)


def simulate(structure: str, n: int, count: int, seed: int) -> Cell:
    """Run one cell."""
    cell = Cell()
    for data in data_sets(structure, n, count, np.random.default_rng([seed, STRUCTURES.index(structure), n])):
        for name, estimated in INTERVALS.items():
            estimate, truth = estimated(data)
            if estimate is not None and estimate.low is not None and estimate.high is not None:
                cell.coverage.setdefault(name, Tally()).add(estimate.low <= truth <= estimate.high)
        for name, says in VERDICTS.items():
            if (said := says(data)) is not None:
                cell.errors.setdefault(name, Tally()).add(said)
    return cell


def main() -> None:
    """Simulate every cell and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data-sets", type=int, default=10000, help="data sets a cell")
    arguments.add_argument("--seed", type=int, default=20261130)
    given = arguments.parse_args()
    started = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        running = {
            (structure, n): pool.submit(simulate, structure, n, given.data_sets, given.seed)
            for n in reversed(SIZES)
            for structure in STRUCTURES
        }
        cells = {}
        for key, future in running.items():
            cells[key] = future.result()
            print(f"{time.perf_counter() - started:5.0f} s  {key[0]}, n = {key[1]}", flush=True)
    coverage = {name: {key: cells[key].coverage.get(name, Tally()) for key in cells} for name in INTERVALS}
    errors = {name: {key: cells[key].errors.get(name, Tally()) for key in cells} for name in VERDICTS}
    PAGE.write_text(page(coverage, errors, given.data_sets, given.seed), encoding="utf-8")


if __name__ == "__main__":
    main()
