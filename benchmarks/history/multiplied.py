"""A published database with more runs than were made: the rows that views select from, multiplied in SQL."""

from pathlib import Path

from docmind_core.tables.connecting import open_new
from docmind_core.tables.stored_views import STORED

_NAMING = ("run_id", "benchmark_run", "candidate_run_id", "baseline_run_id", "previous_run_id")
_TIMES = ("started_at", "ended_at", "sent_at", "timestamp", "hour")
_TABLES = (*(f"store.{view.name}" for view in STORED), "runs", "comparisons", "run_estimates")
_FACTS = ("query_runs", "llm_calls")


def multiply(database: Path, times: int, *, days: int, calls: int) -> None:
    """Insert the rows of all runs again under other keys, `times - 1` times, each `days` days later.

    Args:
        database: Published.
        times: As many runs.
        days: Between the first run and the last.
        calls: Of the model, over all runs: `llm_calls` and `query_runs` get as many more queries a run. Tables that
            nothing asks across runs stay as they are.
    """
    with open_new(database) as connection:
        [[there]] = connection.execute("select count(*) from llm_calls").fetchall()
        queries = max(1, calls // (there * times))
        for table in (*_TABLES, *(_FACTS if queries > 1 else ())):
            names = [str(row[0]) for row in connection.execute(f"describe {table}").fetchall()]
            more = queries if table in _FACTS else 1
            values = ", ".join(_value(name, days, more) for name in names)
            copies = f"range(1, {times}) as copies(copy), range({more}) as queries(query_copy)"
            connection.execute(f"insert into {table} select {values} from {table}, {copies}")
        connection.execute("checkpoint")


def _value(name: str, days: int, queries: int) -> str:
    if name in _NAMING:
        return f"replace({name}, '-history-', format('-history-{{:05d}}', copy))"
    if name in _TIMES:
        return f'"{name}" + to_days(({days} * copy)::integer)'
    if name in {"query_id", "call_id"} and queries > 1:
        return f"{name} || '-' || query_copy"
    return f"run_number + {days} * copy::integer" if name == "run_number" else f'"{name}"'
