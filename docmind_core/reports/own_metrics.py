"""Metrics of the user's own in a report: what they are called, and what their scorers failed at."""

from docmind_core.metrics.limits import Own
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.number_text import counted
from docmind_core.reports.run_records import QualitySummary


def own_heading(own: Own, metric: str) -> str:
    """Return what a row of scores is called: a metric of the user's with its unit, where it is no share or score."""
    unit = own[metric].unit if metric in own else "1"
    return metric if unit == "1" else f"{metric} ({unit})"


def fits_the_chart(records: BenchmarkRecords, row: QualitySummary) -> bool:
    """Whether a score belongs on an axis from 0 to 1; one of the user's only if it can't leave it."""
    own = records.own_metrics.get(row.metric)
    return row.value is not None and (0 <= row.value <= 1 if own is None else own.bounds == (0.0, 1.0))


def unscored_sentence(records: BenchmarkRecords) -> str | None:
    """Say for how many query runs a scorer of the user's gave no value, and why; None where none failed."""
    failed = [row for row in records.unscored if row.metric in records.own_metrics]
    if not failed:
        return None
    texts = (f"{row.metric} on {counted(row.query_runs, 'query run')} ({row.because}: {row.detail})" for row in failed)
    return f"Your scorers gave no value: {'; '.join(texts)}. Means leave these query runs out."
