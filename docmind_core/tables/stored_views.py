"""The views whose rows are stored, and what is stored for others to select from."""

from docmind_core.tables.definitions import RUN_COLUMN, View
from docmind_core.tables.guide_views import AGENT_EXECUTIONS, AGENT_PERFORMANCE, SYSTEM_PERFORMANCE
from docmind_core.tables.mechanism_tables import CACHE_SUMMARY, ROUTER_SUMMARY
from docmind_core.tables.views import (
    LATENCY_SUMMARY,
    LEDGER_BALANCE,
    QUALITY_SUMMARY,
    REPLICATE_FLIPS,
    REPLICATE_SUMMARY,
    TOKEN_EFFICIENCY,
    VOTE_SUMMARY,
    WHERE_TIME_GOES,
)

_RUN_ID = {"run_id": RUN_COLUMN["run_id"][1]}
_SUMS = (
    *("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "billed_tokens", "prefill_computed_tokens"),
    *("computed_tokens", "missing_because", "cached_missing_because", "est_error_n", "est_error_p95_ratio"),
    *("n_queries", "n_query_runs"),
)

TOKEN_SUMS = View(
    name="token_sums",
    comment="One row per agent of a run, and all for their sum: what token_efficiency shows without a comparison",
    columns={
        **_RUN_ID,
        "agent": "Agent; all for the sum",
        **{name: TOKEN_EFFICIENCY.columns[name] for name in _SUMS},
    },
)

EXECUTION_HOURS = View(
    name="execution_hours",
    comment="One row per run and UTC hour of a date: what hourly_trends adds up over the runs",
    columns={
        **_RUN_ID,
        "hour": "Start of the hour, UTC",
        "executions": "Agent executions that ended in it",
        "timed": "Of them, those with a time",
        "execution_time_sum": "Seconds",
        "execution_time_max": "Seconds",
        "total_tokens_sum": "Prompt and completion tokens of the executions that have them; NULL if none has",
        "tokens_n": "Executions whose tokens are known",
        "vram_usage_gb_sum": "Sum of agent_executions.vram_usage_gb, decimal GB",
        "vram_usage_gb_max": "Largest of the same, decimal GB",
        "vram_n": "Executions whose VRAM is known",
        "vram_missing_because": "Why there is no VRAM: no_gpu, not_supported or not_sampled",
    },
)

TIME_REASONS = View(
    name="time_reasons",
    comment="One row per run: why its queries and calls have no times",
    columns={
        **_RUN_ID,
        "no_query_time_because": "Most frequent reason of its query runs without a time; NULL when each has one",
        "warmup_only": "True when all its query runs were warm-up",
        "no_call_time_because": "Most frequent reason of its calls without a TTFT; NULL when each has one",
    },
)

RUN_ORIGINS = View(
    name="run_origins",
    comment="One row per run and possible cause of a regression that is not a condition of a series",
    columns={
        **_RUN_ID,
        "field": "git_sha, git_dirty, prompt_hash, engine_version, price, or package, plugin or system and its name",
        "value": "Its value in the run; hashes are cut to 12 characters",
    },
)

SCORER_VERSIONS = View(
    name="scorer_versions",
    comment="One row per run and metric: the version of its scorer",
    columns={**_RUN_ID, "metric": "Name from the catalogue", "version": "Version, or several with commas"},
)

TOKEN_DAYS = View(
    name="token_days",
    comment="One row per run and UTC day: what tokens_by_day adds up over the runs",
    columns={
        **_RUN_ID,
        "day": "UTC day on which the calls were sent",
        "calls": "Attempts of model calls, of every phase",
        "calls_without_tokens": "Attempts whose usage is unknown",
        "calls_without_cached": "Of them, those that do not say how many tokens were cached",
        "prompt_tokens": "Sum over the calls that have it",
        "completion_tokens": "Sum over the calls that have it",
        "cached_tokens": "Sum over the calls that have it",
        "billed_tokens": "Sum over the calls that have it",
        "unmeasured_tokens": "Of billed_tokens, those of warm-up and of queries that were asked again",
        "missing_because": "Why the usage of a call is unknown",
        "cached_missing_because": "Why the cached tokens of a call are unknown",
    },
)

GPU_ENERGY = View(
    name="gpu_energy",
    comment="One row per run: the energy of its GPUs while it was working",
    columns={
        **_RUN_ID,
        "gpus": "GPUs that were sampled",
        "sampled_s": "Seconds between the samples that count, of the GPU with the fewest",
        "missing_because": "no_gpu, not_supported, not_sampled, implausible, or n_too_small (less than 10 s)",
        "gpu_energy_j": "Joules of all GPUs, idle power included",
    },
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
    VOTE_SUMMARY,
    AGENT_EXECUTIONS,
    AGENT_PERFORMANCE,
    SYSTEM_PERFORMANCE,
    EXECUTION_HOURS,
    TIME_REASONS,
    RUN_ORIGINS,
    SCORER_VERSIONS,
    WHERE_TIME_GOES,
    TOKEN_DAYS,
    GPU_ENERGY,
)
"""In an order in which each can ask those before it. A row depends on its run alone."""
