"""The arms of a benchmark run side by side."""

from collections.abc import Callable, Sequence

from docmind_core.metrics.limits import NO_OWN, P95_N_MIN, Own
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.comparison_rows import NO_CALL, NO_SCORE, comparison_rows
from docmind_core.reports.estimates import estimate_cell, mean_estimate, most_frequent, quality_estimate
from docmind_core.reports.number_text import count_text, milliseconds_text, not_measured, ratio_text
from docmind_core.reports.own_metrics import own_heading
from docmind_core.reports.reply_endings import ending_rows
from docmind_core.reports.run_records import ArmRun, Latency, QualitySummary, QueryRun
from docmind_core.reports.text_table import Cell, TextRow, TextTable, text_row

QueryValue = Callable[[QueryRun], float | None]


def arm_table(records: BenchmarkRecords) -> TextTable:
    """Put one column per arm and one row per measure, in groups."""
    return TextTable(
        caption="Means over the queries that have a value; where some have none, n says how many",
        columns=("", *(arm.arm for arm in records.arms)),
        rows=(
            TextRow(heading="Queries"),
            *_query_rows(records),
            TextRow(heading="Tokens per query (mean)"),
            *_token_rows(records),
            TextRow(heading="Compared with the other arms"),
            *comparison_rows(records),
            TextRow(heading="Quality (mean and 95 % interval)"),
            *_quality_rows(records),
            TextRow(heading="Time per query"),
            *_time_rows(records),
        ),
    )


def _query_rows(records: BenchmarkRecords) -> list[TextRow]:
    return [
        text_row("answered", [_answered(arm, records.queries_of_arms[arm.run_id]) for arm in records.arms]),
        text_row("failed", _counted(records, lambda query: query.status == "failed")),
        *ending_rows(records),
        text_row("answered by a fallback", _counted(records, lambda query: bool(query.fallback))),
        text_row("model calls per query", _means(records, lambda query: query.calls)),
    ]


def _answered(arm: ArmRun, queries: Sequence[QueryRun]) -> Cell:
    expected = arm.expected_queries if arm.expected_queries is not None else len(queries)
    answered = sum(query.answered for query in queries)
    missing = expected - len(queries)
    return Cell(text=f"{answered:,} of {expected:,}", note=f"{missing:,} never finished" if missing > 0 else "")


def _counted(records: BenchmarkRecords, holds: Callable[[QueryRun], bool]) -> list[str]:
    return [count_text(sum(map(holds, records.queries_of_arms[arm.run_id]))) for arm in records.arms]


def _token_rows(records: BenchmarkRecords) -> list[TextRow]:
    return [
        text_row("prompt tokens", _means(records, lambda query: query.prompt_tokens)),
        text_row("completion tokens", _means(records, lambda query: query.completion_tokens)),
        text_row("billed tokens", _means(records, lambda query: query.billed_tokens)),
        text_row("of these the supervisor's", _means(records, lambda query: query.supervisor_tokens)),
        text_row("cached prompt tokens", _means(records, lambda query: query.cached_tokens, because=_cached_because)),
        text_row(
            "computed prompt tokens",
            _means(records, lambda query: query.prefill_computed_tokens, because=_cached_because),
        ),
        text_row("computed tokens", _means(records, _computed_tokens, because=_cached_because)),
    ]


def _computed_tokens(query: QueryRun) -> float | None:
    prompt, completion = query.prefill_computed_tokens, query.completion_tokens
    return None if prompt is None or completion is None else prompt + completion


def _tokens_because(query: QueryRun) -> str | None:
    return query.tokens_missing_because


def _cached_because(query: QueryRun) -> str | None:
    return query.cached_missing_because or query.tokens_missing_because


def _means(
    records: BenchmarkRecords, value: QueryValue, *, because: Callable[[QueryRun], str | None] = _tokens_because
) -> list[Cell]:
    cells = []
    for arm in records.arms:
        queries = records.queries_of_arms[arm.run_id]
        reasons = [because(query) for query in queries] or ["no query finished"]
        cells.append(
            estimate_cell(mean_estimate([value(query) for query in queries], reasons), len(queries), count_text)
        )
    return cells


def _quality_rows(records: BenchmarkRecords) -> list[TextRow]:
    rows = []
    for metric in records.quality_metrics:
        found = [records.quality_of_arms.get((arm.run_id, metric)) for arm in records.arms]
        heading = own_heading(records.own_metrics, metric)
        rows.append(text_row(heading, [quality_cell(row, records.own_metrics) for row in found]))
    return rows or [text_row("all metrics", [not_measured(NO_SCORE)] * len(records.arms))]


def quality_cell(row: QualitySummary | None, own: Own = NO_OWN) -> Cell:
    """Show a score with its interval, or why there is none."""
    if row is None:
        return Cell(text=not_measured(NO_SCORE))
    return estimate_cell(quality_estimate(row, own), row.n_total, ratio_text, decimals=2)


def _time_rows(records: BenchmarkRecords) -> list[TextRow]:
    return [
        text_row("wall time, median", _times(records, lambda row: row.wall_p50_s)),
        text_row("wall time, 95th percentile", _times(records, lambda row: row.wall_p95_s, n_min=P95_N_MIN)),
        text_row("coordination overhead, median", _times(records, lambda row: row.coordination_overhead_p50_s)),
        text_row(
            "coordination overhead, 95th percentile",
            _times(records, lambda row: row.coordination_overhead_p95_s, n_min=P95_N_MIN),
        ),
        text_row(
            "the same with supervisor calls, median",
            _times(records, lambda row: row.coordination_incl_supervisor_p50_s),
        ),
        text_row("time to first token of a call, median", _times(records, lambda row: row.ttft_p50_s)),
    ]


def _times(records: BenchmarkRecords, value: Callable[[Latency], float | None], *, n_min: int = 1) -> list[Cell]:
    cells = []
    for arm in records.arms:
        queries = records.queries_of_arms[arm.run_id]
        reason = most_frequent(query.times_missing_because for query in queries)
        row = records.latencies_of_arms.get(arm.run_id)
        if row is None:
            cells.append(Cell(text=not_measured(reason or NO_CALL)))
            continue
        left_out = len(queries) - (row.wall_n or 0)
        because = f"n too small, {row.wall_n} of {n_min}" if row.wall_n and row.wall_n < n_min else reason
        note = f"n {row.wall_n or 0} of {len(queries)}" if left_out > 0 and value(row) is not None else ""
        cells.append(Cell(text=milliseconds_text(value(row), because), note=note))
    return cells
