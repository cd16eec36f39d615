"""What a benchmark report is made of, read from the published database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from docmind_core.errors import UsageError
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows

NEWEST_KEYS_NAMED = 5
TOKENS_PER_CORRECT = "tokens_per_correct"
"""The one metric of `quality_summary` that is a cost: it stands with the tokens."""
ALL = "all"

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRun:
    """A row of `runs`."""

    run_id: str
    benchmark_run: str
    suite: str | None
    arm: str
    level: str | None
    routing: str | None
    strategy: str | None
    replicates: int | None
    concurrency: int | None
    seeds: str | None
    dagster_run_id: str | None
    engine_managed: bool | None
    engine_version: str | None
    engine_args_hash: str | None
    batch_invariant: bool | None
    prefix_cache_state: str | None
    max_model_len: int | None
    model: str | None
    model_revision: str | None
    plumbing: bool | None
    weights_hash: str | None
    query_set: str | None
    query_set_hash: str | None
    corpus_hash: str | None
    index_hash: str | None
    prompt_hash: str | None
    judge_hash: str | None
    hardware_fingerprint: str | None
    series_key: str | None
    git_sha: str | None
    git_dirty: bool | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    status: str | None
    expected_queries: int | None
    comparable: bool | None
    manifest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRun:
    """A row of `query_runs` without its texts."""

    run_id: str
    query_id: str
    replicate: int
    query_type: str | None
    status: str | None
    error_type: str | None
    error_message: str | None
    fallback: bool | None
    fallback_because: str | None
    calls: int | None
    failures: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    billed_tokens: int | None
    cached_tokens: int | None
    prefill_computed_tokens: int | None
    tokens_missing_because: str | None
    supervisor_tokens: int | None
    wall_s: float | None
    supervisor_llm_s: float | None
    coordination_overhead_s: float | None
    coordination_incl_supervisor_s: float | None
    times_missing_because: str | None

    @property
    def answered(self) -> bool:
        """Whether the query has an answer, its own or that of the fallback."""
        return self.status == "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEfficiency:
    """A row of the view `token_efficiency`; `agent` is `all` for the arm as a whole."""

    run_id: str
    agent: str
    calls: int | None
    n_queries: int | None
    n_query_runs: int | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cached_tokens: float | None
    billed_tokens: float | None
    missing_because: str | None
    tokens_per_correct: float | None
    reduction_pct: float | None
    reduction_low: float | None
    reduction_high: float | None
    reduction_of_totals_pct: float | None
    baseline_run_id: str | None
    claimable: bool | None
    claimable_because: str | None
    single_pass_ratio: float | None
    single_pass_ratio_low: float | None
    single_pass_ratio_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A row of the view `latency_summary`; `agent` is `all` for every call, and for whole queries."""

    run_id: str
    agent: str
    ttft_n: int
    ttft_p50_s: float | None
    tpot_p50_s: float | None
    e2e_n: int
    e2e_latency_p50_s: float | None
    e2e_latency_p95_s: float | None
    wall_n: int | None
    wall_p50_s: float | None
    wall_p95_s: float | None
    coordination_overhead_p50_s: float | None
    coordination_overhead_p95_s: float | None
    coordination_incl_supervisor_p50_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBalance:
    """A row of the view `ledger_balance`."""

    run_id: str
    engine_session: str | None
    ledger_prompt_tokens: float | None
    engine_prompt_tokens: float | None
    prompt_difference: float | None
    ledger_completion_tokens: float | None
    engine_completion_tokens: float | None
    completion_difference: float | None
    unreconciled_calls: int | None
    state: str | None
    because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """A row of the view `quality_summary`; `query_type` is `all` for the arm as a whole."""

    run_id: str
    metric: str
    query_type: str
    value: float | None
    n_defined: int | None
    n_total: int | None
    standard_error: float | None
    clusters: int | None
    missing_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row of `comparisons` over all agents and all queries."""

    baseline_run_id: str
    candidate_run_id: str
    metric: str
    n: int | None
    baseline_value: float | None
    candidate_value: float | None
    delta: float | None
    delta_low: float | None
    delta_high: float | None
    mde: float | None
    verdict: str | None
    because: str | None


@dataclass(frozen=True, kw_only=True)
class BenchmarkRecords:
    """All rows of one benchmark run that its report shows."""

    arms: tuple[ArmRun, ...]
    """In the order of the suite."""
    query_runs: tuple[QueryRun, ...]
    tokens: tuple[TokenEfficiency, ...]
    latencies: tuple[Latency, ...]
    ledger: tuple[LedgerBalance, ...]
    quality: tuple[QualitySummary, ...]
    comparisons: tuple[Comparison, ...]

    @cached_property
    def arm_names(self) -> dict[str, str]:
        """Arm by run_id."""
        return {arm.run_id: arm.arm for arm in self.arms}

    @cached_property
    def tokens_of_arms(self) -> dict[str, TokenEfficiency]:
        """The row over all agents by run_id."""
        return {row.run_id: row for row in self.tokens if row.agent == ALL}

    @cached_property
    def latencies_of_arms(self) -> dict[str, Latency]:
        """The row over all calls and queries by run_id."""
        return {row.run_id: row for row in self.latencies if row.agent == ALL}

    @cached_property
    def quality_of_arms(self) -> dict[tuple[str, str], QualitySummary]:
        """The row over all queries by run_id and metric."""
        return {(row.run_id, row.metric): row for row in self.quality if row.query_type == ALL}

    @cached_property
    def quality_metrics(self) -> tuple[str, ...]:
        """Names of the quality metrics that some arm was scored by."""
        return tuple(dict.fromkeys(row.metric for row in self.quality if row.metric != TOKENS_PER_CORRECT))

    @cached_property
    def queries_of_arms(self) -> dict[str, tuple[QueryRun, ...]]:
        """Query runs by run_id; every arm has an entry."""
        return {arm.run_id: tuple(q for q in self.query_runs if q.run_id == arm.run_id) for arm in self.arms}


def read_benchmark(settings: Settings, benchmark_run: str) -> BenchmarkRecords:
    """Read everything the report of a benchmark run shows, except its example queries.

    Raises:
        UsageError: If the database has no such benchmark run; the newest ones are named.
        StoreError: If there is no database yet.
    """
    arms = _read(settings, ArmRun, "runs where benchmark_run = $benchmark_run order by started_at, arm", benchmark_run)
    if not arms:
        raise UsageError(_unknown_benchmark_run(settings, benchmark_run))
    of_run = "where run_id in (select run_id from runs where benchmark_run = $benchmark_run)"
    return BenchmarkRecords(
        arms=_in_suite_order(arms),
        query_runs=_read(
            settings,
            QueryRun,
            f"query_runs {of_run} and phase is distinct from 'warmup' order by query_id, replicate",
            benchmark_run,
        ),
        tokens=_read(settings, TokenEfficiency, f"token_efficiency {of_run} order by run_id, agent", benchmark_run),
        latencies=_read(settings, Latency, f"latency_summary {of_run} order by run_id, agent", benchmark_run),
        ledger=_read(settings, LedgerBalance, f"ledger_balance {of_run} order by run_id, engine_session", benchmark_run),
        quality=_read(settings, QualitySummary, f"quality_summary {of_run} order by metric, query_type", benchmark_run),
        comparisons=_read(
            settings,
            Comparison,
            f"comparisons {of_run} and agent = 'all' and slice = 'all' order by metric",
            benchmark_run,
        ),
    )


def parse_object(text: str | None) -> Mapping[str, object]:
    """Return the JSON object in `text`; an empty one when there is none."""
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _read(settings: Settings, record: type[Record], source: str, benchmark_run: str) -> tuple[Record, ...]:
    names = [field.name for field in fields(record)]  # type: ignore[arg-type]
    _, rows = query_rows(settings, f"select {', '.join(names)} from {source}", {"benchmark_run": benchmark_run})
    return tuple(record(**dict(zip(names, row, strict=True))) for row in rows)


def _in_suite_order(arms: tuple[ArmRun, ...]) -> tuple[ArmRun, ...]:
    # A resumed benchmark can start its arms in another order than the suite names them.
    suite = parse_object(arms[0].manifest).get("suite")
    named = suite.get("arms") if isinstance(suite, dict) else None
    order = {name: place for place, name in enumerate(named)} if isinstance(named, list) else {}
    return tuple(sorted(arms, key=lambda arm: order.get(arm.arm, len(order))))


def _unknown_benchmark_run(settings: Settings, benchmark_run: str) -> str:
    _, rows = query_rows(
        settings,
        "select benchmark_run from runs group by benchmark_run order by max(started_at) desc nulls last limit $newest",
        {"newest": NEWEST_KEYS_NAMED},
    )
    newest = ", ".join(str(row[0]) for row in rows)
    known = f"The newest: {newest}" if newest else "There is none yet; make one: docmind bench smoke"
    return f"there is no benchmark run {benchmark_run!r} in the database. {known}"
