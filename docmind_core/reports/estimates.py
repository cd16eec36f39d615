"""Means and intervals of one arm, each with the reason when there is none."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limits import NO_OWN, Own
from docmind_core.reports.run_records import QualitySummary
from docmind_core.statistics.estimates import NO_SPREAD, Estimate, Spread, t_quantile
from docmind_core.statistics.shares import share_of_spread

CONFIDENCE = 0.95


def mean_estimate(values: Sequence[float | None], reasons: Iterable[str | None]) -> Estimate:
    """Average the values that exist; `reasons` say why the others don't, the most frequent is kept."""
    known = [value for value in values if value is not None]
    return Estimate(
        value=float(np.mean(known)) if known else None,
        n=len(known),
        because=None if len(known) == len(values) and values else most_frequent(reasons),
    )


def quality_estimate(row: QualitySummary, own: Own = NO_OWN) -> Estimate:
    """Put the interval around a mean score that a limit of the suite is decided by: `share` where scores lie in [0, 1].

    Other scores get the t interval; equal ones get none, since a standard error of 0 says that the sample is small.

    Args:
        row: Of a metric of the catalogue, or of a user's metric.
        own: The user's metrics by name.
    """
    nothing = Estimate(value=row.value, n=row.n_defined or 0, clusters=row.clusters, because=row.missing_because)
    if row.value is None or not row.clusters or not row.n_queries:
        return nothing
    error = row.standard_error if row.standard_error and row.standard_error > NO_SPREAD * abs(row.value) else 0.0
    known = own.get(row.metric) or METRICS.get(row.metric)  # a run of another version may have others
    if known is None or known.bounds != (0.0, 1.0):
        if not error or row.freedom is None:
            return nothing
        half = t_quantile(row.freedom, 0.5 + CONFIDENCE / 2) * error
        return replace(nothing, low=row.value - half, high=row.value + half)
    if row.clusters == 1 and row.n_queries > 1:
        return nothing
    spread = Spread(
        mean=row.value,
        error=error,
        freedom=row.freedom or math.inf,
        clusters=row.clusters,
        effective=row.effective_clusters or row.clusters,
    )
    found = share_of_spread(spread, row.n_queries, is_yes_no=bool(row.is_yes_no), confidence=CONFIDENCE)
    return replace(nothing, low=found.low, high=found.high)


def most_frequent(reasons: Iterable[str | None]) -> str | None:
    """Return the reason named most often, or None."""
    counted = Counter(reason for reason in reasons if reason)
    return counted.most_common(1)[0][0] if counted else None
