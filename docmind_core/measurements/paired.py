"""Two runs, query by query: what belongs together, and what has no partner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Values of the same queries in two runs, each the mean over the replicates."""

    candidate: tuple[float, ...]
    baseline: tuple[float, ...]
    clusters: tuple[str, ...]
    left_out: int
    """Queries without a value in one of the runs."""

    @property
    def differences(self) -> list[float]:
        """Candidate minus baseline, in the order of the queries."""
        return [c - b for c, b in zip(self.candidate, self.baseline, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryValues:
    """The values of one metric in one run."""

    values: Mapping[str, float]
    """Mean over the replicates by query id; a query that lacks a value in one replicate is absent."""
    asked: frozenset[str]


def number(value: object) -> float | None:
    """Read a number from a row; NULL stays None."""
    return float(value) if isinstance(value, int | float) else None


def values_of(rows: Sequence[Row], value: Callable[[Row], float | None]) -> QueryValues:
    """Average `value` over the replicates of each query in `rows`."""
    found: dict[str, list[float | None]] = {}
    for row in rows:
        found.setdefault(str(row["query_id"]), []).append(value(row))
    complete = {
        query_id: fmean(known)
        for query_id, values in found.items()
        if len(known := [value for value in values if value is not None]) == len(values)
    }
    return QueryValues(values=complete, asked=frozenset(found))


def pair(
    candidate: QueryValues,
    baseline: QueryValues,
    clusters: Mapping[str, str],
    *,
    only: frozenset[str],
    positive: bool = False,
) -> Pairs:
    """Pair two runs over the queries both have a value for.

    Args:
        candidate: The run judged.
        baseline: The run compared against.
        clusters: Cluster by query id.
        only: Take these queries alone.
        positive: Leave out pairs with a value of 0: their ratio has no logarithm.
    """
    asked = sorted((candidate.asked | baseline.asked) & only)
    kept = [
        query_id
        for query_id in asked
        if query_id in candidate.values
        and query_id in baseline.values
        and not (positive and min(candidate.values[query_id], baseline.values[query_id]) <= 0)
    ]
    return Pairs(
        candidate=tuple(candidate.values[query_id] for query_id in kept),
        baseline=tuple(baseline.values[query_id] for query_id in kept),
        clusters=tuple(clusters[query_id] for query_id in kept),
        left_out=len(asked) - len(kept),
    )
