"""A published database with more runs than were made: the rows that views and recipes ask for, multiplied in SQL."""

from pathlib import Path

import duckdb

from docmind_core.tables.connecting import open_new, transaction
from docmind_core.tables.stored_views import STORED

_NAMING = ("run_id", "benchmark_run", "candidate_run_id", "baseline_run_id", "previous_run_id")
_TIMES = ("started_at", "ended_at", "sent_at", "timestamp", "hour", "day")
_PER_QUERY = ("query_runs", "llm_calls", "measurements", "store.agent_executions", "store.replicate_flips")
_PER_RUN = ("runs", "comparisons", "run_estimates", "limit_results", "grades")


def multiply(database: Path, times: int, *, days: int, calls: int) -> None:
    """Insert the rows of all runs again under other keys, `times - 1` times, each `days` days later.

    Args:
        database: Published.
        times: As many runs.
        days: Between the first run and the last.
        calls: Of the model, over all runs, at least: a run gets as many more queries, with their calls, scores and
            executions of agents. Tables that nothing asks across runs stay as they are.
    """
    with open_new(database) as connection:
        # Publishing commits and checkpoints in small steps; here each table is one.
        connection.execute("set memory_limit = '2GB'; set checkpoint_threshold = '100GB'")
        [[there]] = connection.execute("select count(*) from llm_calls").fetchall()
        queries = max(1, -(-calls // (there * times)))
        for table in dict.fromkeys((*_PER_RUN, *(f"store.{view.name}" for view in STORED))):
            if table not in _PER_QUERY:
                _multiply_table(connection, table, times, 1, days)
        for table in _PER_QUERY:
            _multiply_table(connection, table, times, queries, days)
        connection.execute("checkpoint")


def _multiply_table(connection: duckdb.DuckDBPyConnection, table: str, times: int, queries: int, days: int) -> None:
    names = [str(row[0]) for row in connection.execute(f"describe {table}").fetchall()]
    values = ", ".join(_value(name, days) for name in names)
    run_id = "candidate_run_id" if "candidate_run_id" in names else "run_id"
    connection.execute(f"create or replace temp table made as from {table}")
    at_once = max(1, 40 // queries)
    with transaction(connection):
        for copy in range(0, times, at_once):
            # The rows of a run lie together, as publishing inserts them.
            connection.execute(
                f"insert into {table} select {values} from made, range($first, $last) as copies(copy), "
                "range($queries) as queries(query_copy) where (copy, query_copy) <> (0, 0) "
                f"order by copy, {run_id}",
                {"first": copy, "last": min(copy + at_once, times), "queries": queries},
            )


def _value(name: str, days: int) -> str:
    if name in _NAMING:
        return f"if(copy = 0, {name}, {_moved(name, days)})"
    if name in _TIMES:
        return f'"{name}" + to_days(({days} * copy)::integer)'
    if name in {"query_id", "call_id", "cluster_id"}:
        return f"if(query_copy = 0, {name}, {name} || '-' || query_copy)"
    return f"run_number + {days} * copy::integer" if name == "run_number" else f'"{name}"'


def _moved(name: str, days: int) -> str:
    """Return a key that begins with the day of its start, as others do: DuckDB finds rows by its first 8 characters."""
    day = f"strftime(strptime({name}[:8], '%Y%m%d') + to_days(({days} * copy)::integer), '%Y%m%d')"
    return f"replace({day} || {name}[9:], '-history-', format('-history-{{:05d}}', copy))"
