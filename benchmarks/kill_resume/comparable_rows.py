"""The rows of a benchmark run as far as a kill must leave them equal."""

from collections import Counter
from collections.abc import Collection, Iterator

from docmind_core.runs.journal import Row
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import read_segment

Bag = Counter[tuple[object, ...]]

# Not the samples of devices, which nobody takes twice, nor what these arms have no rows of: lever_effects, alerts.
COMPARED = (
    *("runs", "query_runs", "llm_calls", "spans", "retrieved", "engine_counters", "context_reductions"),
    *("cache_lookups", "route_decisions", "reranks", "agent_failures", "measurements", "comparisons"),
)
MADE_UP = {"run_id", "call_id", "span_id", "parent_id", "engine_session", "dagster_run_id", "checkpoint_ns", "manifest"}
"""Names that a run gives; those that hold its key are compared with the key taken out."""
TIMED = {
    *("coordination_overhead_ratio", "parallelism_ratio", "concurrency_ratio", "critical_path_tokens", "decode_tps"),
    *("guide_parallel_savings", "times_missing_because", "t0", "t1", "attributes"),
}
"""Columns made of times, beside those whose name or type says so."""
SUMS = {
    *("attempts", "failures", "prompt_tokens", "completion_tokens", "billed_tokens", "cached_tokens"),
    *("prefill_computed_tokens", "tokens_missing_because", "supervisor_tokens"),
}
"""Sums over a query's attempts: one that was cut off by a kill leaves them unknown, which they then say."""
IDENTITY = {"baseline_run_id", "candidate_run_id", "metric", "agent", "slice"}
"""What is left of a comparison of tokens: it leaves queries with unknown sums out, and says how many."""


def comparable_rows(
    settings: Settings, suite: Suite, benchmark_run: str, touched: Collection[object], *, ignoring: Collection[str] = ()
) -> dict[str, Bag]:
    """Return the rows by table as bags, by every column that a kill must not change.

    Args:
        settings: The home.
        suite: Its arms are read.
        benchmark_run: Whose rows.
        touched: (arm, query, replicate) of the queries that a kill interrupted in the run that is looked at.
        ignoring: More columns to leave out.
    """
    found: dict[str, Bag] = {}
    for table in COMPARED:
        names = [name for name, (kind, _) in TABLES[table].columns.items() if not _is_free(name, kind)]
        names = [name for name in names if name not in ignoring]
        found[table] = Counter(
            (arm, *_values(table, row, names, benchmark_run, interrupted=place in touched))
            for arm in suite.arms
            for place, row in _kept(settings, table, run_id_of(benchmark_run, arm), arm, touched)
        )
    return found


def _is_free(name: str, kind: str) -> bool:
    return name in MADE_UP | TIMED or kind == "timestamp" or name.endswith("_s")


def _kept(
    settings: Settings, table: str, run_id: str, arm: str, touched: Collection[object]
) -> Iterator[tuple[object, Row]]:
    """Yield the rows of a table that an undisturbed run has, too, each with the query it belongs to."""
    for row in read_segment(settings.tables, table, run_id):
        place = (arm, row.get("query_id"), row.get("replicate"))
        unfinished = table == "llm_calls" and row["status"] != "finished"
        without_spans = table == "spans" and place in touched
        timed = table == "comparisons" and str(row["metric"]).endswith(("_s", "_tps"))
        if not (unfinished or without_spans or timed):
            yield place, row


def _values(table: str, row: Row, names: list[str], key: str, *, interrupted: bool) -> Iterator[object]:
    for name in names:
        sums = table == "query_runs" and interrupted and name in SUMS
        over_sums = table == "comparisons" and name not in IDENTITY and "token" in str(row["metric"])
        if (
            sums
            or over_sums
            or (table, name) in {("engine_counters", "value"), ("llm_calls", "attempt"), ("comparisons", "p_holm")}
        ):
            continue
        value = row[name]
        yield value.replace(key, "KEY") if isinstance(value, str) else value
