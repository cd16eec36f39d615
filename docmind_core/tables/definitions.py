"""What a table, a view and a macro of the store are described by."""

from dataclasses import dataclass

WARM_UP_BLOCK = 0
"""Block of the queries that warm an arm up; those that are measured begin with block 1."""
INTERRUPTED = "interrupted"
"""Phase of calls of a query that was asked again from the beginning: the ledger has them, no figure of the query."""
UNMEASURED = frozenset({"warmup", INTERRUPTED})
"""Phases of calls that no figure of a query or an arm holds."""
KEY = ("run_id", "query_id", "replicate")
RUN_COLUMN = {"run_id": ("varchar", "An arm of a benchmark run: <benchmark_run>.<arm>")}
REPLACED_COLUMN = {"replaced_at": ("timestamptz", "UTC time of the rescore")}
QUERY_COLUMNS = {
    **RUN_COLUMN,
    "query_id": ("varchar", "Id of the query in its query set"),
    "replicate": ("integer", "Repetition of the query, from 0; negative for warm-up, -1 in the first engine session"),
}
ARM_COLUMNS = {
    "run_id": "An arm of a benchmark run: <benchmark_run>.<arm>",
    "benchmark_run": "Key of the benchmark run",
    "arm": "Graph that answered",
    "suite": "Name of the suite",
    "model": "Model that the engine served",
    "started_at": "UTC start of the arm",
}
"""The first columns of every view with a row per run."""
FROM_RUNS = ("suite", "model", "started_at")
"""Those of them that are not stored with the rows of a view: they are read from `runs` when it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One fact table; each row of a segment carries its natural key."""

    name: str
    comment: str
    """Says what one row is."""
    key: tuple[str, ...]
    columns: dict[str, tuple[str, str]]
    """Name to (published DuckDB type, comment with the unit), in the order of the file."""
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view; `sql/<name>.sql` selects exactly its columns in their order, a stored one its `stored_columns`."""

    name: str
    comment: str
    """Says what one row is."""
    columns: dict[str, str]
    """Name to comment, with the unit."""
    order: str = ""
    """What the rows of a run are stored in the order of (`STORED`): sorting all runs for each question is slow."""

    @property
    def stored_columns(self) -> dict[str, str]:
        """The columns that `sql/<name>.sql` selects where its rows are stored."""
        return {name: comment for name, comment in self.columns.items() if name not in FROM_RUNS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """One macro that is asked like a table; `sql/<name>.sql` holds its query."""

    name: str
    parameters: str
    """As in `create macro`, defaults included."""
    comment: str
    """Says what one row is and what the parameters mean."""
