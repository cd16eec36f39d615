"""Percentiles of one value per query, with the test of a limit on them."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from docmind_core.statistics.estimates import (
    N_TOO_SMALL,
    Clusters,
    Estimate,
    Values,
    cluster_codes,
    spread_of,
    t_quantile,
)


def percentile(
    values: Values, probability: float, clusters: Clusters | None = None, *, n_min: int = 0, confidence: float = 0.95
) -> Estimate:
    """Estimate a quantile, interpolated as DuckDB's `quantile_cont`, with a distribution-free interval.

    Independent values get scipy's `quantile_test` interval. Values of the same document don't count as several: their
    interval ends where the clustered share of values below it (see `shares`) is no longer compatible with
    `probability` (Woodruff 1952).

    Args:
        values: One per query; replicates are reduced first, to their maximum for a limit from above.
        probability: 0.95 for the 95th percentile.
        clusters: One label per value; None when every value is independent.
        n_min: Fewest values for an interval.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        Without values the estimate is None; where the sample is too small the interval is (`n_too_small`).
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(value=None, n=0, clusters=0, because=N_TOO_SMALL)
    point = float(np.quantile(sample, probability))
    codes = cluster_codes(clusters, n)
    count = int(codes.max()) + 1
    if n < n_min or count < 2:
        return Estimate(value=point, n=n, clusters=count, because=N_TOO_SMALL)
    if count == n:
        interval = stats.quantile_test(sample, p=probability).confidence_interval(confidence)
        low, high = float(interval.low), float(interval.high)
    else:
        low, high = _woodruff(sample, codes, probability, confidence)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value=point, n=n, clusters=count, because=N_TOO_SMALL)
    return Estimate(value=point, low=min(low, point), high=max(high, point), n=n, clusters=count)


def percentile_above_p(
    values: Values, probability: float, limit: float, clusters: Clusters | None = None
) -> float | None:
    """Return the p of "the quantile lies above `limit`"; None without values or with one cluster.

    For independent values it is scipy's `quantile_test`: for the 95th percentile the binomial test of "more than 5 %
    of the values lie above". For all other values it is the score test of the same share, see `percentile`.
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    codes = cluster_codes(clusters, n)
    if n == 0 or (count := int(codes.max()) + 1) < 2:
        return None
    if count == n:
        return float(stats.quantile_test(sample, q=limit, p=probability, alternative="greater").pvalue)
    error, freedom = _error_of_share(sample, codes, probability)
    return float(special.stdtr(freedom, (float(np.mean(sample <= limit)) - probability) / error))


def _woodruff(
    sample: NDArray[np.float64], codes: NDArray[np.int64], probability: float, confidence: float
) -> tuple[float, float]:
    error, freedom = _error_of_share(sample, codes, probability)
    half = t_quantile(freedom, 0.5 + confidence / 2) * error
    ordered, n = np.sort(sample), len(sample)
    below, above = math.floor(n * (probability - half)), math.ceil(n * (probability + half))
    low = ordered[below - 1] if below >= 1 else -math.inf
    return float(low), float(ordered[above]) if above < n else math.inf


def _error_of_share(sample: NDArray[np.float64], codes: NDArray[np.int64], probability: float) -> tuple[float, float]:
    """Return the standard error of the share of values below the quantile, and its degrees of freedom."""
    n = len(sample)
    is_below = (sample <= np.quantile(sample, probability)).astype(float)
    spread = spread_of(is_below, codes)
    if spread is None:
        raise ValueError("a clustered share needs two clusters")
    mean = spread.mean
    plain = mean * (1.0 - mean) / (n - 1)
    deff = spread.error**2 / plain if spread.error and plain else n / spread.effective
    return math.sqrt(probability * (1.0 - probability) * deff / n), spread.freedom
