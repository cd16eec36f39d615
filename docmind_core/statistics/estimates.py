"""Estimates with intervals; what can't be estimated says why."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

N_TOO_SMALL = "n_too_small"


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


def clustered_mean(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, *, confidence: float = 0.95
) -> Estimate:
    """Estimate a mean whose values are independent between clusters, not within.

    SE = sqrt(sum over clusters of (sum of deviations)^2 * C / (C - 1)) / n, with the t distribution on
    C - 1 degrees of freedom: the `_clustered_stderr` of Inspect AI, and CR1 of statsmodels. With one value
    per cluster it is the plain t interval. Holds down to about 8 clusters, where bootstraps fail.

    Args:
        values: Finite numbers.
        clusters: One label per value; None when every value is independent.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        The mean; without values it is None, below two clusters its interval is (`n_too_small`).
    """
    sample = np.asarray(values, dtype=float)
    labels = list(range(len(sample))) if clusters is None else list(clusters)
    if len(labels) != len(sample):
        raise ValueError(f"{len(sample)} values but {len(labels)} cluster labels")
    n, count = len(sample), len(set(labels))
    mean = math.fsum(sample) / n if n else None
    if mean is None or count < 2:
        return Estimate(
            value=mean, low=None, high=None, standard_error=None, p=None, n=n, clusters=count, because=N_TOO_SMALL
        )
    error = _clustered_error(sample - mean, labels, count)
    half = float(stats.t.ppf(0.5 + confidence / 2, count - 1)) * error
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        standard_error=error,
        p=_two_sided_p(mean, error, count - 1),
        n=n,
        clusters=count,
        because=None,
    )


def one_sided_low(estimate: Estimate, *, confidence: float = 0.95) -> float | None:
    """Return the one-sided lower bound of an estimated mean, or None without a standard error."""
    if estimate.value is None or estimate.standard_error is None:
        return None
    return estimate.value - float(stats.t.ppf(confidence, (estimate.clusters or 0) - 1)) * estimate.standard_error


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a proportion, in [0, 1]; None when n = 0 (`zero_denominator`)."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return None
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def quantile_interval(
    values: Sequence[float], probability: float, *, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the distribution-free interval of a quantile (`scipy.stats.quantile_test`).

    None when the sample is too small for a finite interval (`n_too_small`): for p95 that is still so at n = 50.
    """
    if not values:
        return None
    interval = stats.quantile_test(values, p=probability).confidence_interval(confidence)
    low, high = float(interval.low), float(interval.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _clustered_error(deviations: np.ndarray, labels: Sequence[Hashable], count: int) -> float:
    sums: dict[Hashable, list[float]] = {}
    for label, deviation in zip(labels, deviations, strict=True):
        sums.setdefault(label, []).append(float(deviation))
    squares = math.fsum(math.fsum(parts) ** 2 for parts in sums.values())
    return math.sqrt(squares * count / (count - 1)) / len(deviations)


def _two_sided_p(mean: float, error: float, freedom: int) -> float | None:
    if error == 0.0:
        return 1.0 if mean == 0.0 else None
    return float(2 * stats.t.sf(abs(mean / error), freedom))
