"""Pairs two runs query by query, and counts queries without a partner."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_values import INCOMPLETE, ArmValues, Marks, Numbers, QueryValues
from docmind_core.metrics.metric import Metric
from docmind_core.statistics.clusters import connected_components

NO_RATIO = "without tokens"


def number(value: object) -> float | None:
    """Read a number from a row; NULL stays None."""
    return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Values of the same queries in two runs, each the mean over the replicates."""

    candidate: Numbers
    baseline: Numbers
    clusters: NDArray[np.int64]
    left_out: int = 0
    """Queries without a value in one of the runs, but for those that failed."""
    failed: int = 0
    """Queries that one of the runs did not answer itself."""
    left_out_because: str | None = None
    """How many were left out for which reason; None when none was."""

    @property
    def differences(self) -> Numbers:
        """Candidate minus baseline, in the order of the queries."""
        return self.candidate - self.baseline


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedRuns:
    """Two runs with aligned queries; a query missing in one of them is kept, without values."""

    candidate: ArmValues
    baseline: ArmValues

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """Ids of all queries, sorted."""
        return tuple(sorted({*self.candidate.queries, *self.baseline.queries}))

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """The cluster of each query, from what either run says of it."""
        sides = [(run.place_of, run.traits()) for run in (self.candidate, self.baseline)]
        return connected_components(
            {trait for place_of, traits in sides if query in place_of for trait in traits[place_of[query]]}
            for query in self.queries
        )

    @cached_property
    def own_metrics(self) -> dict[str, Metric]:
        """The user's metrics that both runs were scored by, as the candidate declares them."""
        theirs = self.baseline.own_metrics
        return {name: metric for name, metric in self.candidate.own_metrics.items() if name in theirs}

    @cached_property
    def other_formulas(self) -> dict[str, str]:
        """Metrics whose scores are not comparable between the two runs, with the reason."""
        sides = self.candidate, self.baseline
        ours, theirs = (run.scorer_versions for run in sides)
        found = {
            str(metric): f"scored by a different version of the formula ({theirs[metric]} → {ours[metric]})"
            for metric in ours.keys() & theirs.keys()
            if ours[metric] != theirs[metric]
        }
        for name, own in self.candidate.own_metrics.items():
            other = self.baseline.own_metrics.get(name)
            if other and (own.unit, own.range, own.better) != (other.unit, other.range, other.better):
                found[name] = f"{name} has a different unit, range or direction in the baseline"
        return found

    @cached_property
    def own(self) -> Marks:
        """Queries that both runs answered themselves in every replicate: no failure, no fallback."""
        both = self.sides(self.candidate.good, self.baseline.good)
        return np.asarray((both[0] == 1.0) & (both[1] == 1.0))

    @cached_property
    def failed(self) -> Marks:
        """Queries that a run was asked and did not answer itself."""
        both = self.sides(self.candidate.good, self.baseline.good)
        return (both[0] < 1.0) | (both[1] < 1.0)

    @cached_property
    def slices(self) -> dict[str, Marks]:
        """Queries by slice, as either run says."""
        found: dict[str, Marks] = {}
        for run, at in ((self.candidate, self._places[0]), (self.baseline, self._places[1])):
            for name, marks in run.slices.items():
                found[name] = found.get(name, np.zeros(len(self.queries), bool)) | _spread(marks, at, fill=False)
        return {name: found[name] for name in sorted(found)}

    def names(self) -> tuple[str, str]:
        """What to call the candidate and the baseline: their arms, or their runs where the arm is the same."""
        if self.candidate.arm != self.baseline.arm:
            return self.candidate.arm, self.baseline.arm
        return self.candidate.run_id, self.baseline.run_id

    def sides(self, candidate: Numbers, baseline: Numbers) -> tuple[Numbers, Numbers]:
        """Put values of both runs in the order of `queries`."""
        return _spread(candidate, self._places[0], fill=np.nan), _spread(baseline, self._places[1], fill=np.nan)

    def pairs(
        self,
        candidate: QueryValues,
        baseline: QueryValues,
        *,
        only: Marks | None = None,
        own: bool = False,
        positive: bool = False,
        by_block: bool = False,
    ) -> Pairs:
        """Pair one metric over the queries that both runs have a value for.

        Args:
            candidate: Of the run judged.
            baseline: Of the run compared against.
            only: Take these queries alone.
            own: Leave out queries that one of the runs did not answer itself, and count them as failed.
            positive: Leave out pairs with a value of 0: their ratio has no logarithm.
            by_block: Cluster by the blocks of the baseline: what a time is not independent of.
        """
        first, second = self.sides(candidate.values, baseline.values)
        asked = _spread(candidate.asked, self._places[0], fill=False)
        asked |= _spread(baseline.asked, self._places[1], fill=False)
        if only is not None:
            asked &= only
        known = ~np.isnan(first) & ~np.isnan(second)
        with np.errstate(invalid="ignore"):
            valued = asked & known & ((first > 0) & (second > 0) if positive else True)
        kept = valued & self.own if own else valued
        failed = asked & self.failed
        left = asked & ~valued & ~failed if own else asked & ~valued
        return Pairs(
            candidate=first[kept],
            baseline=second[kept],
            clusters=(_spread(self.baseline.blocks, self._places[1], fill=-1) if by_block else self.clusters)[kept],
            left_out=int(left.sum()),
            failed=int(failed.sum()),
            left_out_because=self._because(np.flatnonzero(left).tolist(), (candidate, baseline)),
        )

    def _because(self, left: list[int], sides: tuple[QueryValues, QueryValues]) -> str | None:
        counts: Counter[str] = Counter()
        for query in left:
            found = NO_RATIO
            for name, values, places in zip(self.names(), sides, self._places, strict=True):
                place = int(places[query])
                if place < 0:
                    found = f"not asked in {name}"
                    break
                if np.isnan(values.values[place]):
                    found = f"{values.reasons.get(place, INCOMPLETE)} in {name}"
                    break
            counts[found] += 1
        return "; ".join(f"{count} {reason}" for reason, count in counts.most_common()) or None

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        sides = (self.candidate.place_of, self.baseline.place_of)
        first, second = (np.array([of.get(query, -1) for query in self.queries], dtype=np.int64) for of in sides)
        return first, second


def _spread(values: NDArray[Any], places: NDArray[np.int64], *, fill: float) -> NDArray[Any]:
    found = np.full(len(places), fill, dtype=values.dtype)
    there = places >= 0
    found[there] = values[places[there]]
    return found


def without_queries(arm: ArmValues, queries: Collection[object]) -> ArmValues:
    """Return an arm without some of its queries."""
    rows, scores = (
        np.flatnonzero(columns["query_id"].each(lambda query: query not in queries, bool))
        for columns in (arm.rows, arm.scores)
    )
    return replace(
        arm,
        rows={name: column.take(rows) for name, column in arm.rows.items()},
        scores={name: column.take(scores) for name, column in arm.scores.items()},
    )
