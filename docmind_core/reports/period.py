"""The guide's period report: what ran in the last hours, graded as the guide grades, as HTML, Markdown or JSON."""

import itertools
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from docmind_core.errors import UsageError
from docmind_core.measurements.guide_grade import KNOWN_FAULTS, RULES, guide_grade_v1
from docmind_core.reports.document import Report, Section, Text
from docmind_core.reports.guide_grades import recommendation_line
from docmind_core.reports.number_text import NOT_MEASURED, duration_text, moment_text
from docmind_core.reports.open_alerts import AlertSection, alert_part, alert_rows, read_alert_section
from docmind_core.reports.period_document import (
    EMPTY,
    Document,
    execution_statistics,
    export_document,
    period_document,
    period_recommendations,
)
from docmind_core.reports.period_tables import (
    agents_table,
    arms_table,
    devices_table,
    grade_table,
    hours_table,
    queries_table,
)
from docmind_core.reports.recommendations import NOTHING_TO_DO
from docmind_core.reports.rendering import report_html, report_markdown
from docmind_core.runs.recorded_run import recorded_note
from docmind_core.settings import Settings
from docmind_core.tables.period import PeriodStatistics, Window, read_period, read_records
from docmind_core.tables.reading import one_version

PeriodFormat = Literal["html", "md", "json"]
_RENDERERS = {"html": report_html, "md": report_markdown}

HOURS_MAX = 24.0 * 366 * 100
THE_GUIDE = (
    "The grade of the guide, the Multi-Agent Performance Tuning Guide of DocMind AI, computed exactly as "
    "written. It decides nothing. Known flaws of this grade:"
)
RECORDS_EXPORTED = 10_000
"""Newest agent executions in the JSON; a longer list would be a database, and there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """The paths of a period report, and its content."""

    path: Path
    document: Document
    """The guide's keys; or its empty state."""
    summary: str
    """A few lines of plain text."""


def write_period_report(
    settings: Settings, hours: float, file_format: PeriodFormat = "html", *, now: datetime | None = None
) -> PeriodReport:
    """Write the report of the last `hours` into the folder `reports/periods`; none is ever overwritten.

    Without a database, or without a row in the window, it is the guide's empty state.

    Args:
        settings: Say where the home is.
        hours: Length of the window, above 0.
        file_format: `json` holds the newest records too, and the guide's thresholds.
        now: Aware end of the window; by default this moment.

    Raises:
        UsageError: If `hours` is not such a number.
    """
    if not (math.isfinite(hours) and 0 < hours <= HOURS_MAX):
        raise UsageError(f"invalid number of hours {hours}: it must be above 0 and at most {HOURS_MAX:,.0f}")
    until = now or datetime.now(UTC)
    window = Window(hours=hours, until=until)
    statistics: PeriodStatistics | None = None
    alerts: AlertSection | None = None
    records: list[dict[str, object]] = []
    if settings.metrics_database.exists():
        with one_version(settings):
            statistics, alerts = read_period(settings, window), read_alert_section(settings)
            if file_format == "json":
                records = read_records(settings, window, newest=RECORDS_EXPORTED)
    document = dict(EMPTY) if statistics is None else period_document(statistics)
    if statistics is None or document == EMPTY:
        text, summary = _empty_text(file_format, alerts), f"{EMPTY['status']}: nothing ran in the last {hours:g} hours."
    else:
        if file_format == "json":
            document = export_document(document, records, statistics.system.executions, until)
        document["open_alerts"] = [] if alerts is None else alert_rows(alerts)
        if (note := recorded_note(settings)) is not None:
            document["recorded_run"] = note
        text, summary = _text(document, statistics, file_format, alerts), _summary(document, statistics)
    path = _write_new(settings.reports / "periods", f"performance_metrics_{until:%Y%m%d_%H%M%S}", file_format, text)
    return PeriodReport(path=path, document=document, summary=f"{summary}\nReport: {path}")


def _text(
    document: Document, statistics: PeriodStatistics, file_format: PeriodFormat, alerts: AlertSection | None
) -> str:
    if file_format == "json":
        return json_text(document)
    return _RENDERERS[file_format](_report(document, statistics, alerts))


def _empty_text(file_format: PeriodFormat, alerts: AlertSection | None) -> str:
    if file_format == "json":
        return json_text(dict(EMPTY))
    sections = () if alerts is None else (alert_part(alerts),)
    return _RENDERERS[file_format](Report(about="period", title=str(EMPTY["status"]), sections=sections))


def json_text(document: Document) -> str:
    """Return the document as JSON; a number that JSON can't hold would raise, not be written."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _report(document: Document, statistics: PeriodStatistics, alerts: AlertSection | None) -> Report:
    grade = guide_grade_v1(execution_statistics(statistics.system))
    found = tuple(recommendation_line(one) for one in period_recommendations(statistics)) or (NOTHING_TO_DO,)
    devices = devices_table(statistics)
    recorded = document.get("recorded_run")
    warning = (Text(style="warning", lines=(str(recorded),)),) if recorded else ()
    parts = (
        Section(key="verdict", blocks=(Text(style="strong", lines=(f"Guide grade: {grade}",)), *warning)),
        Section(key="agents", title="Agents", blocks=(agents_table(statistics), arms_table(statistics))),
        Section(key="queries", title="Queries", blocks=(queries_table(statistics),)),
        Section(key="hours", title="Hours", blocks=(hours_table(statistics),)),
        Section(
            key="grade",
            title="Guide grade",
            blocks=(
                Text(lines=(THE_GUIDE,)),
                Text(style="list", lines=KNOWN_FAULTS),
                grade_table(grade),
                Text(lines=(_token_sentence(document),)),
            ),
        ),
        Section(
            key="guide-recommendations",
            title="The guide's recommendations",
            blocks=(Text(style="list", lines=found), Text(style="muted", lines=(RULES,))),
        ),
        None if alerts is None else alert_part(alerts),
        Section(
            key="devices",
            title="Devices",
            blocks=(devices if devices.rows else Text(lines=("No devices were sampled in this period.",)),),
        ),
    )
    return Report(
        about="period",
        title=f"Last {statistics.window.hours:g} hours",
        subtitle=f"Up to {moment_text(statistics.window.until)}",
        sections=tuple(part for part in parts if part),
    )


def _token_sentence(document: Document) -> str:
    tokens = cast("Mapping[str, Any]", document["token_efficiency"])
    rate, average = tokens["tokens_per_second"], tokens["avg_tokens_per_execution"]
    return (
        f"Tokens per second of summed execution time: {NOT_MEASURED if rate is None else f'{rate:.2f}'} "
        f"({tokens['token_processing_efficiency']}; the guide calls more than 1,000 High, and adds up the times of "
        f"parallel work). Tokens per execution: {NOT_MEASURED if average is None else f'{average:.1f}'}."
    )


def _summary(document: Document, statistics: PeriodStatistics) -> str:
    system, queries = statistics.system, statistics.queries
    grade = guide_grade_v1(execution_statistics(system))
    mean, longest = duration_text(system.avg_execution_time), duration_text(system.max_execution_time)
    recommendations = document["recommendations"]
    lines = [
        f"Last {statistics.window.hours:g} hours: {system.executions:,} agent executions in {queries.query_runs:,} "
        f"query runs of {queries.runs:,} runs",
        f"Guide grade: {grade}",
        f"Mean execution {mean}, longest {longest}",
    ]
    if (recorded := document.get("recorded_run")) is not None:
        lines.append(str(recorded))
    if isinstance(recommendations, list):
        lines += [f"Recommendation: {text}" for text in recommendations]
    return "\n".join(lines)


def _write_new(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a file that was not there, whole or not at all: a second report of the same second gets another name."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{stem}.{os.getpid()}.tmp"
    try:
        with part.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        for number in itertools.count(1):
            target = folder / f"{stem}{f'_{number}' if number > 1 else ''}.{suffix}"
            # A link of the finished file: unlike a rename it never overwrites another report.
            with suppress(FileExistsError):
                target.hardlink_to(part)
                return target
        raise AssertionError("unreachable")
    finally:
        part.unlink(missing_ok=True)
