"""Percentiles of one value per query, with the test of a limit on them."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from docmind_core.statistics.estimates import (
    N_TOO_SMALL,
    Clusters,
    Estimate,
    Values,
    cluster_codes,
    spread_of,
    t_quantile,
)

CLUSTERS_MIN = 10
"""Fewest effective clusters for the tail of a distribution: below, one large document decides what the tail is."""


def percentile(
    values: Values, probability: float, clusters: Clusters | None = None, *, n_min: int = 0, confidence: float = 0.95
) -> Estimate:
    """Estimate a quantile, interpolated as DuckDB's `quantile_cont`, with a distribution-free interval.

    Independent values get scipy's `quantile_test` interval. Values of one document don't count as several: the
    same binomial limits are taken of the effective n (Korn & Graubard 1998).

    Args:
        values: One per query; replicates are reduced first, to their maximum for a limit from above.
        probability: 0.95 for the 95th percentile.
        clusters: One label per value; None when every value is independent.
        n_min: Fewest values for an interval.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        Without values the estimate is None; where the sample is too small the interval is (`n_too_small`).
    """
    from scipy import stats

    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(value=None, n=0, clusters=0, because=N_TOO_SMALL)
    point = float(np.quantile(sample, probability))
    codes = cluster_codes(clusters, n)
    count = int(codes.max()) + 1
    if n < n_min or _kish(codes) < min(n, CLUSTERS_MIN):
        return Estimate(value=point, n=n, clusters=count, because=N_TOO_SMALL)
    if count == n:
        interval = stats.quantile_test(sample, p=probability).confidence_interval(confidence)
        low, high = float(interval.low), float(interval.high)
    else:
        low, high = _ranks(sample, codes, probability, confidence)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value=point, n=n, clusters=count, because=N_TOO_SMALL)
    return Estimate(value=point, low=min(low, point), high=max(high, point), n=n, clusters=count)


def percentile_above_p(
    values: Values, probability: float, limit: float, clusters: Clusters | None = None
) -> float | None:
    """Return the p of "the quantile lies above `limit`"; None without values or with too few clusters.

    For independent values it is scipy's `quantile_test`: for the 95th percentile the binomial test of "more than 5 %
    of the values lie above". For all other values it is that of the effective n, see `percentile`.
    """
    from scipy import stats

    sample = np.asarray(values, dtype=float)
    n = len(sample)
    codes = cluster_codes(clusters, n)
    if n == 0 or _kish(codes) < min(n, CLUSTERS_MIN):
        return None
    if int(codes.max()) + 1 == n:
        return float(stats.quantile_test(sample, q=limit, p=probability, alternative="greater").pvalue)
    effective = _effective_n(sample, codes, probability, 0.95)
    return float(_at_most(float(np.mean(sample <= limit)), effective, probability))


def _kish(codes: NDArray[np.int64]) -> float:
    """Return the effective number of clusters, n^2 / sum of squared sizes."""
    return float(len(codes) ** 2 / np.sum(np.bincount(codes) ** 2))


def _ranks(
    sample: NDArray[np.float64], codes: NDArray[np.int64], probability: float, confidence: float
) -> tuple[float, float]:
    """Return the lowest and the highest value whose share of values below it agrees with `probability`."""
    from scipy import special

    ordered, n, tail = np.sort(sample), len(sample), (1.0 - confidence) / 2
    effective = _effective_n(sample, codes, probability, 1.0 - tail)
    below = np.arange(n + 1) / n
    first = int(np.argmax(_at_most(below, effective, probability) >= tail))
    part = np.maximum(below * effective, 1e-9)
    at_least = np.where(below > 0, special.betainc(part, (1.0 - below) * effective + 1.0, probability), 1.0)
    last = int(np.flatnonzero(at_least >= tail)[-1])
    low = ordered[first - 1] if first >= 1 else -math.inf
    return float(low), float(ordered[last]) if last < n else math.inf


def _at_most(share: ArrayLike, effective: float, probability: float) -> NDArray[np.float64]:
    """Return the binomial chance of at most this share of the values below the quantile, of `effective`."""
    from scipy import special

    part = np.asarray(share, dtype=float) * effective
    return np.asarray(special.betainc(np.maximum(effective - part, 1e-9), part + 1.0, 1.0 - probability))


def _effective_n(sample: NDArray[np.float64], codes: NDArray[np.int64], probability: float, quantile: float) -> float:
    """Return n / deff of the share of values below the quantile, less what few clusters leave open about deff.

    Korn & Graubard (Survey Methodology 1998): deff from the CR2 variance, times the square of t over the normal.
    """
    n = len(sample)
    spread = spread_of((sample <= np.quantile(sample, probability)).astype(float), codes)
    if spread is None:
        raise ValueError("a clustered share needs two clusters")
    plain = spread.mean * (1.0 - spread.mean) / (n - 1)
    deff = spread.error**2 / plain if spread.error and plain else n / spread.effective
    return n / deff * (t_quantile(math.inf, quantile) / t_quantile(spread.freedom, quantile)) ** 2
