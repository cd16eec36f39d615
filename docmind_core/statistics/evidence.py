"""Evidence that a series of runs has become worse: an e-process that may be looked at after every run.

A threshold of 1 / alpha is crossed by an unchanged series with probability alpha at most, over any number of runs and
looks (Ville's inequality), so no number of runs has to be fixed in advance and a run may be repeated.

As long as nothing changes, the values of a cluster of queries are exchangeable over the runs: each of them could have
been the last. Given a cluster's values, but not their order, the bet on the last run being larger pays
exp(rate * (last - mean)) over the average of that. This is the conformal construction of Vovk et al. (Algorithmic
Learning in a Random World, 2nd ed., part III): the payoffs of successive runs may be multiplied. It does no harm that
all runs are compared with one baseline that may have been lucky, unlike in a product of paired tests against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

EVIDENCE_MIN = 20.0
"""1 / alpha for alpha = 5 %."""
RATES = (1.0, 2.0, 3.0, 4.0, 6.0, 9.0)
"""Changes bet on, in standard deviations of the sum over all clusters; the bets share the stake equally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the runs of a series say by now."""

    value: float
    """The e-process, 1 at the baseline, e^700 at most."""
    changed_at: int | None
    """Place of the run that the rise most likely began with, 1 for the first after the baseline; None while `value` is
    below `EVIDENCE_MIN`."""


def log_payoffs(runs: Values, clusters: NDArray[np.int64]) -> Values:
    """Return the log payoff of each bet of `RATES` on the last run being larger; each pays 1 on average or less.

    Args:
        runs: One row per run in their order, one column per query; NaN where there is no value. Where lower is worse,
            turn the sign.
        clusters: Cluster of each query, from 0.
    """
    from scipy import special

    usable = np.isfinite(runs[0]) & np.isfinite(runs[-1])
    codes = np.unique(clusters[usable], return_inverse=True)[1]
    if not len(codes) or len(runs) < 2:
        return np.zeros(len(RATES))
    # A run that lacks one of a cluster's values has NaN as its sum, and does not count for that cluster.
    sums = np.array([np.bincount(codes, weights=row) for row in runs[:, usable]])
    counts = np.isfinite(sums).sum(axis=0)
    deviations = sums - np.nansum(sums, axis=0) / counts
    spread = float(np.sqrt(np.nansum(deviations**2 / counts)))
    if spread <= 1e-12 * float(np.nanmax(np.abs(sums))):
        return np.zeros(len(RATES))
    scaled = np.where(np.isfinite(deviations), deviations / spread, -np.inf)
    averages = (special.logsumexp(rate * scaled, axis=0) - np.log(counts) for rate in RATES)
    return np.array([np.sum(rate * scaled[-1] - average) for rate, average in zip(RATES, averages, strict=True)])


def collected(payoffs: Sequence[Values]) -> Evidence:
    """Collect the payoffs of the runs after the baseline, in their order.

    The stake is spread over the runs that a change may begin with, 1 / (k (k + 1)) on run k, and over the rates; what
    is on later runs is kept. So a hundred quiet runs cost a change that comes after them a factor, not everything.
    """
    from scipy import special

    if not payoffs:
        return Evidence(value=1.0, changed_at=None)
    runs = np.arange(1, len(payoffs) + 1)
    since = np.cumsum(np.asarray(payoffs)[::-1], axis=0)[::-1]
    begun = special.logsumexp(since, axis=1) - log(len(RATES)) - np.log(runs * (runs + 1.0))
    kept = -log(len(payoffs) + 1.0)
    value = float(np.exp(min(float(special.logsumexp([*begun, kept])), 700.0)))
    return Evidence(value=value, changed_at=int(runs[np.argmax(begun)]) if value >= EVIDENCE_MIN else None)
