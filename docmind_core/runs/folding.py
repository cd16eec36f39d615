"""From the journal to the segments: when an arm has ended, its rows become one Parquet file per table."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from docmind_core.runs.device_samples import sampled_rows
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.keys import number_of
from docmind_core.runs.late_calls import with_late_calls
from docmind_core.runs.load import load_facts
from docmind_core.runs.prompt_counts import with_estimates
from docmind_core.runs.waiting import critical_paths
from docmind_core.settings import Settings
from docmind_core.tables.definitions import INTERRUPTED
from docmind_core.tables.overhead import coordination
from docmind_core.tables.segments import has_segment, write_segment

_PER_QUERY = (
    "retrieved",
    "context_reductions",
    "cache_lookups",
    "route_decisions",
    "reranks",
    "votes",
    "agent_failures",
)
"""Tables whose rows a query collects and nothing changes afterwards."""

FINISHED, DECIDED = "finished", "decided"
"""Status of an arm with a row for each query, and of one whose gate needed no further query."""
FOLDED = ("llm_calls", "spans", *_PER_QUERY, "engine_counters", "device_samples", "query_runs", "runs")
"""Tables that are written from the journal; `runs` comes last, so that a run with a row has all its others."""


def unfolded_tables(settings: Settings, run_id: str) -> tuple[str, ...]:
    """Return the tables of an arm that have no segment: the process died before, or a damaged one was deleted."""
    return tuple(table for table in FOLDED if not has_segment(settings.tables, table, run_id))


def fold_arm(
    settings: Settings, journal: Journal, run_id: str, expected_queries: int, *, tables: Sequence[str] = FOLDED
) -> None:
    """Write the segments of one arm, those of `tables` alone.

    A segment that is there and whole is better not written again: journals of earlier versions lack some of its rows.
    """
    (started_at, ended_at, facts), starts = _arm(journal, run_id), journal.starts(run_id)
    interrupted = starts > 1 + len(journal.additions())
    finished = list(journal.finished_rows(run_id))
    spans = [row for rows in finished for row in rows["spans"]]
    calls = with_estimates(_attempts(journal, run_id), finished, facts.get("max_model_len"))
    query_rows = _with_times(_query_rows(finished, calls), spans, calls)
    measured = [row for row in query_rows if row["phase"] != "warmup"]
    samples = sampled_rows(journal, run_id)
    run = {
        **facts,
        **load_facts(measured, spans, calls, samples, concurrency=facts.get("concurrency"), interrupted=interrupted),
        "run_number": number_of(settings.benchmarks / str(facts["benchmark_run"])) or None,
        "started_at": started_at,
        "ended_at": ended_at,
        "process_starts": starts or None,
        **_duration(measured, interrupted=interrupted),
        "prefix_cache_state": "reset" if journal.always_reset(run_id) else "unknown",
        **_counts(query_rows, calls, expected_queries, facts),
        "comparable": journal.comparable(),
    }
    folded: dict[str, Sequence[Row]] = {
        "llm_calls": calls,
        "spans": spans,
        # Journals of earlier versions have no rows of the later tables.
        **{table: [row for rows in finished for row in rows.get(table, ())] for table in _PER_QUERY},
        "engine_counters": journal.counters(run_id),
        "device_samples": samples,
        "query_runs": query_rows,
        "runs": [run],
    }
    for table in FOLDED:
        if table in tables:
            write_segment(settings.tables, table, run_id, folded[table])


def _arm(journal: Journal, run_id: str) -> tuple[object, object, Row]:
    found = journal.arm(run_id)
    if found is None:
        raise ValueError(f"the journal has no arm {run_id}")
    return found


def _with_times(query_rows: Sequence[Row], spans: Sequence[Row], calls: Sequence[Row]) -> list[Row]:
    """Add wall time, coordination overhead and critical path; NULL with the reason where the spans mean nothing."""
    measured, paths = coordination(spans), critical_paths(spans, calls)
    timed = []
    for row in query_rows:
        found = measured.get((row["query_id"], row["replicate"]))
        if found is None or row["times_missing_because"]:
            timed.append({**row, "times_missing_because": row["times_missing_because"] or "failed_run"})
            continue
        times = asdict(found)
        times.pop("busy_s")
        path = paths[(row["query_id"], row["replicate"])]
        timed.append({**row, **times, **(asdict(path) if path else {})})
    return timed


def _query_rows(finished: Sequence[dict[str, list[Row]]], calls: Sequence[Row]) -> list[Row]:
    return with_late_calls([row for rows in finished for row in rows["query_runs"]], calls)


def _counts(query_rows: Sequence[Row], calls: Sequence[Row], expected_queries: int, facts: Row) -> Row:
    measured = sum(row["phase"] != "warmup" for row in query_rows)
    unseen = sum(row["status"] == "answered" and row["attempts"] == 0 for row in query_rows)
    ended = DECIDED if facts.get("stopped_because") else FINISHED
    of_user = facts.get("system") is not None
    return {
        "status": ended if measured == expected_queries else "incomplete",
        "expected_queries": expected_queries,
        "queries_without_calls": unseen if of_user else None,
        "redone_queries": len({(row["query_id"], row["replicate"]) for row in calls if row["phase"] == INTERRUPTED}),
    }


def _attempts(journal: Journal, run_id: str) -> list[Row]:
    return [row if ended else _unseen(row) for row, ended in journal.attempts(run_id)]


def _unseen(row: Row) -> Row:
    """A call that was under way when the process died: its usage is unknown."""
    return {
        **row,
        "error_type": "ProcessDied",
        "error_message": "the platform ended while the call was under way",
    }


def _duration(query_rows: Sequence[Row], *, interrupted: bool) -> Row:
    """Seconds from the first start to the last end, summed over the blocks: between them other arms are at work.

    None for a resumed arm: the pause would count.
    """
    # A process that died between two queries leaves no replayed call, only the second start.
    if interrupted or any(row["times_missing_because"] == "resumed" for row in query_rows):
        return {"duration_s": None, "duration_missing_because": "resumed"}
    if not query_rows:
        return {"duration_s": None, "duration_missing_because": "failed_run"}
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for row in query_rows:
        block = row["block"]
        first[block] = min(row["started_at"], first.get(block, row["started_at"]))
        last[block] = max(row["ended_at"], last.get(block, row["ended_at"]))
    seconds = sum((last[block] - first[block]).total_seconds() for block in first)
    return {"duration_s": seconds, "duration_missing_because": None}
