"""The mean of clustered values with its interval, and the record that every estimate is."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_TOO_SMALL = "n_too_small"
NO_SPREAD = 1e-12
"""Share of the mean below which a standard error is the rounding of equal values."""

Values = Sequence[float] | NDArray[np.float64]
Clusters = Sequence[Hashable] | NDArray[np.int64]
"""One label per value; an array of integers is the fast way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its two-sided interval; each part that can't be had is None, with the reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    freedom: float | None = None
    """Degrees of freedom of the t distribution that the interval is taken from; None for any other interval."""
    p: float | None = None
    """Two-sided p of value = 0, by the test that the interval inverts: below 0.05 when the interval excludes 0."""
    n: int
    """Queries, or whatever is counted; never replicates of them."""
    clusters: int | None = None
    """Independent groups among them; None where the figure has none."""
    because: str | None = None
    """Why a part is None, from the list of reasons in docs/metrics.md; None when nothing is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How uncertain a mean is, by CR2 and Bell and McCaffrey."""

    mean: float
    error: float
    """CR2 standard error; exactly 0 where only rounding is left of it."""
    freedom: float
    clusters: int
    effective: float
    """Kish's effective number of clusters, n^2 / sum of squared sizes: what is left of n when clusters agree within."""


def cluster_codes(clusters: Clusters | None, n: int) -> NDArray[np.int64]:
    """Number the clusters from 0, in the order in which they appear.

    Raises:
        ValueError: If there is not one label for each of the `n` values.
    """
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise ValueError(f"{n} values but {len(clusters)} cluster labels")
    if isinstance(clusters, np.ndarray):
        return np.unique(clusters, return_inverse=True)[1]
    places: dict[Hashable, int] = {}
    return np.fromiter((places.setdefault(label, len(places)) for label in clusters), dtype=np.int64, count=n)


def spread_of(values: Values, clusters: Clusters | None = None) -> Spread | None:
    """Return the mean with its CR2 standard error; None without values, or when all are of one cluster.

    With n_c values in cluster c and e_c the sum of their deviations from the mean (Bell & McCaffrey 2002, Pustejovsky
    & Tipton 2018, for a mean): SE^2 = sum of e_c^2 / (1 - n_c/n) / n^2, on tr(M)^2 / sum of M^2 degrees of freedom,
    M_cc = n_c, M_cd = -n_c n_d / (n sqrt((1 - n_c/n)(1 - n_d/n))). With one value per cluster it is the plain t.
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    sizes = np.bincount(codes := cluster_codes(clusters, n)).astype(float)
    if len(sizes) < 2:
        return None
    mean = math.fsum(sample) / n
    left = 1.0 - sizes / n
    sums = np.bincount(codes, weights=sample - mean)
    error = math.sqrt(float(np.sum(sums**2 / left))) / n
    weights = sizes**2 / left
    squares = float(np.sum(sizes**2))
    trace_of_square = squares + (float(weights.sum()) ** 2 - float(np.sum(weights**2))) / n**2
    return Spread(
        mean=mean,
        error=error if error > NO_SPREAD * max(abs(mean), float(np.abs(sample).max())) else 0.0,
        freedom=n**2 / trace_of_square,
        clusters=len(sizes),
        effective=n**2 / squares,
    )


def clustered_mean(values: Values, clusters: Clusters | None = None, *, confidence: float = 0.95) -> Estimate:
    """Estimate a mean whose values are independent between clusters, not within: CR2 and t, see `spread_of`.

    Values without any spread have no standard error to build on: then the p is that of the sign test over the
    clusters, and the interval is the value itself once that p shows something, from six clusters at 95 %.

    Args:
        values: Finite numbers.
        clusters: One label per value; None when every value is independent.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        The mean; without values it is None. Below two clusters its interval is None (`n_too_small`).
    """
    n, spread = len(values), spread_of(values, clusters)
    if spread is None:
        return Estimate(value=math.fsum(values) / n if n else None, n=n, clusters=min(n, 1), because=N_TOO_SMALL)
    count, mean = spread.clusters, spread.mean
    if spread.error == 0.0:
        p = 1.0 if mean == 0.0 else min(1.0, 2.0 * 0.5**count)
        known = 2.0 * 0.5**count < 1.0 - confidence
        end, because = (mean, None) if known else (None, N_TOO_SMALL)
        return Estimate(value=mean, low=end, high=end, standard_error=0.0, p=p, n=n, clusters=count, because=because)
    half = t_quantile(spread.freedom, 0.5 + confidence / 2) * spread.error
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        standard_error=spread.error,
        freedom=spread.freedom,
        p=two_sided_p(mean / spread.error, spread.freedom),
        n=n,
        clusters=count,
    )


def t_quantile(freedom: float, probability: float) -> float:
    """Return the quantile of Student's t; degrees of freedom need not be whole, and infinity is the normal."""
    from scipy import special

    return float(special.ndtri(probability) if math.isinf(freedom) else special.stdtrit(freedom, probability))


def two_sided_p(score: float, freedom: float) -> float:
    """Return the two-sided p of a t score; infinite degrees of freedom are the normal."""
    from scipy import special

    tail = special.ndtr(-abs(score)) if math.isinf(freedom) else special.stdtr(freedom, -abs(score))
    return float(min(1.0, 2.0 * tail))
