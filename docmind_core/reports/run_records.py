"""What a benchmark report shows: records of the published database, one class per table or view."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, overload

from docmind_core.tables.columns import Columns

TOKENS_PER_CORRECT = "tokens_per_correct"
"""The one metric of `quality_summary` that is a cost: it is listed with the tokens."""
ALL = "all"


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
    stopped_because: str | None = None
    achieved_concurrency: float | None = None
    concurrency_missing_because: str | None = None
    in_flight_min: int | None = None
    in_flight_max: int | None = None
    loop_lag_max_s: float | None = None
    redone_queries: int | None = None


class QueryRun(NamedTuple):
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
    ended_because: str | None
    calls: int | None
    failures: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    billed_tokens: int | None
    cached_tokens: int | None
    prefill_computed_tokens: int | None
    tokens_missing_because: str | None
    cached_missing_because: str | None
    supervisor_tokens: int | None
    wall_s: float | None
    times_missing_because: str | None
    cluster_id: str | None = None
    """What the query is not independent of."""

    @property
    def answered(self) -> bool:
        """Whether the query has an answer, its own or that of the fallback."""
        return self.status == "answered"


@dataclass(frozen=True, slots=True, eq=False)
class QueryRuns(Sequence[QueryRun]):
    """Query runs in little memory: each is made when it is looked at."""

    columns: Columns
    """By the names of `QueryRun`."""

    def __len__(self) -> int:
        """Count them."""
        return len(self.columns["run_id"])

    @overload
    def __getitem__(self, at: int) -> QueryRun: ...
    @overload
    def __getitem__(self, at: slice) -> "QueryRuns": ...
    def __getitem__(self, at: int | slice) -> "QueryRun | QueryRuns":
        """Return one of them, or some."""
        if isinstance(at, slice):
            return QueryRuns({name: column[at] for name, column in self.columns.items()})
        return QueryRun(**{name: column[at] for name, column in self.columns.items()})  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[QueryRun]:
        """Yield each."""
        for values in zip(*(self.columns[name] for name in QueryRun._fields), strict=True):
            yield QueryRun._make(values)

    def by_run(self) -> dict[str, "QueryRuns"]:
        """Return those of each run, by its id."""
        return {
            str(run_id): QueryRuns({name: column.take(at) for name, column in self.columns.items()})
            for run_id, at in self.columns["run_id"].by_value().items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPassages:
    """How many query runs of one arm found no passage, and what became of them."""

    run_id: str
    query_runs: int
    found_none: int
    abstained: int
    """Of those that found none."""
    passed: int
    """Of these: the documents don't answer the query, so saying so counts as right."""


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
    cached_missing_because: str | None
    tokens_per_correct_low: float | None
    tokens_per_correct_high: float | None
    tokens_per_correct_interval_missing_because: str | None
    reduction_pct: float | None
    reduction_low: float | None
    reduction_high: float | None
    reduction_all_pct: float | None
    reduction_all_low: float | None
    reduction_all_high: float | None
    reduction_worst_pct: float | None
    reduction_worst_low: float | None
    reduction_worst_high: float | None
    reduction_of_totals_pct: float | None
    reduction_of_totals_low: float | None
    reduction_of_totals_high: float | None
    computed_reduction_pct: float | None
    computed_reduction_low: float | None
    computed_reduction_high: float | None
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
    ttft_p50_s: float | None
    e2e_latency_p50_s: float | None
    wall_n: int | None
    wall_p50_s: float | None
    wall_p95_s: float | None
    coordination_overhead_p50_s: float | None
    coordination_overhead_p95_s: float | None
    coordination_incl_supervisor_p50_s: float | None


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
    freedom: float | None
    clusters: int | None
    effective_clusters: float | None
    n_queries: int | None
    is_yes_no: bool | None
    missing_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row of `comparisons` over all agents and all queries."""

    baseline_run_id: str
    candidate_run_id: str
    metric: str
    n: int | None
    n_left_out: int | None
    n_failed: int | None
    baseline_value: float | None
    candidate_value: float | None
    delta: float | None
    delta_low: float | None
    delta_high: float | None
    mde: float | None
    verdict: str | None
    because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteSummary:
    """A row of the view `vote_summary`."""

    run_id: str
    query_runs: int
    second_pass_runs: int
    over_budget_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """Query runs that a user's scorer gave no value for the same reason."""

    metric: str
    because: str | None
    detail: str | None
    query_runs: int


def parse_object(text: str | None) -> Mapping[str, object]:
    """Return the JSON object in `text`; an empty one when there is none."""
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
