"""Means and intervals of one arm, each with the reason when there is none."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import special

from docmind_core.reports.number_text import interval_text, not_measured
from docmind_core.reports.run_records import QualitySummary
from docmind_core.reports.text_table import Cell
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.shares import wilson_interval

CONFIDENCE = 0.95


def mean_estimate(values: Sequence[float | None], reasons: Iterable[str | None]) -> Estimate:
    """Average the values that exist; `reasons` say why the others don't, the most frequent is kept."""
    known = [value for value in values if value is not None]
    return Estimate(
        value=float(np.mean(known)) if known else None,
        n=len(known),
        because=None if len(known) == len(values) and values else most_frequent(reasons),
    )


def quality_estimate(row: QualitySummary) -> Estimate:
    """Put the t interval around a mean score, clipped to [0, 1] when the score lies in it.

    Where all scores are 0, or all are 1, it is Wilson's interval over the clusters: a standard error of 0
    says that the sample is small, not that the value is certain. Other equal scores get none.
    """
    low, high = None, None
    independent = (row.clusters if row.clusters is not None else row.n_defined) or 0
    if row.value in (0.0, 1.0) and row.standard_error in (None, 0.0):
        low, high = wilson_interval(round(row.value) * independent, independent) or (None, None)
    elif row.value is not None and row.standard_error and row.freedom is not None:
        half = float(special.stdtrit(row.freedom, 0.5 + CONFIDENCE / 2)) * row.standard_error
        low, high = row.value - half, row.value + half
        if 0 <= row.value <= 1:
            low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(
        value=row.value,
        low=low,
        high=high,
        n=row.n_defined or 0,
        clusters=row.clusters,
        because=row.missing_because,
    )


def most_frequent(reasons: Iterable[str | None]) -> str | None:
    """Return the reason named most often, or None."""
    counted = Counter(reason for reason in reasons if reason)
    return counted.most_common(1)[0][0] if counted else None


def estimate_cell(
    estimate: Estimate, total: int | None, text: Callable[..., str], *, decimals: int | None = None
) -> Cell:
    """Show an estimate with its interval and, unless all of `total` rows count, how many do."""
    if estimate.value is None:
        return Cell(text=not_measured(estimate.because))
    notes = []
    if decimals is not None:
        notes.append(interval_text(estimate.low, estimate.high, decimals=decimals))
    if estimate.n < (total or 0):
        notes.append(f"n {estimate.n} of {total}")
    return Cell(text=text(estimate.value), note="; ".join(note for note in notes if note))
