"""Shares of queries, and differences of two shares over the same queries: score intervals with the tests they invert.

Where queries are not independent, or have several replicates, the same formulas take the effective number of queries
n / deff, deff being the CR2 variance over that of independent yes/no values, and Student's t takes the normal's place.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from docmind_core.statistics.estimates import (
    N_TOO_SMALL,
    Clusters,
    Estimate,
    Spread,
    Values,
    cluster_codes,
    spread_of,
    t_quantile,
    two_sided_p,
)

Alternative = Literal["less", "greater", "two-sided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """What the clusters leave of n values."""

    n: float
    """Effective number of values."""
    freedom: float
    """Infinite where values are independent and yes or no."""
    clusters: int
    error: float


def wilson_interval(successes: float, n: float, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a proportion, in [0, 1]; None when n = 0 (`zero_denominator`)."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    return _wilson(successes / n, n, t_quantile(math.inf, 0.5 + confidence / 2)) if n else None


def share(values: Values, clusters: Clusters | None = None, *, confidence: float = 0.95) -> Estimate:
    """Estimate the share that values in [0, 1] are the mean of: Wilson's interval on the effective n.

    One value per query: replicates are averaged first. Independent yes/no values get the plain Wilson interval.
    `p` is None: ask `share_p` about the share in question.
    """
    n = len(values)
    if n == 0:
        return Estimate(value=None, n=0, clusters=0, because=N_TOO_SMALL)
    mean = math.fsum(values) / n
    return _share(mean, n, _design(values, clusters, mean * (1.0 - mean)), confidence)


def share_of_spread(spread: Spread, n: int, *, is_yes_no: bool, confidence: float = 0.95) -> Estimate:
    """Estimate what `share` does, from the mean of its values and their `spread_of`.

    Args:
        spread: Of values in [0, 1], one per query.
        n: Values.
        is_yes_no: Whether each is 0 or 1.
        confidence: Of the two-sided interval, in (0, 1).
    """
    variance = spread.mean * (1.0 - spread.mean)
    is_plain = is_yes_no and spread.clusters == n
    design = _plain(n, variance) if is_plain else _clustered(spread, n, variance)
    return _share(spread.mean, n, design, confidence)


def _share(mean: float, n: int, design: _Design | None, confidence: float) -> Estimate:
    if design is None:
        return Estimate(value=mean, n=n, clusters=1, because=N_TOO_SMALL)
    low, high = _wilson(mean, design.n, t_quantile(design.freedom, 0.5 + confidence / 2))
    return _estimate(mean, n, design, low, high)


def _estimate(mean: float, n: int, design: _Design, low: float, high: float, p: float | None = None) -> Estimate:
    return Estimate(
        value=mean,
        low=low,
        high=high,
        standard_error=design.error,
        freedom=None if math.isinf(design.freedom) else design.freedom,
        p=p,
        n=n,
        clusters=design.clusters,
    )


def share_p(
    values: Values, clusters: Clusters | None, against: float, *, alternative: Alternative = "two-sided"
) -> float | None:
    """Return the p of "the share is `against`": exact binomial for independent yes/no values, else the score test.

    The two-sided score test is the one that the interval of `share` inverts. A one-sided one takes the larger of the
    score's and the sample's variance, since a few large clusters err to one side. None without values or with one
    cluster.

    Args:
        values: In [0, 1], one per query.
        clusters: One label per value; None when every value is independent.
        against: A share in (0, 1).
        alternative: What the truth would be if the share is not `against`.
    """
    from scipy import special, stats

    n = len(values)
    mean = math.fsum(values) / n if n else 0.0
    design = _design(values, clusters, mean * (1.0 - mean)) if n else None
    if design is None:
        return None
    if math.isinf(design.freedom):
        return float(stats.binomtest(round(math.fsum(values)), n, against, alternative=alternative).pvalue)
    variance = against * (1.0 - against) / design.n
    if alternative == "two-sided":
        return two_sided_p((mean - against) / math.sqrt(variance), design.freedom)
    score = (mean - against) / math.sqrt(max(variance, design.error**2))
    return float(special.stdtr(design.freedom, score if alternative == "less" else -score))


def difference_of_shares(
    differences: Values, clusters: Clusters | None = None, *, confidence: float = 0.95
) -> Estimate:
    """Estimate the difference of two shares over the same queries: Tango's score interval (Stat Med 1998).

    For independent pairs of one yes/no each the p is McNemar's exact one, and an end of the interval that lies just
    beyond 0 is moved to 0 where that test does not reject: interval and p say the same. For all other pairs see the
    module; `p` is then that of the same score test.

    Args:
        differences: Candidate minus baseline per query, means over the replicates, in [-1, 1].
        clusters: One label per query; None when every query is independent.
        confidence: Of the two-sided interval, in (0, 1). At 0.90 its low end is the one-sided 95 % bound.
    """
    sample = np.asarray(differences, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(value=None, n=0, clusters=0, because=N_TOO_SMALL)
    gains, losses = math.fsum(sample[sample > 0]), -math.fsum(sample[sample < 0])
    mean = (gains - losses) / n
    design = _design(sample, clusters, (gains + losses) / n - mean**2)
    if design is None:
        return Estimate(value=mean, n=n, clusters=1, because=N_TOO_SMALL)
    return _estimate(mean, n, design, *_tango(gains, losses, n, design, confidence))


def tango_score(difference: float, gains: float, losses: float, n: float) -> float:
    """Return Tango's score of "the difference of the two shares is `difference`"; its distribution is the normal.

    Args:
        difference: The hypothesis, in [-1, 1].
        gains: Pairs that only the candidate passed.
        losses: Pairs that only the baseline passed.
        n: All pairs.
    """
    distance = gains - losses - n * difference
    linear = (2.0 * n - gains + losses) * difference - gains - losses
    root = math.sqrt(max(0.0, linear**2 + 8.0 * n * losses * difference * (1.0 - difference)))
    share_of_losses = (root - linear) / (4.0 * n)
    variance = n * (2.0 * share_of_losses + difference * (1.0 - difference))
    if variance <= n * 1e-14:
        return 0.0 if abs(distance) <= n * 1e-9 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def tango_interval(gains: float, losses: float, n: float, *, critical: float) -> tuple[float, float]:
    """Return the differences that Tango's score does not reject at `critical`, 1.96 for 95 %; within [-1, 1]."""
    middle = (gains - losses) / n
    low = _bisect(lambda at: tango_score(at, gains, losses, n) > critical, -1.0, middle)
    high = _bisect(lambda at: tango_score(at, gains, losses, n) >= -critical, middle, 1.0)
    return min(low, middle), max(high, middle)


def mcnemar_p(gains: int, losses: int) -> float:
    """Return the exact two-sided p of McNemar's test: do both pass equally often? 1 when no pair differs."""
    from scipy import special

    return float(min(1.0, 2.0 * special.bdtr(min(gains, losses), gains + losses, 0.5))) if gains + losses else 1.0


def _design(values: Values, clusters: Clusters | None, variance: float) -> _Design | None:
    """Find the effective n; `variance` is that of one independent yes/no value with the same shares."""
    n = len(values)
    sample = np.asarray(values, dtype=float)
    codes = cluster_codes(clusters, n)
    count = int(codes.max()) + 1
    if count == n and bool(np.all(sample == np.round(sample))):
        return _plain(n, variance)
    spread = spread_of(sample, codes)
    return None if spread is None else _clustered(spread, n, variance)


def _plain(n: int, variance: float) -> _Design:
    return _Design(n=n, freedom=math.inf, clusters=n, error=math.sqrt(max(0.0, variance) / n))


def _clustered(spread: Spread, n: int, variance: float) -> _Design:
    # Values that agree, or clusters that do, say nothing about the clusters: assume that each is one value.
    effective = variance / ((n - 1) / n * spread.error**2) if spread.error and variance > 0 else spread.effective
    return _Design(n=effective, freedom=spread.freedom, clusters=spread.clusters, error=spread.error)


def _tango(gains: float, losses: float, n: int, design: _Design, confidence: float) -> tuple[float, float, float]:
    """Return both ends of the interval, and the p of no difference."""
    kept = design.n / n
    critical = t_quantile(design.freedom, 0.5 + confidence / 2)
    low, high = tango_interval(gains * kept, losses * kept, design.n, critical=critical)
    if not math.isinf(design.freedom):
        return low, high, two_sided_p(tango_score(0.0, gains * kept, losses * kept, design.n), design.freedom)
    p = mcnemar_p(round(gains), round(losses))
    return (min(low, 0.0), max(high, 0.0), p) if p >= 1.0 - confidence else (low, high, p)


def _wilson(mean: float, n: float, critical: float) -> tuple[float, float]:
    extra = critical**2 / n
    centre = (mean + extra / 2.0) / (1.0 + extra)
    half = critical * math.sqrt(mean * (1.0 - mean) / n + extra / (4.0 * n)) / (1.0 + extra)
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))


def _bisect(is_left: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `is_left` turns from true to false."""
    if not is_left(low):
        return low
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_left(middle) else (low, middle)
    return (low + high) / 2.0
