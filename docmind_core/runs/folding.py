"""From the journal to the segments: when an arm has ended, its rows become one Parquet file per table.

The journal is read in parts and the tables are written as they are read, so that an arm may have any number of queries.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from docmind_core.errors import StoreError
from docmind_core.runs.arm_row import ArmRow
from docmind_core.runs.device_samples import sampled_rows
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.journal_parts import Attempts, FinishedQuery
from docmind_core.runs.keys import number_of, run_id_of
from docmind_core.runs.late_calls import with_late_calls
from docmind_core.runs.prompt_counts import with_estimates
from docmind_core.settings import Settings
from docmind_core.statistics.coordination import Coordination, Interval, coordination
from docmind_core.statistics.critical_path import CriticalPath, Work, critical_path
from docmind_core.suites.suite import Suite
from docmind_core.tables.arrow_rows import RowsFile
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import has_segment, read_segment, segments_written, write_segment

_PER_QUERY = (
    "retrieved",
    "context_reductions",
    "cache_lookups",
    "route_decisions",
    "reranks",
    "votes",
    "agent_failures",
)
"""Tables whose rows are final once the query has finished."""

FOLDED = ("llm_calls", "spans", *_PER_QUERY, "engine_counters", "device_samples", "query_runs", "runs")
"""Tables that are written from the journal; `runs` comes last, so that a run with a row has all its others."""

_LEAVES = frozenset({"chat", "text_completion", "generate_content", "embeddings", "retrieval", "execute_tool"})
_SUPERVISOR = "supervisor"


def unfolded_tables(settings: Settings, run_id: str) -> tuple[str, ...]:
    """Return the tables of an arm that have no segment: the process died before, or a damaged one was deleted."""
    return tuple(table for table in FOLDED if not has_segment(settings.tables, table, run_id))


def fold_arm(
    settings: Settings, journal: Journal, run_id: str, expected_queries: int, *, tables: Sequence[str] = FOLDED
) -> None:
    """Write the segments of one arm, those of `tables` alone."""
    found = journal.arm(run_id)
    if found is None:
        raise ValueError(f"the journal has no arm {run_id}")
    facts, starts = found.facts, journal.starts(run_id)
    arm = ArmRow(facts=facts, expected_queries=expected_queries, interrupted=starts > 1 + len(journal.additions()))
    window = facts.get("max_model_len")
    with segments_written(settings.tables, [table for table in FOLDED if table in tables], run_id) as files:
        for part in journal.finished_parts(run_id):
            _add(files, _folded(part, arm, window))
        for attempts in journal.other_attempts(run_id):
            calls = with_estimates(_calls(attempts), (), window)
            arm.add_other_calls(calls)
            _add(files, {"llm_calls": calls})
        for samples in sampled_rows(journal, run_id):
            arm.load.add_samples(samples)
            _add(files, {"device_samples": samples})
        run = {
            **facts,
            **arm.columns(),
            "run_number": number_of(settings.benchmarks / str(facts["benchmark_run"])) or None,
            "started_at": found.started_at,
            "ended_at": found.ended_at,
            "process_starts": starts,
            "prefix_cache_state": "reset" if journal.always_reset(run_id) else "unknown",
            "comparable": journal.comparable(),
        }
        _add(files, {"engine_counters": journal.counters(run_id), "runs": [run]})


def _add(files: Mapping[str, RowsFile], rows: Mapping[str, Sequence[Row]]) -> None:
    for table, of_table in rows.items():
        if table in files and of_table:
            files[table].add(of_table)


def _folded(part: Iterable[FinishedQuery], arm: ArmRow, window: int | None) -> dict[str, list[Row]]:
    """Return the rows of some queries by table, and add them to the arm's."""
    folded: dict[str, list[Row]] = {table: [] for table in ("llm_calls", "spans", *_PER_QUERY, "query_runs")}
    for query in part:
        rows = query.rows
        calls = with_estimates(_calls(query.attempts), rows["prompt_counts"], window)
        for row in rows["query_runs"]:
            timed = _with_times(with_late_calls(row, calls), rows["spans"], calls)
            arm.add_query(timed, rows["spans"], calls)
            folded["query_runs"].append(timed)
        folded["llm_calls"] += calls
        for table in ("spans", *_PER_QUERY):
            folded[table] += rows[table]
    return folded


def _with_times(row: Row, spans: Sequence[Row], calls: Sequence[Row]) -> Row:
    """Add wall time, coordination overhead and critical path; NULL with the reason where the spans mean nothing."""
    times = waiting_times(spans, calls)
    if not times or row["times_missing_because"]:
        return {**row, "times_missing_because": row["times_missing_because"] or "failed_run"}
    return {**row, **times}


def _calls(attempts: Attempts) -> list[Row]:
    return [row if ended else _unseen(row) for row, ended in attempts]


def _unseen(row: Row) -> Row:
    """A call that was in progress when the process died: its usage is unknown."""
    return {
        **row,
        "error_type": "ProcessDied",
        "error_message": "the platform stopped while the call was in flight",
    }


def has_ended(journal: Journal, benchmark_run: str, arm: str) -> bool:
    """Whether an arm has answered all its queries."""
    begun = journal.arm(run_id_of(benchmark_run, arm))
    return begun is not None and begun.ended_at is not None


def fold_ended_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> None:
    """Write the tables that arms which ended lack; the engine isn't needed for that.

    Either the process died just after the end, or a damaged segment was deleted. With replicates added, the tables are
    there as they were before: `runs` is written last, so they belong to this end if it has this end's time.
    """
    for arm in suite.arms:
        run_id = run_id_of(benchmark_run, arm)
        begun = journal.arm(run_id)
        if begun is None or begun.ended_at is None:
            continue
        if lacking := FOLDED if _is_earlier(settings, run_id, begun.ended_at) else unfolded_tables(settings, run_id):
            fold_arm(settings, journal, run_id, begun.expected_queries, tables=lacking)
            publish(settings)
    mark_ended_arms(settings, journal, benchmark_run, suite)


def _is_earlier(settings: Settings, run_id: str, ended_at: datetime) -> bool:
    try:
        rows = read_segment(settings.tables, "runs", run_id)
    except StoreError:  # damaged: publishing sets it aside
        return False
    return any(_in_utc(row)["ended_at"] != ended_at for row in rows)


def mark_ended_arms(settings: Settings, journal: Journal, benchmark_run: str, suite: Suite) -> None:
    """Mark the arms that ended before a change as not comparable with the other arms of the run."""
    if journal.comparable():
        return
    changed = [arm for arm in suite.arms if _mark(settings, run_id_of(benchmark_run, arm))]
    if changed:
        publish(settings)


def _mark(settings: Settings, run_id: str) -> bool:
    rows = read_segment(settings.tables, "runs", run_id)
    if all(row["comparable"] is False for row in rows):
        return False
    write_segment(settings.tables, "runs", run_id, [{**_in_utc(row), "comparable": False} for row in rows])
    return True


def _in_utc(row: dict[str, object]) -> dict[str, object]:
    """Segments hold UTC without saying so; what is written must say it."""
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def waiting_times(spans: Sequence[Row], calls: Sequence[Row]) -> Row:
    """Return the columns of `query_runs` about where the time of one query run went; none without spans.

    Raises:
        StoreError: If it has no root or several, or two spans of one id.
    """
    if not spans:
        return {}
    path = path_of(spans, calls)
    times = {**asdict(overhead_of(spans)), **(asdict(path) if path else {})}
    del times["busy_s"]
    return times


def overhead_of(spans: Sequence[Row]) -> Coordination:
    """Return the coordination overhead of one query run.

    Agent and node spans are never work, so nesting counts nothing twice. Supervisor calls are `chat`
    spans whose attributes hold `"docmind.role": "supervisor"`.

    Raises:
        StoreError: If it has no root or several, or two spans of one id.
    """
    root = _root(spans)
    leaves = (span for span in spans if span["op"] in _LEAVES)
    work = [Interval(t0=span["t0"], t1=span["t1"], by_supervisor=_is_supervisor(span)) for span in leaves]
    return coordination((root["t0"], root["t1"]), work)


def path_of(spans: Sequence[Row], calls: Sequence[Row]) -> CriticalPath | None:
    """Return the critical path of one query run; None without work that took time.

    Args:
        spans: Of the query run.
        calls: Its attempts; a call that was tried several times has several in one span, and costs all of them.
    """
    attempts: defaultdict[str | None, list[Row]] = defaultdict(list)
    for call in calls:
        attempts[call["span_id"]].append(call)
    leaves = (span for span in spans if span["op"] in _LEAVES)
    return critical_path([_work(span, attempts.get(span["span_id"], ())) for span in leaves])


def _root(spans: Sequence[Row]) -> Row:
    roots = [span for span in spans if span["op"] == "invoke_workflow"]
    query = f"query {spans[0]['query_id']!r}, replicate {spans[0]['replicate']}"
    seen = set[str]()
    for span in spans:
        if span["span_id"] in seen:
            raise StoreError(f"span {span['span_id']!r} is duplicated in {query}")
        seen.add(span["span_id"])
    if len(roots) != 1:
        raise StoreError(f"{query}: {len(roots)} root spans (invoke_workflow), not 1")
    return roots[0]


def _is_supervisor(span: Row) -> bool:
    attributes = span.get("attributes")
    if span["op"] != "chat" or not attributes or _SUPERVISOR not in attributes:
        return False
    said = json.loads(attributes)
    return isinstance(said, dict) and said.get("docmind.role") == _SUPERVISOR


def _work(span: Row, attempts: Sequence[Row]) -> Work:
    if not attempts:
        return Work(span_id=span["span_id"], t0=span["t0"], t1=span["t1"])
    return Work(
        span_id=span["span_id"], t0=span["t0"], t1=span["t1"], agent=attempts[0]["agent"], tokens=_tokens(attempts)
    )


def _tokens(attempts: Sequence[Row]) -> int | None:
    """Return what all attempts cost; None when that of one is unknown."""
    known = [row["billed_tokens"] for row in attempts if row.get("billed_tokens") is not None]
    return sum(known) if len(known) == len(attempts) else None
