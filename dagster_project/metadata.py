"""Metadata of materialisations: what the UI shows next to each asset."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from docmind_core.measurements.comparing_arms import is_of_one_benchmark_run
from docmind_core.measurements.limit_results import judged_arm
from docmind_core.query_sets.queries import QuerySet
from docmind_core.reports.benchmark import ReportPaths
from docmind_core.retrieval.index import RetrievalIndex
from docmind_core.runs.benchmark import BenchmarkOutcome
from docmind_core.runs.progress import sum_of_known
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import one_version, query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import read_segment, run_ids_of

ROW_COUNT = "dagster/partition_row_count"
Metadata = dict[str, Any]
CHART_BYTES_MAX = 30_000
_FENCE = "```"


def column_schema(table: str) -> Metadata:
    """Return the columns of a table of the store, with types and comments, as metadata of a definition."""
    columns = [
        dg.TableColumn(name=name, type=kind, description=comment)
        for name, (kind, comment) in TABLES[table].columns.items()
    ]
    return {"dagster/table_name": table, "dagster/column_schema": dg.TableSchema(columns=columns)}


def described_documents(query_set: QuerySet) -> Metadata:
    """Count the documents and name their hash."""
    characters = sum(len(document.text) for document in query_set.documents)
    return {
        ROW_COUNT: len(query_set.documents),
        "query_set": query_set.name,
        "corpus_hash": query_set.corpus_hash,
        "characters": characters,
    }


def described_queries(query_set: QuerySet, suite: Suite) -> Metadata:
    """Count the queries, by type too, and say how many of them the suite takes."""
    types = [query.query_type for query in query_set.queries]
    rows = [{"query_type": kind, "queries": types.count(kind)} for kind in sorted(set(types))]
    return {
        ROW_COUNT: len(query_set.queries),
        "taken": min(len(query_set.queries), suite.limit or len(query_set.queries)),
        "without_gold": sum(not (query.gold_answers or query.gold_doc_ids) for query in query_set.queries),
        "query_set_hash": query_set.query_set_hash,
        "query_types": table_of(rows),
    }


def described_index(index: RetrievalIndex) -> Metadata:
    """Count the chunks and name what can be searched."""
    return {
        ROW_COUNT: len(index.chunks),
        "index_hash": index.index_hash,
        "strategies": ", ".join(index.strategies),
    }


def described_outcome(outcome: BenchmarkOutcome) -> Metadata:
    """Sum up the arms, and list them."""
    # Not how long it took: of a resumed arm that is the time it lay there, too.
    shown = ("arm", "done", "total", "failed", "completion_tokens")
    rows = [{name: getattr(arm, name) for name in shown} for arm in outcome.arms]
    tokens = sum_of_known(arm.completion_tokens for arm in outcome.arms)
    return {
        ROW_COUNT: sum(arm.done for arm in outcome.arms),
        "failed_queries": sum(arm.failed for arm in outcome.arms),
        "completion_tokens": "unknown" if tokens is None else tokens,
        "arms": table_of(rows),
    }


def described_comparisons(settings: Settings, run_ids: Iterable[str], row_count: int) -> Metadata:
    """Show the comparisons of billed tokens over all agents and queries."""
    shown = ("baseline_run_id", "candidate_run_id", "metric", "n", "delta", "delta_low", "delta_high", "verdict")
    rows = [
        {name: row[name] for name in shown}
        for run_id in run_ids
        for row in read_segment(settings.tables, "comparisons", run_id)
        if row["agent"] == "all" and row["slice"] == "all" and is_of_one_benchmark_run(row)
    ]
    return {ROW_COUNT: row_count, "comparisons": table_of(rows)}


def described_levers(settings: Settings, benchmark_run: str, row_count: int) -> Metadata:
    """Show what the levers of a benchmark run moved, and how often each verdict was reached."""
    shown = ("lever", "edge", "metric", "expected", "effect", "effect_low", "effect_high", "n", "verdict", "because")
    rows = [
        {name: row[name] for name in shown}
        for run_id in run_ids_of(settings.tables, benchmark_run)[:1]
        for row in read_segment(settings.tables, "lever_effects", run_id)
    ]
    measured = sum(row["effect_low"] is not None for row in rows)
    return {ROW_COUNT: row_count, "measured": measured, "ablation": table_of(rows)}


def described_limits(settings: Settings, benchmark_run: str, suite: Suite, row_count: int) -> Metadata:
    """Show the grades of a benchmark run, and each limit with its state."""
    run_id = f"{benchmark_run}.{judged_arm(suite)}"
    results = read_segment(settings.tables, "limit_results", run_id)
    grades = read_segment(settings.tables, "grades", run_id)
    return {
        ROW_COUNT: row_count,
        "report_page": report_link(benchmark_run),
        "limits": table_of([limit_record(row) for row in results]),
        "grades": table_of([{name: row[name] for name in ("dimension", "letter", "because")} for row in grades]),
    }


def described_database(settings: Settings) -> Metadata:
    """Show the sizes of the database and of its tables."""
    with one_version(settings):
        counts = [{"table": name, "rows": _count(settings, name)} for name in TABLES]
    return {
        "path": dg.MetadataValue.path(str(settings.metrics_database)),
        "bytes": settings.metrics_database.stat().st_size,
        "tables": table_of(counts),
    }


def limit_record(row: Mapping[str, object]) -> dict[str, object]:
    """Return what a person asks of a row of `limit_results`, the state first: wide tables are cut off at the right."""
    shown = ("state", "value", "bound", "limit_name", "agent", "low", "high", "side", "headroom_pct", "n", "because")
    return {name: row[name] for name in shown}


def report_link(benchmark_run: str) -> dg.UrlMetadataValue:
    """Return the link to the report of a benchmark run, as `docmind ui` serves it."""
    return dg.MetadataValue.url(f"/reports/{benchmark_run}/index.html")


def described_report(paths: ReportPaths) -> Metadata:
    """Link the report, and show its grades, scorecard, chart, summary and text, and figures of each arm that plot."""
    return {
        "report_page": report_link(paths.html.parent.name),
        "grade": paths.verdict,
        "guide_grade": "; ".join(f"{arm}: {grade}" for arm, grade in paths.guide_grades.items()),
        "scorecard": table_of([limit_record(row) for row in paths.scorecard]),
        **paths.plotted,
        "path": dg.MetadataValue.path(str(paths.html)),
        "markdown_path": dg.MetadataValue.path(str(paths.markdown)),
        "summary": dg.MetadataValue.md(f"{_FENCE}\n{paths.summary}\n{_FENCE}"),
        "report": dg.MetadataValue.md(paths.markdown.read_text("utf-8")),
        **_chart("chart", "billed tokens per query, by agent", paths.chart_png),
        **_chart("history", "the last runs of each arm", paths.history_png),
    }


def _chart(name: str, description: str, png: bytes | None) -> Metadata:
    """Show a chart; the UI reads metadata as one text, so a large picture would make the page slow."""
    if png is None or len(png) > CHART_BYTES_MAX:
        return {}
    picture = base64.b64encode(png).decode("ascii")
    return {name: dg.MetadataValue.md(f"![{description}](data:image/png;base64,{picture})")}


def table_of(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return a small table to look at: six digits of a number, text for what such tables don't hold, NULL empty."""
    if not rows:
        return dg.MetadataValue.text("no rows")
    columns = [dg.TableColumn(name=name, type=_column_type(rows, name)) for name in rows[0]]
    records = [dg.TableRecord({name: _plain(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _column_type(rows: Sequence[Mapping[str, object]], name: str) -> str:
    kinds = {type(row[name]) for row in rows if row[name] is not None}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int"
    return "float" if kinds and kinds <= {int, float} else "string"


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _count(settings: Settings, table: str) -> int:
    _, rows = query_rows(settings, f"select count(*) from {table}")
    return int(str(rows[0][0]))
