"""The arms of a benchmark run side by side."""

from collections.abc import Callable, Sequence
from functools import partial

from docmind_core.metrics.limits import NO_OWN, P95_N_MIN, Own
from docmind_core.reports.arm_notices import ending_rows
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Row, Source, Table, figure, missing, no_p95, run_source, table_row
from docmind_core.reports.comparison_rows import NO_CALL, NO_SCORE, comparison_rows
from docmind_core.reports.estimates import mean_estimate, most_frequent, quality_estimate
from docmind_core.reports.own_metrics import own_heading
from docmind_core.reports.run_records import ArmRun, QualitySummary, QueryRun
from docmind_core.statistics.estimates import Estimate

QueryValue = Callable[[QueryRun], float | None]
_HEADINGS = {
    "calls": "model calls per query",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "billed_tokens": "billed tokens",
    "supervisor_tokens": "of which supervisor",
    "cached_tokens": "cached prompt tokens",
    "prefill_computed_tokens": "computed prompt tokens",
    "computed_tokens": "computed tokens",
}
MEASURED = "query_runs.phase is distinct from 'warmup'"


def arm_table(records: BenchmarkRecords) -> Table:
    """Put one column per arm and one row per measure, in groups."""
    return Table(
        caption="Means over queries with a value; n is shown if some have none",
        columns=("", *(arm.arm for arm in records.arms)),
        rows=(
            Row(heading="Queries"),
            *_query_rows(records),
            Row(heading="Tokens per query (mean)"),
            *_token_rows(records),
            Row(heading="Compared with the other arms"),
            *comparison_rows(records),
            Row(heading="Quality (mean and 95 % interval)"),
            *_quality_rows(records),
            Row(heading="Time per query"),
            *_time_rows(records),
        ),
    )


def _query_rows(records: BenchmarkRecords) -> list[Row]:
    return [
        table_row(
            "answered",
            [_answered(arm, records.queries_of_arms[arm.run_id]) for arm in records.arms],
            key="answered",
            source=of_queries(records, ANSWERED),
        ),
        _counted(records, "failed", lambda query: query.status == "failed", "query_runs.status = 'failed'"),
        *ending_rows(records),
        _counted(records, "answered by a fallback", lambda query: bool(query.fallback), "fallback"),
        _means(records, "calls", lambda query: query.calls),
    ]


def _answered(arm: ArmRun, queries: Sequence[QueryRun]) -> Cell:
    expected = arm.expected_queries if arm.expected_queries is not None else len(queries)
    answered = sum(query.answered for query in queries)
    never = expected - len(queries)
    return figure(
        answered,
        "count",
        total=expected,
        words=f"{answered:,} of {expected:,}",
        remark=f"{never:,} never finished" if never > 0 else "",
    )


def _counted(records: BenchmarkRecords, heading: str, holds: Callable[[QueryRun], bool], where: str) -> Row:
    counts = [sum(map(holds, records.queries_of_arms[arm.run_id])) for arm in records.arms]
    source = of_queries(records, f"count(*) filter (where {where})")
    return table_row(heading, [figure(count, "count") for count in counts], key=heading, source=source)


def _token_rows(records: BenchmarkRecords) -> list[Row]:
    cached = partial(_means, records, because=_cached_because)
    return [
        _means(records, "prompt_tokens", lambda query: query.prompt_tokens),
        _means(records, "completion_tokens", lambda query: query.completion_tokens),
        _means(records, "billed_tokens", lambda query: query.billed_tokens),
        _means(records, "supervisor_tokens", lambda query: query.supervisor_tokens),
        cached("cached_tokens", lambda query: query.cached_tokens),
        cached("prefill_computed_tokens", lambda query: query.prefill_computed_tokens),
        cached("computed_tokens", _computed_tokens, column="prefill_computed_tokens + completion_tokens"),
    ]


def _computed_tokens(query: QueryRun) -> float | None:
    prompt, completion = query.prefill_computed_tokens, query.completion_tokens
    return None if prompt is None or completion is None else prompt + completion


def _tokens_because(query: QueryRun) -> str | None:
    return query.tokens_missing_because


def _cached_because(query: QueryRun) -> str | None:
    return query.cached_missing_because or query.tokens_missing_because


def _means(
    records: BenchmarkRecords,
    key: str,
    value: QueryValue,
    *,
    because: Callable[[QueryRun], str | None] = _tokens_because,
    column: str = "",
) -> Row:
    unit = "count" if key == "calls" else "tokens"
    cells = []
    for arm in records.arms:
        queries = records.queries_of_arms[arm.run_id]
        reasons = [because(query) for query in queries] or ["no query finished"]
        cells.append(figure(mean_estimate([value(query) for query in queries], reasons), unit, total=len(queries)))
    return table_row(_HEADINGS[key], cells, key=key, source=of_queries(records, f"avg({column or key})"))


NOT_OF_THIS_ARM = "does not apply to this arm"
ANSWERED = "count(*) filter (where query_runs.status = 'answered')"


def of_queries(records: BenchmarkRecords, column: str) -> Source:
    """Say where a figure over the query runs of each arm comes from."""
    return run_source(records.arms[0].benchmark_run, "query_runs", column, MEASURED)


def of_scores(records: BenchmarkRecords, metric: str) -> Source:
    """Say where the mean score of each arm comes from."""
    where = f"metric = '{metric}' and query_type = 'all'"
    return run_source(records.arms[0].benchmark_run, "quality_summary", "quality_summary.value", where)


def of_times(records: BenchmarkRecords, column: str) -> Source:
    """Say where a time of each arm comes from."""
    return run_source(records.arms[0].benchmark_run, "latency_summary", column, "agent = 'all'")


def _quality_rows(records: BenchmarkRecords) -> list[Row]:
    rows = []
    for metric in records.quality_metrics:
        found = [records.quality_of_arms.get((arm.run_id, metric)) for arm in records.arms]
        rows.append(
            table_row(
                own_heading(records.own_metrics, metric),
                [quality_cell(row, records.own_metrics) for row in found],
                key=metric,
                source=of_scores(records, metric),
            )
        )
    return rows or [table_row("all metrics", [missing(NO_SCORE, "1")] * len(records.arms))]


def quality_cell(row: QualitySummary | None, own: Own = NO_OWN) -> Cell:
    """Show a score with its interval, or the reason it is missing."""
    if row is None:
        return missing(NOT_OF_THIS_ARM, "1")
    return figure(quality_estimate(row, own), own[row.metric].unit if row.metric in own else "1", total=row.n_total)


def _time_rows(records: BenchmarkRecords) -> list[Row]:
    return [
        _times(records, "wall time, median", "wall_p50_s"),
        _times(records, "wall time, 95th percentile", "wall_p95_s", n_min=P95_N_MIN),
        _times(records, "coordination overhead, median", "coordination_overhead_p50_s"),
        _times(records, "coordination overhead, 95th percentile", "coordination_overhead_p95_s", n_min=P95_N_MIN),
        _times(records, "including supervisor calls, median", "coordination_incl_supervisor_p50_s"),
        _times(records, "time to first token of a call, median", "ttft_p50_s"),
    ]


def _times(records: BenchmarkRecords, heading: str, column: str, *, n_min: int = 1) -> Row:
    cells = []
    for arm in records.arms:
        queries = records.queries_of_arms[arm.run_id]
        reason = most_frequent(query.times_missing_because for query in queries)
        row = records.latencies_of_arms.get(arm.run_id)
        if row is None:
            cells.append(missing(reason or NO_CALL, "s"))
            continue
        if row.wall_n and row.wall_n < n_min:
            cells.append(no_p95(row.wall_n, "s"))
            continue
        found = Estimate(value=getattr(row, column), n=row.wall_n or 0, because=reason)
        cells.append(figure(found, "s", total=len(queries)))
    return table_row(heading, cells, key=column, source=of_times(records, column))
