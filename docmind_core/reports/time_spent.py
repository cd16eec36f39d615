"""Where the time of a query goes: by part in every arm, and step by step in three queries of the judged arm."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Table, figure, joined, missing, run_source, table_row
from docmind_core.reports.charts import stacked_bars
from docmind_core.reports.document import Chart, Section, Span, Text, Waterfall
from docmind_core.reports.number_text import count_text, counted, duration_text, percent_text
from docmind_core.reports.run_records import ArmRun, QueryRun
from docmind_core.settings import Settings
from docmind_core.statistics.critical_path import Work, critical_chain
from docmind_core.tables.reading import query_records, query_rows

SPANS_SHOWN = 40
_SHORT_WAIT = 0.01
_PARTS = {
    "decode": ("decode", "from the first token of a call to its last"),
    "engine_queue": ("engine queue", "before the first token: a call waits in the engine, by its own count"),
    "prefill": ("prefill", "before the first token: the engine reads the prompt, by its own count"),
    "first_token": (
        "first token",
        "what is left from sending a call to its first token: tokenization, network, the end of the engine's current "
        "step; all of it if engine queue and prefill are not measured",
    ),
    "model_call": ("model call", "calls without streaming, whose first token is unknown"),
    "tool": ("tool", "tools called by agents"),
    "retrieval": ("search", "searches and their embeddings"),
    "queue": ("wait for a slot", "nothing running; a call waits for a free slot"),
    "backoff": ("backoff", "nothing running; a call waits before its next attempt"),
    "not_attributed": ("not attributed", "the rest: framework, event loop, and anything without a span"),
}
"""Part of the view `where_time_goes`, how it is called, and what it is."""
_COUNTED = ("engine_queue", "prefill")
"""Parts of the wait for first tokens that only the engine's counters tell apart."""
_WORDS = {
    "chat": "model call",
    "text_completion": "model call",
    "generate_content": "model call",
    "embeddings": "search",
    "retrieval": "search",
    "execute_tool": "tool",
    "queue": "waits for a slot",
    "backoff": "waits to retry",
}
_WAITS = ("queue", "backoff")
_SHARES = """
select run_id, part, seconds_per_query, share_ratio, n_queries, missing_because
from where_time_goes
where benchmark_run = $benchmark_run
"""
_SPANS = """
select s.query_id, s.replicate, s.span_id, s.parent_id, s.op, s.name, s.t0, s.t1, c.agent, c.ttft_s, c.billed_tokens
from spans as s
left join (
    select query_id, replicate, span_id, any_value(agent) as agent, max(ttft_s) as ttft_s,
        case when count(*) = count(billed_tokens) then sum(billed_tokens)::bigint end as billed_tokens
    from llm_calls
    where run_id = $run_id
    group by all
) as c using (query_id, replicate, span_id)
where s.run_id = $run_id and s.query_id in $query_ids
order by s.t0, s.t1, s.span_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """A row of `spans` with what its call cost."""

    query_id: str
    replicate: int
    span_id: str
    parent_id: str | None
    op: str
    name: str | None
    t0: int
    t1: int
    agent: str | None
    ttft_s: float | None
    billed_tokens: int | None


def time_blocks(settings: Settings, records: BenchmarkRecords) -> tuple[Chart | Text, Table]:
    """Return the shares of the mean wall time, measured ones alone; what is left is called not attributed."""
    _, rows = query_rows(settings, _SHARES, {"benchmark_run": records.arms[0].benchmark_run})
    found = {(str(run), str(part)): values for run, part, *values in rows}
    shares: dict[str, dict[str, float]] = {arm.arm: {} for arm in records.arms}
    for (run_id, part), (seconds, *_) in found.items():
        if seconds and run_id in records.arm_names:
            shares[records.arm_names[run_id]][_PARTS[part][0]] = float(str(seconds))
    drawn = "Stacked bars: mean seconds per query in each arm, by activity; figures in the table"
    chart = Chart(
        note="Mean seconds per query, by activity.",
        draw=partial(stacked_bars, shares, unit="seconds per query", description=drawn, text=duration_text),
    )
    nothing = Text(lines=("No chart: no query has both spans and a wall time.",))
    return chart if any(shares.values()) else nothing, _shares_table(records, found)


def _shares_table(records: BenchmarkRecords, found: Mapping[tuple[str, str], Sequence[object]]) -> Table:
    benchmark_run = records.arms[0].benchmark_run
    rows = [
        table_row(
            name,
            [_share(found.get((arm.run_id, part)), _included(found, arm.run_id, part)) for arm in records.arms],
            key=part,
            source=run_source(benchmark_run, "where_time_goes", "seconds_per_query", f"part = '{part}'"),
            definition=definition,
        )
        for part, (name, definition) in _PARTS.items()
        if any(_seconds(found, arm.run_id, part) != 0 for arm in records.arms)
    ]
    return Table(
        caption="Mean seconds per query, by activity. If several overlap, the one listed first counts",
        columns=("", *(arm.arm for arm in records.arms)),
        rows=tuple(rows),
        folded="Figures by part",
    )


def _seconds(found: Mapping[tuple[str, str], Sequence[object]], run_id: str, part: str) -> object:
    return found.get((run_id, part), (None,))[0]


def _included(found: Mapping[tuple[str, str], Sequence[object]], run_id: str, part: str) -> str:
    """Return which parts of the wait for first tokens the engine's counters don't tell apart from the rest of it."""
    unknown = [_PARTS[name][0] for name in _COUNTED if _seconds(found, run_id, name) is None]
    return f"includes {' and '.join(unknown)}" if part == "first_token" and unknown else ""


def _share(values: Sequence[object] | None, included: str) -> Cell:
    seconds, share, _, because = values or (None, None, None, "no query has spans")
    if seconds is None:
        return missing(None if because is None else str(because), "s")
    remark = percent_text(100 * float(str(share))) if share is not None else ""
    return figure(float(str(seconds)), "s", remark=joined(remark, included if seconds else ""))


def waterfall_part(settings: Settings, records: BenchmarkRecords, arm: ArmRun) -> Section | None:
    """Return the slowest, the costliest and a typical query of an arm in time; None where no query has times."""
    chosen = _chosen([query for query in records.queries_of_arms[arm.run_id] if query.wall_s is not None])
    if not chosen:
        return None
    query_ids = [query.query_id for query in chosen]
    spans: dict[tuple[str, int], list[_Interval]] = defaultdict(list)
    for span in query_records(settings, _Interval, _SPANS, {"run_id": arm.run_id, "query_ids": query_ids}):
        spans[span.query_id, span.replicate].append(span)
    _, asked = query_rows(
        settings,
        "select distinct query_id, query from query_runs where run_id = $run_id and query_id in $query_ids",
        {"run_id": arm.run_id, "query_ids": query_ids},
    )
    texts = {str(query_id): str(text or "") for query_id, text in asked}
    found = [
        _waterfall(f"{' and '.join(which).capitalize()} {_said(query)}", texts[query.query_id], of_query, root)
        for query, which in chosen.items()
        if (of_query := spans[query.query_id, query.replicate])
        and (root := next((span for span in of_query if span.op == "invoke_workflow"), None))
    ]
    if not found:
        return None
    intro = Text(
        style="muted",
        lines=(
            f"Queries of {arm.arm}. Light blue: until a call's first token. Dependencies between steps are inferred.",
        ),
    )
    return Section(
        key="waterfall",
        title="Timelines: slowest, costliest, typical",
        link="Timelines",
        folded=True,
        blocks=(intro, *found),
    )


def _chosen(timed: Sequence[QueryRun]) -> dict[QueryRun, list[str]]:
    chosen: dict[QueryRun, list[str]] = {}
    if timed:
        by_time = sorted(timed, key=lambda query: (query.wall_s or 0.0, query.query_id, query.replicate))
        costliest = max(by_time, key=lambda query: query.billed_tokens or 0)
        named = {"slowest": by_time[-1], "costliest": costliest, "typical": by_time[(len(by_time) - 1) // 2]}
        for name, query in named.items():
            chosen.setdefault(query, []).append(name)
    return chosen


def _said(query: QueryRun) -> str:
    cost = count_text(query.billed_tokens, query.tokens_missing_because)
    return f"query {query.query_id}: {duration_text(query.wall_s)}, {cost} tokens, {counted(query.calls or 0, 'call')}"


def _waterfall(title: str, question: str, spans: Sequence[_Interval], root: _Interval) -> Waterfall:
    by_id = {span.span_id: span for span in spans}
    wall = root.t1 - root.t0
    work = [span for span in spans if span.op in _WORDS and span.op not in _WAITS]
    chain = set(critical_chain([Work(span_id=span.span_id, t0=span.t0, t1=span.t1) for span in work]))
    leaves = [span for span in spans if span.op in _WORDS]
    shown = [span for span in leaves if span.op not in _WAITS or span.t1 - span.t0 >= _SHORT_WAIT * wall][:SPANS_SHOWN]
    return Waterfall(
        title=title,
        question=question,
        wall_s=wall / 1e9,
        spans=tuple(
            Span(
                agent=span.agent or _agent_of(span, by_id),
                what=_WORDS[span.op],
                start_s=(span.t0 - root.t0) / 1e9,
                duration_s=(span.t1 - span.t0) / 1e9,
                first_token_s=span.ttft_s,
                tokens=span.billed_tokens,
                is_critical=span.span_id in chain,
            )
            for span in shown
        ),
        left_out=len(leaves) - len(shown),
    )


def _agent_of(span: _Interval, by_id: Mapping[str, _Interval]) -> str:
    parent = by_id.get(span.parent_id or "")
    while parent is not None and parent.op != "invoke_agent":
        parent = by_id.get(parent.parent_id or "")
    return str(parent.name) if parent is not None else "–"
