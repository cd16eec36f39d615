"""What a benchmark run is judged by: is its ledger balanced, is it complete, which limits are missed."""

from dataclasses import dataclass

from docmind_core.settings import Settings
from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_records


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the view `ledger_balance`."""

    run_id: str
    engine_session: str | None
    ledger_prompt_tokens: int | None
    engine_prompt_tokens: int | None
    prompt_difference: int | None
    ledger_completion_tokens: int | None
    engine_completion_tokens: int | None
    completion_difference: int | None
    unreconciled_calls: int | None
    state: str
    because: str | None
    """Names the largest calls of a session that is unbalanced, and those of unknown usage in an unreconciled one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCount:
    """How many queries an arm has, and how many it should have."""

    run_id: str
    arm: str
    expected_queries: int | None
    query_runs: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedLimit:
    """A limit that an arm, or one of its agents, has missed."""

    arm: str
    limit_name: str
    agent: str
    """`all` for a limit on the whole arm."""
    value: float
    bound: float


def ledger_rows(settings: Settings, benchmark_run: str) -> tuple[LedgerRow, ...]:
    """Return the ledger of each engine session of each arm of `benchmark_run`."""
    return query_records(settings, LedgerRow, sql_text("ledger_of_benchmark_run"), {"benchmark_run": benchmark_run})


def arm_counts(settings: Settings, benchmark_run: str) -> tuple[ArmCount, ...]:
    """Return the count of queries of each arm of `benchmark_run` that is in the database."""
    return query_records(settings, ArmCount, sql_text("arm_counts"), {"benchmark_run": benchmark_run})


def missed_limits(settings: Settings, benchmark_run: str) -> tuple[MissedLimit, ...]:
    """Return the missed limits of `benchmark_run`."""
    return query_records(settings, MissedLimit, sql_text("missed_limits"), {"benchmark_run": benchmark_run})
