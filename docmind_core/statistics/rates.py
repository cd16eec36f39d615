"""Ratios of two sums over the queries of one run, such as tokens per correct answer."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from scipy import stats

CLUSTERS_MIN = 20
"""Fewest clusters that are resampled: below, BCa is wrong 12 % of the time at a nominal 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInterval:
    """The 95 % interval of a ratio of sums; an end that can't be had is None, with the reason."""

    low: float | None
    high: float | None
    because: str | None
    """`n_too_small`, `no_spread` or `unbounded`; None when both ends are there."""


def interval_of_cost(
    costs: Sequence[float], successes: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0
) -> RateInterval:
    """Return the BCa bootstrap interval of sum(costs) / sum(successes), with 9999 resamples of the clusters.

    It is taken of successes per cost, which has no division by zero when a resample has no success, and turned
    over: where its lower end is 0, the cost of a success has no upper end (`unbounded`).

    Args:
        costs: Above 0, one per value.
        successes: 0 and above, one per value.
        clusters: One label per value; values of one cluster stay together.
        seed: Of the resampling.
    """
    sums: dict[Hashable, tuple[float, float]] = {}
    for cost, success, label in zip(costs, successes, clusters, strict=True):
        paid, gained = sums.get(label, (0.0, 0.0))
        sums[label] = (paid + cost, gained + success)
    if len(sums) < CLUSTERS_MIN:
        return RateInterval(low=None, high=None, because="n_too_small")
    paid_sums, gained_sums = [paid for paid, _ in sums.values()], [gained for _, gained in sums.values()]
    if all(gained * paid_sums[0] == gained_sums[0] * paid for paid, gained in sums.values()):
        return RateInterval(low=None, high=None, because="no_spread")
    interval = stats.bootstrap(
        (gained_sums, paid_sums),
        lambda gained, paid, axis: gained.sum(axis=axis) / paid.sum(axis=axis),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=9999,
        batch=1000,
        rng=seed,
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    if not (math.isfinite(low) and math.isfinite(high) and high > 0):
        return RateInterval(low=None, high=None, because="no_spread")
    if low <= 0:
        return RateInterval(low=1 / high, high=None, because="unbounded")
    return RateInterval(low=1 / high, high=1 / low, because=None)
