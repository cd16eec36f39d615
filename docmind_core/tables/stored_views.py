"""The views whose rows are stored, and what is stored for others to select from."""

from docmind_core.tables.cache_views import CACHE_SUMMARY
from docmind_core.tables.definitions import RUN_COLUMN, View
from docmind_core.tables.guide_views import AGENT_EXECUTIONS, AGENT_PERFORMANCE, SYSTEM_PERFORMANCE
from docmind_core.tables.routing_views import ROUTER_SUMMARY
from docmind_core.tables.views import (
    LATENCY_SUMMARY,
    LEDGER_BALANCE,
    QUALITY_SUMMARY,
    REPLICATE_FLIPS,
    REPLICATE_SUMMARY,
    TOKEN_EFFICIENCY,
)

_RUN_ID = {"run_id": RUN_COLUMN["run_id"][1]}
_SUMS = (
    *("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "billed_tokens", "prefill_computed_tokens"),
    *("computed_tokens", "missing_because", "cached_missing_because", "est_error_n", "est_error_p95_ratio"),
    *("n_queries", "n_query_runs"),
)

TOKEN_SUMS = View(
    name="token_sums",
    comment="One row is an agent of a run, 'all' their sum: what token_efficiency says of it without a comparison",
    columns={
        **_RUN_ID,
        "agent": "Agent; all for the sum",
        **{name: TOKEN_EFFICIENCY.columns[name] for name in _SUMS},
    },
)

EXECUTION_HOURS = View(
    name="execution_hours",
    comment="One row is a run and an hour of a date in UTC: what hourly_trends adds up over the runs",
    columns={
        **_RUN_ID,
        "hour": "Beginning of the hour, UTC",
        "executions": "Agent executions that ended in it",
        "timed": "Of them, those with a time",
        "execution_time_sum": "Seconds",
        "execution_time_max": "Seconds",
        "total_tokens_sum": "Prompt and completion tokens of the executions that have them; NULL when none has",
        "tokens_n": "Executions whose tokens are known",
        "vram_usage_gb_sum": "Sum of agent_executions.vram_usage_gb, decimal GB",
        "vram_usage_gb_max": "Largest of the same, decimal GB",
        "vram_n": "Executions whose VRAM is known",
        "vram_missing_because": "Why there is no VRAM: no_gpu, not_supported or not_sampled",
    },
)

TIME_REASONS = View(
    name="time_reasons",
    comment="One row is a run: why its queries and calls have no times",
    columns={
        **_RUN_ID,
        "no_query_time_because": "Most frequent reason of its query runs without a time; NULL when each has one",
        "warmup_only": "True when all its query runs were warm-up",
        "no_call_time_because": "Most frequent reason of its calls without a TTFT; NULL when each has one",
    },
)

RUN_ORIGINS = View(
    name="run_origins",
    comment="One row is a run and a thing that a regression may come from, though it is not a condition of a series",
    columns={
        **_RUN_ID,
        "field": "git_sha, git_dirty, prompt_hash, engine_version, or package, plugin or system and its name",
        "value": "Its value in the run; hashes are cut to 12 characters",
    },
)

SCORER_VERSIONS = View(
    name="scorer_versions",
    comment="One row is a run and a metric: the version of what scored it",
    columns={**_RUN_ID, "metric": "Name from the catalogue", "version": "Version, or several with commas"},
)

STORED = (
    QUALITY_SUMMARY,
    REPLICATE_FLIPS,
    REPLICATE_SUMMARY,
    TOKEN_SUMS,
    LEDGER_BALANCE,
    LATENCY_SUMMARY,
    ROUTER_SUMMARY,
    CACHE_SUMMARY,
    AGENT_EXECUTIONS,
    AGENT_PERFORMANCE,
    SYSTEM_PERFORMANCE,
    EXECUTION_HOURS,
    TIME_REASONS,
    RUN_ORIGINS,
    SCORER_VERSIONS,
)
"""In an order in which each can ask those before it. A row depends on its run alone."""
