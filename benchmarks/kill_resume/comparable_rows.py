"""The rows of a benchmark run as far as a kill must leave them equal."""

from collections import Counter
from collections.abc import Collection, Iterator, Set

from docmind_core.runs.journal import Row
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import read_segment

Bag = Counter[tuple[object, ...]]

# Not the device samples, which are never the same twice, nor what these arms have no rows of: lever_effects, alerts.
COMPARED = (
    *("runs", "query_runs", "llm_calls", "spans", "retrieved", "engine_counters", "context_reductions"),
    *("cache_lookups", "route_decisions", "reranks", "agent_failures", "measurements", "comparisons"),
)
MADE_UP = {"run_id", "call_id", "span_id", "parent_id", "engine_session", "dagster_run_id", "checkpoint_ns", "manifest"}
"""Names that a run gives; those that hold its key are compared with the key taken out."""
TIMED = {
    *("coordination_overhead_ratio", "parallelism_ratio", "concurrency_ratio", "critical_path_tokens", "decode_tps"),
    *("guide_parallel_savings", "times_missing_because", "decode_missing_because", "t0", "t1", "attributes"),
}
"""Columns made of times, besides those whose name or type says so."""
MARKS = {"process_starts", "duration_missing_because"}
"""What a run says of having been interrupted."""
SUMS = (
    *("prompt_tokens", "completion_tokens", "billed_tokens", "cached_tokens", "prefill_computed_tokens"),
    *("supervisor_tokens", "handoff_tokens", "duplicated_token_ratio"),
)
"""Sums over a query's attempts: one that was cut off by a kill leaves them unknown, which they then say."""
ATTEMPTS = {"attempts", "failures"}
IDENTITY = {"baseline_run_id", "candidate_run_id", "metric", "agent", "slice"}
"""What is left of a comparison of tokens: it leaves queries with unknown sums out, and says how many."""
FREE = {
    *(("engine_counters", "value"), ("llm_calls", "attempt")),
    # They depend on all comparisons of a run, those of tokens among them.
    *(("comparisons", "p_holm"), ("comparisons", "p_fdr")),
}


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
    return name in MADE_UP | TIMED | MARKS or kind == "timestamptz" or name.endswith("_s")


def _kept(
    settings: Settings, table: str, run_id: str, arm: str, touched: Collection[object]
) -> Iterator[tuple[object, Row]]:
    """Yield the rows of a table that an undisturbed run has, too, each with the query it belongs to.

    An engine that was started again has rows of its own in `engine_counters`: those of the session that ended the arm
    are compared.
    """
    sessions = {row["engine_session"] for row in read_segment(settings.tables, "runs", run_id)}
    for row in read_segment(settings.tables, table, run_id):
        place = (arm, row.get("query_id"), row.get("replicate"))
        killed = table == "llm_calls" and row["error_type"] == "ProcessDied"
        without_spans = table == "spans" and place in touched
        timed = table == "comparisons" and str(row["metric"]).endswith(("_s", "_tps"))
        earlier = table == "engine_counters" and row["engine_session"] not in sessions
        if not (killed or without_spans or timed or earlier):
            yield place, row


def _values(table: str, row: Row, names: list[str], key: str, *, interrupted: bool) -> Iterator[object]:
    for name in names:
        sums = table == "query_runs" and interrupted and (name in {*SUMS, *ATTEMPTS} or name.endswith("_because"))
        over_sums = table == "comparisons" and name not in IDENTITY and "token" in str(row["metric"])
        if sums or over_sums or (table, name) in FREE:
            continue
        value = row[name]
        yield value.replace(key, "KEY") if isinstance(value, str) else value


def wrong_sums(
    settings: Settings, suite: Suite, reference: str, killed: str, touched: Set[object], ignoring: Collection[str]
) -> int:
    """Count the interrupted queries with a sum that is neither unknown nor what it is in the undisturbed run."""
    wrong = 0
    for arm in suite.arms:
        before, after = (
            {
                (arm, row["query_id"], row["replicate"]): row
                for row in read_segment(settings.tables, "query_runs", run_id)
            }
            for run_id in (run_id_of(reference, arm), run_id_of(killed, arm))
        )
        for place in touched & after.keys() & before.keys():
            known = [name for name in SUMS if name not in ignoring and after[place][name] is not None]
            wrong += any(after[place][name] != before[place][name] for name in known)
    return wrong
