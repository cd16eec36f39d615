"""The report of one benchmark run: a page of HTML, its twin in Markdown, and a summary for the terminal."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docmind_core.measurements.guide_grade import KNOWN_FAULTS, RULES
from docmind_core.reports.arm_table import arm_table
from docmind_core.reports.baseline_table import baseline_content
from docmind_core.reports.benchmark_records import BenchmarkRecords, read_benchmark
from docmind_core.reports.charts import interval_dots, stacked_bars, stacked_bars_png, trade_off_chart
from docmind_core.reports.definitions import definitions
from docmind_core.reports.detail_tables import (
    agents_table,
    failures_table,
    ledger_table,
    quality_by_type_table,
    tokens_by_agent,
    unknown_agents,
)
from docmind_core.reports.estimates import quality_estimate
from docmind_core.reports.example_queries import RULE, read_example_queries
from docmind_core.reports.guide_grades import ArmGrade, guide_grades_table, read_guide_grades, recommendation_lines
from docmind_core.reports.headline import headline, no_passages_sentence, plumbing_sentence, unjudged_sentence
from docmind_core.reports.history import ArmHistory, read_history
from docmind_core.reports.history_chart import HISTORY_KEY, history_png, history_svg
from docmind_core.reports.limits_table import Scorecard, read_scorecard, scorecard_table
from docmind_core.reports.number_text import counted, moment_text
from docmind_core.reports.open_alerts import alert_content, read_alert_section
from docmind_core.reports.opponents import budget_sentence, is_free, opponents_table, pareto_front, trade_offs
from docmind_core.reports.own_metrics import fits_the_chart, unscored_sentence, write_metrics_page
from docmind_core.reports.provenance import manifest_texts, not_measured_table, read_gpus, read_loop_lag, what_ran_table
from docmind_core.reports.query_table import query_table
from docmind_core.reports.rendering import html_environment, markdown_environment
from docmind_core.reports.reply_endings import endings_sentence
from docmind_core.reports.summary import ledger_line, summary_text
from docmind_core.reports.text_safety import shortened
from docmind_core.reports.verdict_tiles import judged_arm_of, tiles_table, verdict_tiles
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.damage import damaged_files, damaged_runs
from docmind_core.tables.reading import one_version
from docmind_core.tables.segments import replace_durably

TOKENS_UNIT = "billed tokens per query"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where the report of a benchmark run is, and what the terminal says about it."""

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
    with one_version(settings):
        records = read_benchmark(settings, benchmark_run)
        scorecard, grades = read_scorecard(settings, records), read_guide_grades(settings, records)
        histories = read_history(settings, records)
        content = _content(settings, records) | _graded(scorecard, grades)
        content |= _opening(settings, records, scorecard, histories)
    folder = settings.reports / records.arms[0].benchmark_run
    folder.mkdir(parents=True, exist_ok=True)
    html, markdown = folder / "index.html", folder / "report.md"
    _replace(html, html_environment().get_template("benchmark.html.j2").render(content | _charts(records, histories)))
    _replace(markdown, markdown_environment().get_template("benchmark.md.j2").render(content))
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
    )


def read_summary(settings: Settings, benchmark_run: str, *, width: int | None) -> str:
    """Return the summary of a benchmark run whose report is written, laid out for a terminal of `width` columns."""
    with one_version(settings):
        records = read_benchmark(settings, benchmark_run)
        scorecard = read_scorecard(settings, records)
    return summary_text(records, scorecard, settings.reports / benchmark_run / "index.html", width)


def damaged_sentence(settings: Settings) -> str | None:
    """Say which runs and files are missing because they are damaged; None when none is."""
    if not (files := damaged_files(settings)):
        return None
    runs = ", ".join(sorted(damaged_runs(settings.tables)))
    left_out = f" Left out of the database: {runs}." if runs else ""
    return f"Damaged files of this home: {len(files)}.{left_out} See docmind doctor."


def _content(settings: Settings, records: BenchmarkRecords) -> dict[str, object]:
    return {
        "first": records.arms[0],
        "arms": records.arms,
        "headline": headline(records),
        "plumbing": plumbing_sentence(records),
        "no_passages": no_passages_sentence(records),
        "unjudged": unjudged_sentence(records),
        "unscored": unscored_sentence(records),
        "endings": endings_sentence(records),
        "damaged": damaged_sentence(settings),
        "ledger_line": ledger_line(records),
        "arm_table": arm_table(records),
        "opponents_table": opponents_table(records),
        "budget_sentence": budget_sentence(records),
        "agents_table": agents_table(records),
        "unknown_agents": unknown_agents(records),
        "quality_table": quality_by_type_table(records),
        "ledger_table": ledger_table(records),
        "examples": read_example_queries(settings, records),
        "example_rule": RULE,
        "shortened": shortened,
        "counted": counted,
        "moment_text": moment_text,
        "failures": failures_table(records),
        "what_ran": what_ran_table(records, read_gpus(settings, records), read_loop_lag(settings, records)),
        "manifests": manifest_texts(records),
        "not_measured": not_measured_table(settings, records),
        "definitions": definitions(records),
        **baseline_content(settings, records),
        **alert_content(read_alert_section(settings, records.arms[0].suite)),
    }


def _opening(
    settings: Settings, records: BenchmarkRecords, scorecard: Scorecard, histories: Sequence[ArmHistory]
) -> dict[str, object]:
    judged, tiles = judged_arm_of(records, scorecard), verdict_tiles(records, scorecard, histories)
    return {
        "judged": judged,
        "tiles": tiles,
        "tiles_table": tiles_table(judged, tiles),
        "query_table": query_table(settings, records, judged),
    }


def _graded(scorecard: Scorecard, grades: tuple[ArmGrade, ...]) -> dict[str, object]:
    return {
        "verdict": scorecard.verdict,
        "scorecard_table": scorecard_table(scorecard),
        "guide_grades_table": guide_grades_table(grades),
        "recommendations": [(arm.arm, recommendation_lines(arm)) for arm in grades],
        "faults": KNOWN_FAULTS,
        "rules": RULES,
    }


def _charts(records: BenchmarkRecords, histories: Sequence[ArmHistory]) -> dict[str, object]:
    shares, unknown = tokens_by_agent(records), unknown_agents(records)
    quality = _quality_estimates(records)
    return {
        "history_chart": history_svg(histories) if histories else None,
        "history_key": HISTORY_KEY,
        "tokens_chart": stacked_bars(
            shares,
            unit=TOKENS_UNIT,
            incomplete=unknown,
            description="Stacked bars: billed tokens per query of each arm, by agent; the table holds the figures",
        )
        if any(shares.values())
        else None,
        "trade_off_chart": _trade_off_chart(records),
        "quality_chart": interval_dots(
            quality,
            unit="mean score with its 95 % interval",
            description="Mean score of each arm in each quality metric with its interval; the table holds the figures",
        )
        if quality
        else None,
    }


def _trade_off_chart(records: BenchmarkRecords) -> str | None:
    points = trade_offs(records)
    if not any(not is_free(point) for point in points):
        return None
    front = [point.arm for point in pareto_front(points)]
    drawn = "Share of queries that passed against billed tokens per query"
    return trade_off_chart(
        {point.arm: (point.tokens, point.quality) for point in points},
        front=front,
        floor=next((point.arm for point in points if is_free(point)), None),
        description=f"{drawn}; on the front: {', '.join(front) or 'none'}",
    )


def _quality_estimates(records: BenchmarkRecords) -> Mapping[str, Mapping[str, Estimate]]:
    found: dict[str, dict[str, Estimate]] = {}
    for metric in records.quality_metrics:
        for arm in records.arms:
            row = records.quality_of_arms.get((arm.run_id, metric))
            if row is not None and row.value is not None and fits_the_chart(records, row):
                found.setdefault(metric, {})[arm.arm] = quality_estimate(row, records.own_metrics)
    return found


def _replace(target: Path, text: str) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        part.write_text(text, "utf-8")
        replace_durably(part, target)
    finally:
        part.unlink(missing_ok=True)
