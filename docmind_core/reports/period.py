"""The guide's period report: what ran in the last hours, graded as the guide grades, as HTML, Markdown or JSON."""

import itertools
import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from docmind_core.errors import UsageError
from docmind_core.measurements.guide_grade import KNOWN_FAULTS, RULES, guide_grade_v1
from docmind_core.reports.guide_grades import recommendation_line
from docmind_core.reports.number_text import duration_text, moment_text
from docmind_core.reports.open_alerts import AlertSection, alert_content, alert_rows, read_alert_section
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
from docmind_core.reports.rendering import html_environment, markdown_environment
from docmind_core.settings import Settings
from docmind_core.tables.period import PeriodStatistics, Window, read_period, read_records
from docmind_core.tables.reading import one_version

PeriodFormat = Literal["html", "md", "json"]

HOURS_MAX = 24.0 * 366 * 100
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
        raise UsageError(f"a report needs a number of hours above 0 and at most {HOURS_MAX:,.0f}, not {hours}")
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
        text, summary = _text(document, statistics, file_format, alerts), _summary(document, statistics)
    path = _write_new(settings.reports / "periods", f"performance_metrics_{until:%Y%m%d_%H%M%S}", file_format, text)
    return PeriodReport(path=path, document=document, summary=f"{summary}\nReport: {path}")


def _text(
    document: Document, statistics: PeriodStatistics, file_format: PeriodFormat, alerts: AlertSection | None
) -> str:
    if file_format == "json":
        return json_text(document)
    return _rendered(file_format, _content(document, statistics) | _alerts(alerts))


def _empty_text(file_format: PeriodFormat, alerts: AlertSection | None) -> str:
    if file_format == "json":
        return json_text(dict(EMPTY))
    return _rendered(file_format, {"status": EMPTY["status"], **_alerts(alerts)})


def _alerts(alerts: AlertSection | None) -> Document:
    return {"alerts": None} if alerts is None else alert_content(alerts)


def json_text(document: Document) -> str:
    """Return the document as JSON; a number that JSON can't hold would raise, not be written."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _rendered(file_format: PeriodFormat, content: Document) -> str:
    environment = html_environment() if file_format == "html" else markdown_environment()
    return environment.get_template(f"period.{file_format}.j2").render(content).strip() + "\n"


def _content(document: Document, statistics: PeriodStatistics) -> Document:
    system = execution_statistics(statistics.system)
    grade = guide_grade_v1(system)
    return {
        "status": None,
        "hours": f"{statistics.window.hours:g}",
        "until": moment_text(statistics.window.until),
        "grade": str(grade),
        "grade_table": grade_table(grade),
        "faults": KNOWN_FAULTS,
        "rules": RULES,
        "recommendations": [recommendation_line(one) for one in period_recommendations(statistics)] or [NOTHING_TO_DO],
        "tokens": document["token_efficiency"],
        "agents_table": agents_table(statistics),
        "arms_table": arms_table(statistics),
        "queries_table": queries_table(statistics),
        "hours_table": hours_table(statistics),
        "devices_table": devices_table(statistics),
    }


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
