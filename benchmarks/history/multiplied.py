"""A published database with more runs than were made: the rows that views select from, multiplied in SQL."""

from pathlib import Path

from docmind_core.tables.connecting import open_new
from docmind_core.tables.stored_views import STORED

_NAMING = ("run_id", "benchmark_run", "candidate_run_id", "baseline_run_id", "previous_run_id")
_TIMES = ("started_at", "timestamp", "hour")
_TABLES = (*(f"store.{view.name}" for view in STORED), "runs", "comparisons", "run_estimates")


def multiply(database: Path, times: int, *, days: int) -> None:
    """Insert the rows of all runs again under other keys, `times - 1` times, each `days` days later."""
    with open_new(database) as connection:
        connection.execute("begin")
        for table in _TABLES:
            names = [str(row[0]) for row in connection.execute(f"describe {table}").fetchall()]
            values = ", ".join(_value(name, days) for name in names)
            connection.execute(f"insert into {table} select {values} from {table}, range(1, {times}) as copies(copy)")
        connection.execute("commit")
        connection.execute("checkpoint")


def _value(name: str, days: int) -> str:
    if name in _NAMING:
        return f"replace({name}, '-history-', format('-history-{{:05d}}', copy))"
    if name in _TIMES:
        return f'"{name}" + to_days(({days} * copy)::integer)'
    return f"run_number + {days} * copy::integer" if name == "run_number" else f'"{name}"'
