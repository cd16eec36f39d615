"""Exact one-sided tests of a limit: a small p proves that it is broken."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def quantile_above_p(values: Sequence[float], probability: float, limit: float) -> float | None:
    """Return the p of "the quantile lies above `limit`" (`scipy.stats.quantile_test`); None without values.

    For the 95th percentile it is the binomial test of "more than 5 % of the values lie above".
    """
    if not values:
        return None
    return float(stats.quantile_test(values, q=limit, p=probability, alternative="greater").pvalue)


def share_below_p(successes: int, n: int, limit: float) -> float | None:
    """Return the p of "the share lies below `limit`" (`scipy.stats.binomtest`); None without values."""
    return float(stats.binomtest(successes, n, limit, alternative="less").pvalue) if n else None


def share_above_p(successes: int, n: int, limit: float) -> float | None:
    """Return the p of "the share lies above `limit`" (`scipy.stats.binomtest`); None without values."""
    return float(stats.binomtest(successes, n, limit, alternative="greater").pvalue) if n else None


def exact_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval of a share (Clopper and Pearson); n is at least 1."""
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def quantile(values: Sequence[float], probability: float) -> float | None:
    """Return the quantile, interpolated as DuckDB's `quantile_cont`; None without values."""
    return float(np.quantile(np.asarray(values, dtype=float), probability)) if values else None
