"""The report of one benchmark run: a page of HTML, its twin in Markdown, and a summary for the terminal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from docmind_core.reports.benchmark_document import TOKENS_UNIT, benchmark_report
from docmind_core.reports.benchmark_records import BenchmarkRecords, read_benchmark
from docmind_core.reports.charts import stacked_bars_png
from docmind_core.reports.detail_tables import tokens_by_agent, unknown_agents
from docmind_core.reports.document import Report, report_json
from docmind_core.reports.history import ArmHistory, read_history
from docmind_core.reports.history_chart import history_png
from docmind_core.reports.limits_table import Scorecard, read_scorecard
from docmind_core.reports.opponents import quality_of_arm, tokens_of_arm
from docmind_core.reports.own_metrics import write_metrics_page
from docmind_core.reports.rendering import report_html, report_junit, report_markdown
from docmind_core.reports.summary import summary_text
from docmind_core.settings import Settings
from docmind_core.tables.reading import one_version
from docmind_core.tables.segments import replace_durably

FILES = {"html": "index.html", "md": "report.md", "json": "report.json", "junit": "junit.xml"}
"""Name of the file by format, in the folder of the benchmark run."""
_RENDERERS = {"html": report_html, "md": report_markdown, "json": report_json, "junit": report_junit}

ReportFormat = Literal["html", "md", "json", "junit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Paths of the report of a benchmark run, and its terminal summary."""

    html: Path
    markdown: Path
    summary: str
    """At most 32 lines of plain text, the path of the page among them."""
    verdict: str = ""
    """The scorecard's letter with its reason."""
    scorecard: tuple[dict[str, object], ...] = ()
    """One row of `limit_results` per limit and agent."""
    guide_grades: Mapping[str, str] = field(default_factory=dict)
    """The guide's grade with its points, by arm."""
    chart_png: bytes | None = None
    """Tokens per query by agent; None when no usage is known."""
    history_png: bytes | None = None
    """The last runs of each arm; None for the first of its series."""
    plotted: Mapping[str, float] = field(default_factory=dict)
    """What a chart over benchmark runs shows, by a name such as `smoke, tuned: passed`; unknown figures left out."""


def write_benchmark_report(settings: Settings, benchmark_run: str, *, width: int | None = None) -> ReportPaths:
    """Write the report of `benchmark_run` from the published database; one written before is replaced whole.

    Args:
        settings: The home.
        benchmark_run: Its key.
        width: Columns of the terminal that the summary is for; None for a file or a pipe.

    Raises:
        UsageError: If the database has no such benchmark run.
        StoreError: If there is no database yet.
    """
    records, scorecard, histories, report = _read_report(settings, benchmark_run)
    folder = settings.reports / records.arms[0].benchmark_run
    html, markdown = (_write(folder / FILES[name], _RENDERERS[name](report)) for name in ("html", "md"))
    if records.own_metrics:
        write_metrics_page(settings)
    shares = tokens_by_agent(records)
    return ReportPaths(
        html=html,
        markdown=markdown,
        summary=summary_text(records, scorecard, html, width),
        verdict=scorecard.verdict,
        scorecard=tuple(result.row for result in scorecard.results),
        guide_grades={records.arm_names[run_id]: grade for run_id, grade in scorecard.guide_grades.items()},
        chart_png=stacked_bars_png(shares, unit=TOKENS_UNIT, incomplete=unknown_agents(records))
        if any(shares.values())
        else None,
        history_png=history_png(histories) if histories else None,
        plotted=_plotted(records),
    )


def _read_report(
    settings: Settings, benchmark_run: str
) -> tuple[BenchmarkRecords, Scorecard, tuple[ArmHistory, ...], Report]:
    with one_version(settings):
        records = read_benchmark(settings, benchmark_run)
        scorecard, histories = read_scorecard(settings, records), read_history(settings, records)
        return records, scorecard, histories, benchmark_report(settings, records, scorecard, histories)


def _plotted(records: BenchmarkRecords) -> Mapping[str, float]:
    figures: dict[str, float | None] = {}
    for arm in records.arms:
        row = records.latencies_of_arms.get(arm.run_id)
        figures[f"{arm.suite}, {arm.arm}: passed"] = quality_of_arm(records, arm).value
        figures[f"{arm.suite}, {arm.arm}: tokens per query"] = tokens_of_arm(records, arm).value
        figures[f"{arm.suite}, {arm.arm}: median time per query (s)"] = row.wall_p50_s if row else None
    return {name: value for name, value in figures.items() if value is not None}


def read_summary(settings: Settings, benchmark_run: str, *, width: int | None) -> str:
    """Return the summary of a benchmark run whose report is written, laid out for a terminal of `width` columns."""
    with one_version(settings):
        records = read_benchmark(settings, benchmark_run)
        scorecard = read_scorecard(settings, records)
    return summary_text(records, scorecard, settings.reports / benchmark_run / "index.html", width)


def write_rendered(settings: Settings, benchmark_run: str, file_format: ReportFormat) -> Path:
    """Write one format of the report of a benchmark run, and return its path.

    Raises:
        UsageError: If the database has no such benchmark run.
        StoreError: If there is no database yet.
    """
    records, _, _, report = _read_report(settings, benchmark_run)
    folder = settings.reports / records.arms[0].benchmark_run
    return _write(folder / FILES[file_format], _RENDERERS[file_format](report))


def _write(target: Path, text: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        part.write_text(text, "utf-8")
        replace_durably(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target
