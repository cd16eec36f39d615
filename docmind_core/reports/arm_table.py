"""The arms of a benchmark run side by side."""

from collections.abc import Callable, Sequence

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.estimates import Estimate, mean_estimate, most_frequent, quality_estimate
from docmind_core.reports.number_text import (
    count_text,
    interval_text,
    milliseconds_text,
    not_measured,
    percent_text,
    ratio_text,
    times_text,
)
from docmind_core.reports.run_records import (
    TOKENS_PER_CORRECT,
    ArmRun,
    Latency,
    QualitySummary,
    QueryRun,
    TokenEfficiency,
)
from docmind_core.reports.text_table import Cell, TextRow, TextTable, text_row

BASELINE = "naive_supervisor"
SINGLE_PASS = "single_pass"  # noqa: S105 - an arm
NO_BASELINE = f"no {BASELINE} arm in this run"
NO_SINGLE_PASS = f"no {SINGLE_PASS} arm in this run"
NOT_CLAIMABLE = "not claimable: "
"""How `claimable_because` begins when it says no."""
CACHE_NOT_REPORTED = "flag_off"
NO_CALL = "no model call finished"
NO_SCORE = "not scored"
P95_N_MIN = 130
"""Fewest values whose 95th percentile the view shows (docs/metrics.md)."""

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
            *_comparison_rows(records),
            TextRow(heading="Quality (mean and 95 % interval)"),
            *_quality_rows(records),
            TextRow(heading="Time per query"),
            *_time_rows(records),
        ),
    )


def estimate_cell(estimate: Estimate, text: Callable[..., str], *, decimals: int | None = None) -> Cell:
    """Show an estimate with its interval and, unless all rows count, how many do."""
    if estimate.value is None:
        return Cell(text=not_measured(estimate.because))
    notes = []
    if decimals is not None:
        notes.append(interval_text(estimate.low, estimate.high, decimals=decimals))
    if estimate.n_defined < estimate.n_total:
        notes.append(f"n {estimate.n_defined} of {estimate.n_total}")
    return Cell(text=text(estimate.value), note="; ".join(note for note in notes if note))


def _query_rows(records: BenchmarkRecords) -> list[TextRow]:
    return [
        text_row("answered", [_answered(arm, records.queries_of_arms[arm.run_id]) for arm in records.arms]),
        text_row("failed", _counted(records, lambda query: query.status == "failed")),
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
        text_row(
            "cached prompt tokens", _means(records, lambda query: query.cached_tokens, unknown=CACHE_NOT_REPORTED)
        ),
        text_row(
            "computed prompt tokens",
            _means(records, lambda query: query.prefill_computed_tokens, unknown=CACHE_NOT_REPORTED),
        ),
    ]


def _means(records: BenchmarkRecords, value: QueryValue, *, unknown: str | None = None) -> list[Cell]:
    cells = []
    for arm in records.arms:
        queries = records.queries_of_arms[arm.run_id]
        reasons = [query.tokens_missing_because or unknown for query in queries] or ["no query finished"]
        cells.append(estimate_cell(mean_estimate([value(query) for query in queries], reasons), count_text))
    return cells


def _comparison_rows(records: BenchmarkRecords) -> list[TextRow]:
    arms = records.arms
    return [
        text_row("tokens saved against naive_supervisor", [_reduction(records, arm) for arm in arms]),
        text_row("the same over the whole bill", [_reduction_of_totals(records, arm) for arm in arms]),
        text_row("tokens against one call", [_single_pass_ratio(records, arm) for arm in arms]),
        text_row("tokens per correct answer", [_per_correct(records, arm) for arm in arms]),
        text_row("may be claimed", [_claimable(records.tokens_of_arms.get(arm.run_id)) for arm in arms]),
    ]


def _reduction(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row = records.tokens_of_arms.get(arm.run_id)
    if row is None or row.reduction_pct is None:
        return Cell(text=_why_no_reduction(records, arm))
    return Cell(
        text=percent_text(row.reduction_pct), note=interval_text(row.reduction_low, row.reduction_high, decimals=0)
    )


def _reduction_of_totals(records: BenchmarkRecords, arm: ArmRun) -> str:
    row = records.tokens_of_arms.get(arm.run_id)
    if row is None or row.reduction_of_totals_pct is None:
        return _why_no_reduction(records, arm)
    return percent_text(row.reduction_of_totals_pct)


def _why_no_reduction(records: BenchmarkRecords, arm: ArmRun) -> str:
    if arm.arm == BASELINE:
        return "is the baseline"
    if BASELINE not in records.arm_names.values():
        return not_measured(NO_BASELINE)
    row = records.tokens_of_arms.get(arm.run_id)
    return not_measured(NO_CALL if row is None else row.claimable_because)


def _single_pass_ratio(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row = records.tokens_of_arms.get(arm.run_id)
    if row is not None and row.single_pass_ratio is not None:
        note = interval_text(row.single_pass_ratio_low, row.single_pass_ratio_high, decimals=2)
        return Cell(text=times_text(row.single_pass_ratio), note=note)
    if arm.arm == SINGLE_PASS:
        return Cell(text="is the one call")
    if SINGLE_PASS not in records.arm_names.values():
        return Cell(text=not_measured(NO_SINGLE_PASS))
    return Cell(
        text=not_measured(NO_CALL if row is None else row.missing_because or "no query with tokens in both arms")
    )


def _per_correct(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row = records.quality_of_arms.get((arm.run_id, TOKENS_PER_CORRECT))
    if row is None:
        return Cell(text=not_measured(NO_SCORE))
    return estimate_cell(quality_estimate(row), count_text)


def _claimable(row: TokenEfficiency | None) -> Cell:
    if row is None or row.claimable is None:
        return Cell(text="–")
    return Cell(text="yes" if row.claimable else "no", note=(row.claimable_because or "").removeprefix(NOT_CLAIMABLE))


def _quality_rows(records: BenchmarkRecords) -> list[TextRow]:
    rows = []
    for metric in records.quality_metrics:
        found = [records.quality_of_arms.get((arm.run_id, metric)) for arm in records.arms]
        rows.append(text_row(metric, [quality_cell(row) for row in found]))
    return rows or [text_row("all metrics", [not_measured(NO_SCORE)] * len(records.arms))]


def quality_cell(row: QualitySummary | None) -> Cell:
    """Show a score with its interval, or why there is none."""
    if row is None:
        return Cell(text=not_measured(NO_SCORE))
    return estimate_cell(quality_estimate(row), ratio_text, decimals=2)


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
