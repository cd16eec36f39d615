"""Planted benchmark runs whose coordination overhead is chosen, and suites that watch them."""

from datetime import UTC, datetime, timedelta

from docmind_core.alerts import notices
from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.evaluating import AlertOutcome, evaluate_alerts
from docmind_core.measurements.grades import write_limits
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.builders import make_call_row, make_counter_rows, make_query_run_row, make_run_row, write_rows

START = datetime(2026, 11, 22, 2, tzinfo=UTC)
OVERHEAD = "coordination_overhead_p95_s"
QUERIES = 20
"""In a planted benchmark run: the fewest whose p95 may be judged by its point."""


def key_of(night: int) -> str:
    return f"{START + timedelta(days=night):%Y%m%dT%H%M%SZ}-toy-{night:04x}"


def make_suite(**changes: object) -> Suite:
    """A suite of one arm that fires on the point, at the second bad night."""
    values: dict[str, object] = {
        "name": "toy",
        "query_set": "python-reference",
        "arms": ("single_pass",),
        "limits": {OVERHEAD: 2.0},
        "alerts": {OVERHEAD: {"test": "point", "min_n": QUERIES}},
        "channels": ("ops",),
    }
    return Suite.model_validate({**values, **changes})


def plant_night(
    settings: Settings,
    night: int,
    overhead_s: float | None,
    *,
    arm: str = "single_pass",
    engine_prompt_tokens: int = 10,
    status: str = "finished",
) -> str:
    """Write one benchmark run of `QUERIES` queries; return its key."""
    return plant_night_of(
        settings, key_of(night), overhead_s, arm=arm, engine_prompt_tokens=engine_prompt_tokens, status=status
    )


def plant_night_of(
    settings: Settings,
    key: str,
    overhead_s: float | None = 0.1,
    *,
    arm: str = "single_pass",
    engine_prompt_tokens: int = 10,
    status: str = "finished",
) -> str:
    """Write the benchmark run `key` of `QUERIES` queries; return the key."""
    run_id = f"{key}.{arm}"
    missing = "resumed" if overhead_s is None else None
    queries = [
        make_query_run_row(f"q{number}", run_id, coordination_overhead_s=overhead_s, times_missing_because=missing)
        for number in range(1, QUERIES + 1)
    ]
    growth = {"prompt_tokens": engine_prompt_tokens, "generation_tokens": 3, "request_success": 1}
    rows = {
        "runs": [make_run_row(run_id, status=status, suite="toy", expected_queries=QUERIES)],
        "query_runs": queries,
        "llm_calls": [make_call_row("c1", run_id, tokens=(10, 3))],
        "engine_counters": make_counter_rows(growth, run_id),
    }
    write_rows(settings, rows, run_id)
    return key


def evaluate_night(
    settings: Settings, night: int, overhead_s: float | None, suite: Suite | None = None
) -> AlertOutcome:
    key = plant_night(settings, night, overhead_s)
    return judge_and_evaluate(settings, key, suite or make_suite(), now=START + timedelta(hours=night))


def judge_and_evaluate(settings: Settings, key: str, suite: Suite, *, now: datetime | None = None) -> AlertOutcome:
    """Do what the assets `limits` and `alert_states` do."""
    write_limits(settings.tables, key, suite)
    return evaluate_alerts(settings, key, suite, now=now)


def waiting_messages(settings: Settings, benchmark_run: str, seq: int) -> tuple[notices.WaitingMessage, ...]:
    """What `claim_messages` would take, left for others."""
    with open_alerts_database(settings) as connection:
        return notices._waiting(connection, benchmark_run, seq, datetime.now(UTC))
