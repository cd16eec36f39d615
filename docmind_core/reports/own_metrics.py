"""The user's metrics: in a report, and on the page `docs/metrics.md` of the home."""

from pathlib import Path

from docmind_core.metrics.catalogue import render
from docmind_core.metrics.limits import Own
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.number_text import counted
from docmind_core.reports.run_records import QualitySummary
from docmind_core.settings import Settings
from docmind_core.suites.own_metrics import own_metrics_of
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import replace_durably

_MANIFESTS = """
select arg_max(manifest, started_at), max(started_at)
from (select manifest, started_at, manifest -> '$.suite.metrics' as metrics from runs)
where json_array_length(metrics) > 0
group by metrics
order by 2
"""


def own_heading(own: Own, metric: str) -> str:
    """Return what a row of scores is called: a user's metric with its unit, unless it is a share or score."""
    unit = own[metric].unit if metric in own else "1"
    return metric if unit == "1" else f"{metric} ({unit})"


def fits_the_chart(records: BenchmarkRecords, row: QualitySummary) -> bool:
    """Whether a score belongs on an axis from 0 to 1; a user's metric only if it can't leave it."""
    own = records.own_metrics.get(row.metric)
    return row.value is not None and (0 <= row.value <= 1 if own is None else own.bounds == (0.0, 1.0))


def unscored_sentence(records: BenchmarkRecords) -> str | None:
    """Say for how many query runs a user's scorer gave no value, and why; None where none failed."""
    failed = [row for row in records.unscored if row.metric in records.own_metrics]
    if not failed:
        return None
    texts = (f"{row.metric} on {counted(row.query_runs, 'query run')} ({row.because}: {row.detail})" for row in failed)
    return f"Your scorers returned no value: {'; '.join(texts)}. Means exclude these query runs."


def write_metrics_page(settings: Settings) -> Path:
    """Write `docs/metrics.md` of the home: the user's own metrics, as the newest run has each, and the catalogue."""
    newest_last = query_rows(settings, _MANIFESTS)[1]
    own = {name: metric for manifest, _ in newest_last for name, metric in own_metrics_of(manifest).items()}
    page = settings.home / "docs" / "metrics.md"
    page.parent.mkdir(exist_ok=True)
    part = page.with_name(f"{page.name}.tmp")
    part.write_text(render([own[name] for name in sorted(own)]), "utf-8")
    replace_durably(part, page)
    return page
