"""The tables after the headline: agents, query types, ledger and failures."""

from collections.abc import Mapping
from dataclasses import replace

from docmind_core.metrics.limits import Own
from docmind_core.metrics.reasons import reason_text
from docmind_core.reports.arm_table import quality_cell
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Row, Table, figure, joined, run_sql, table_row
from docmind_core.reports.charts import in_palette_order
from docmind_core.reports.own_metrics import own_heading
from docmind_core.reports.run_records import ALL, QualitySummary
from docmind_core.reports.text_safety import one_line, shortened
from docmind_core.tables.gates import LedgerRow

FAILURES_SHOWN = 100
ERROR_CHARACTERS = 300
_BY_AGENT = (
    "select token_efficiency.arm, agent, token_efficiency.calls / n_query_runs as calls, "
    "prompt_tokens / n_query_runs as prompt, completion_tokens / n_query_runs as completion, "
    "cached_tokens / n_query_runs as cached, billed_tokens / n_query_runs as billed, ttft_p50_s, e2e_latency_p50_s "
    "from token_efficiency left join latency_summary using (run_id, agent) join runs using (run_id)"
)
_BY_TYPE = (
    "select runs.arm, metric, query_type, quality_summary.value, standard_error, n_defined, missing_because "
    "from quality_summary join runs using (run_id)"
)
_LEDGER = (
    "select runs.arm, state, ledger_prompt_tokens, engine_prompt_tokens, prompt_difference, ledger_completion_tokens, "
    "engine_completion_tokens, completion_difference, unreconciled_calls, because "
    "from ledger_balance join runs using (run_id)"
)
_FAILURES = (
    "select runs.arm, query_id, query_runs.status, error_type, error_message, fallback_because "
    "from query_runs join runs using (run_id)"
)


def tokens_by_agent(records: BenchmarkRecords) -> Mapping[str, Mapping[str, float]]:
    """Return arm to agent to billed tokens per query; those of `unknown_agents` are left out."""
    shares: dict[str, dict[str, float]] = {arm.arm: {} for arm in records.arms}
    for row in records.tokens:
        if row.agent != ALL and row.billed_tokens is not None and row.n_query_runs:
            shares[records.arm_names[row.run_id]][row.agent] = row.billed_tokens / row.n_query_runs
    return shares


def unknown_agents(records: BenchmarkRecords) -> Mapping[str, str]:
    """Say of each arm that lacks an agent's tokens which, and why: its bar is shorter than its bill."""
    found: dict[str, list[str]] = {}
    for row in records.tokens:
        if row.agent != ALL and row.billed_tokens is None:
            because = reason_text(row.missing_because or "no reason recorded")
            found.setdefault(records.arm_names[row.run_id], []).append(f"{row.agent} ({because})")
    return {arm: ", ".join(agents) for arm, agents in found.items()}


def agents_table(records: BenchmarkRecords) -> Table:
    """One row per arm and agent: its calls, tokens per query and times per call."""
    latencies = {(row.run_id, row.agent): row for row in records.latencies}
    order = [*in_palette_order(row.agent for row in records.tokens if row.agent != ALL), ALL]
    rows = []
    for arm in records.arms:
        rows.append(Row(heading=arm.arm))
        of_arm = [row for row in records.tokens if row.run_id == arm.run_id]
        for row in sorted(of_arm, key=lambda row: order.index(row.agent)):
            queries = row.n_query_runs or 0
            latency = latencies.get((row.run_id, row.agent))
            sums = (
                (row.calls, "count", None),
                (row.prompt_tokens, "tokens", row.missing_because),
                (row.completion_tokens, "tokens", row.missing_because),
                (row.cached_tokens, "tokens", row.cached_missing_because),
                (row.billed_tokens, "tokens", row.missing_because),
            )
            per_query = [
                figure(None if value is None or not queries else value / queries, unit, because=reason)
                for value, unit, reason in sums
            ]
            times = [
                figure(latency.ttft_p50_s if latency else None, "s"),
                figure(latency.e2e_latency_p50_s if latency else None, "s"),
            ]
            rows.append(table_row("all agents" if row.agent == ALL else row.agent, [*per_query, *times]))
    return Table(
        caption="Tokens per query and times per call, by agent",
        folded="Figures by agent",
        columns=(
            "agent", "calls", "prompt", "completion", "cached", "billed", "first token, median", "whole call, median",
        ),
        rows=tuple(rows),
        sql=run_sql(records.arms[0].benchmark_run, _BY_AGENT),
    )  # fmt: skip


def quality_by_type_table(records: BenchmarkRecords) -> Table:
    """One row per metric and query type, one column per arm."""
    found = {(row.run_id, row.metric, row.query_type): row for row in records.quality}
    types = sorted({row.query_type for row in records.quality if row.query_type != ALL})
    rows: list[Row] = []
    for metric in records.quality_metrics:
        of_metric = []
        for query_type in types:
            cells = [found.get((arm.run_id, metric, query_type)) for arm in records.arms]
            if any(cell is not None and cell.n_defined for cell in cells):
                of_metric.append(table_row(query_type, [_type_cell(cell, records.own_metrics) for cell in cells]))
        rows += [Row(heading=own_heading(records.own_metrics, metric)), *of_metric] if of_metric else []
    return Table(
        caption="Mean score, its 95 % interval, and the number of query runs that have it",
        folded="Quality by type of query",
        columns=("", *(arm.arm for arm in records.arms)),
        rows=tuple(rows),
        sql=run_sql(records.arms[0].benchmark_run, _BY_TYPE, f"query_type <> '{ALL}'"),
    )


def ledger_table(records: BenchmarkRecords) -> Table:
    """One row per arm and engine session: our tokens against the engine's own counters."""
    order = list(records.arm_names)
    rows = sorted(records.ledger, key=lambda row: order.index(row.run_id))
    explained = any(row.because for row in rows)
    columns = (
        "arm", "state", "prompt, ledger", "prompt, engine", "difference", "completion, ledger", "completion, engine",
        "difference", "calls without usage",
    )  # fmt: skip
    return Table(
        caption="Tokens in the ledger and by the engine's counters; differences are engine minus ledger",
        columns=(*columns, "because") if explained else columns,
        rows=tuple(
            table_row(
                records.arm_names[row.run_id],
                [*_ledger_cells(row), *([reason_text(row.because)] if explained else [])],
            )
            for row in rows
        ),
        sql=run_sql(records.arms[0].benchmark_run, _LEDGER),
    )


def _ledger_cells(row: LedgerRow) -> tuple[str | Cell, ...]:
    return (
        row.state or "unknown",
        figure(row.ledger_prompt_tokens, "tokens"),
        figure(row.engine_prompt_tokens, "tokens", because=row.state),
        figure(row.prompt_difference, "tokens", because=row.state),
        figure(row.ledger_completion_tokens, "tokens"),
        figure(row.engine_completion_tokens, "tokens", because=row.state),
        figure(row.completion_difference, "tokens", because=row.state),
        figure(row.unreconciled_calls, "count"),
    )


def failures_table(records: BenchmarkRecords) -> Table:
    """One row per failed query or fallback, at most `FAILURES_SHOWN`; the caption says how many there are."""
    failed = [query for query in records.query_runs if query.status == "failed"]
    fallbacks = [query for query in records.query_runs if query.status != "failed" and query.fallback]
    rows = [
        table_row(
            records.arm_names[query.run_id],
            [query.query_id, "failed", shown_error(query.error_type, query.error_message)],
        )
        for query in failed
    ]
    rows += [
        table_row(
            records.arm_names[query.run_id],
            [query.query_id, "fallback", shown_error(query.fallback_because, None)],
        )
        for query in fallbacks
    ]
    more = f"; the first {FAILURES_SHOWN} are shown" if len(rows) > FAILURES_SHOWN else ""
    return Table(
        caption=f"{len(failed):,} failed, {len(fallbacks):,} answered by a fallback{more}",
        columns=("arm", "query", "what happened", "error"),
        rows=tuple(rows[:FAILURES_SHOWN]),
        prose=True,
        sql=run_sql(records.arms[0].benchmark_run, _FAILURES, "(query_runs.status = 'failed' or fallback)"),
    )


def shown_error(kind: str | None, message: str | None) -> str:
    """Return class and text of an error on one line of bounded length."""
    text = ": ".join(part for part in (kind, message) if part) or "no error recorded"
    return shortened(one_line(text), characters=ERROR_CHARACTERS)


def _type_cell(row: QualitySummary | None, own: Own) -> Cell:
    cell = quality_cell(row, own)
    if row is None or row.value is None or row.n_defined != row.n_total:
        return cell
    return replace(cell, remark=joined(cell.remark, f"n {row.n_defined}"))
