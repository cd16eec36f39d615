"""The views of the published database: their columns and comments; their queries stand in `sql/`."""

from docmind_core.tables.ablation_tables import ABLATION
from docmind_core.tables.alert_tables import ALERTING_HEALTH, OPEN_ALERTS
from docmind_core.tables.cache_views import CACHE_SUMMARY
from docmind_core.tables.definitions import ARM_COLUMNS, View
from docmind_core.tables.guide_views import GUIDE_VIEWS
from docmind_core.tables.routing_views import ROUTER_SUMMARY

TOKEN_EFFICIENCY = View(
    name="token_efficiency",
    comment="One row is an agent of a run, 'all' their sum: its tokens, and its reduction against naive_supervisor",
    columns={
        **ARM_COLUMNS,
        "agent": "Agent; all for the sum, which alone carries comparisons",
        "routing": "Rule of naive_supervisor in this benchmark run: fixed, dependencies or free",
        "n_queries": "Queries of the run, warm-up left out",
        "n_query_runs": "Queries times replicates",
        "calls": "Attempts of model calls, warm-up and judge left out",
        "prompt_tokens": "Sum over all attempts; NULL when one of them lacks its usage",
        "completion_tokens": "Sum over all attempts; NULL when one of them lacks its usage",
        "cached_tokens": "Prompt tokens served from the prefix cache; NULL when one attempt does not say",
        "billed_tokens": "prompt_tokens + completion_tokens; cached tokens are not subtracted",
        "prefill_computed_tokens": "prompt_tokens - cached_tokens",
        "computed_tokens": "prompt_tokens - cached_tokens + completion_tokens: what the engine had to compute",
        "missing_because": "Why a sum over usage is NULL",
        "cached_missing_because": "Why cached and computed tokens are NULL: as in llm_calls",
        "est_error_n": "Attempts whose prompt was counted before it was sent, and by the engine",
        "est_error_p95_ratio": "95th percentile of llm_calls.est_error_ratio; NULL below 130 of them",
        "est_error_missing_because": "not_supported: none was counted; n_too_small",
        "tokens_per_correct": "Billed tokens / passed query runs, where passing is known; on the row all only",
        "tokens_per_correct_low": "Lower end of its 95 % interval: delta method on the log, clustered",
        "tokens_per_correct_high": "Upper end of the same interval",
        "tokens_per_correct_missing_because": "Why tokens_per_correct is NULL, such as no_correct",
        "tokens_per_correct_interval_missing_because": "Why an end is NULL, such as n_too_small",
        "reduction_pct": "What the typical query saves: 100 * (1 - geometric mean of billed / baseline's), percent",
        "reduction_low": "Lower end of its 95 % interval, clustered, percent",
        "reduction_high": "Upper end of its 95 % interval, clustered, percent",
        "reduction_mde_pct": "Smallest difference of tokens that the pairs show with 80 % power, percent (MDE)",
        "n_compared": "Queries with tokens in both arms: those that reduction_pct is over",
        "n_left_out": "Queries without tokens in one of the two arms, or with none to take a ratio of",
        "reduction_of_totals_pct": "100 * (1 - billed tokens / baseline's), of the sums: what the bill saves, percent",
        "reduction_of_totals_low": "Lower end of its 95 % interval, delta method on the log, percent",
        "reduction_of_totals_high": "Upper end of its 95 % interval, delta method on the log, percent",
        "computed_reduction_pct": "reduction_pct of computed_tokens, percent",
        "computed_reduction_low": "Lower end of its 95 % interval, percent",
        "computed_reduction_high": "Upper end of its 95 % interval, percent",
        "baseline_run_id": "The naive_supervisor run compared against",
        "claimable": "True when fewer tokens at quality that is not worse may be claimed",
        "claimable_because": "Why, or why not, in one sentence",
        "single_pass_ratio": "Geometric mean of billed tokens / single_pass's; above 1 it costs more than one call",
        "single_pass_ratio_low": "Lower end of its 95 % interval",
        "single_pass_ratio_high": "Upper end of its 95 % interval",
    },
)

LEDGER_BALANCE = View(
    name="ledger_balance",
    comment="One row is an engine session of a run: tokens we booked against tokens the engine counted",
    columns={
        "run_id": ARM_COLUMNS["run_id"],
        "engine_session": "Engine process: its counters restart with it",
        "ledger_prompt_tokens": "Sum over our calls, warm-up included; unknown usage counts as 0 here",
        "engine_prompt_tokens": "Growth of the engine's counter prompt_tokens; NULL when it was not read",
        "prompt_difference": "Engine minus ledger",
        "ledger_completion_tokens": "Sum over our calls, warm-up included; unknown usage counts as 0 here",
        "engine_completion_tokens": "Growth of the engine's counter generation_tokens; NULL when it was not read",
        "completion_difference": "Engine minus ledger",
        "unreconciled_calls": "Attempts that were cut off or lack their usage",
        "state": "balanced, unbalanced (the only one that blocks), unreconciled, not_exclusive or no_metrics",
        "because": "What explains the state, with call ids; NULL when balanced, cached tokens too",
        "requests_sent": "Requests that our connection pool sent; NULL where an interrupted process counted some",
        "attempts_booked": "Rows of llm_calls; a finished run has one for each request sent, else it is unbalanced",
        "requests_difference": "Sent minus booked",
        "ledger_cached_tokens": "Cached prompt tokens, sum over our calls; NULL when one lacks them",
        "engine_cached_tokens": "Growth of prompt_tokens_by_source but local_compute, else of prompt_tokens_cached",
        "cached_difference": "Cross-check, a warning only: cached prompt tokens, engine minus ledger",
        "prefill_computed_difference": "Cross-check, a warning only: computed prompt tokens, engine minus ledger",
    },
)

LATENCY_SUMMARY = View(
    name="latency_summary",
    comment="One row is an agent of a run, agent = 'all' every call: times of a closed loop, not latency under load",
    columns={
        **ARM_COLUMNS,
        "agent": "Agent, or all",
        "concurrency": "Queries in flight at once (closed loop)",
        "calls": "Attempts of model calls, warm-up and judge left out",
        "ttft_n": "Attempts with a time to first token",
        "ttft_p50_s": "Median seconds from sending to the first token of any kind, thinking among them",
        "ttft_p95_s": "Its 95th percentile, seconds; NULL below 130 values",
        "ttft_answer_p50_s": "Median seconds from sending to the first token of the answer",
        "tpot_p50_s": "Median seconds per output token after the first",
        "decode_tps_p50": "Median tokens per second after the first token",
        "prefill_tps": "Prompt tokens computed / the engine's prefill time, tokens/s; for agent all only",
        "prefill_missing_because": "Why NULL: not_supported; unreconciled (a reading is missing) or not_exclusive",
        "e2e_n": "Attempts with an end-to-end time",
        "e2e_latency_p50_s": "Median seconds from sending to the last token",
        "e2e_latency_p95_s": "Its 95th percentile, seconds; NULL below 130 values",
        "agent_executions": "Times the agent ran (spans invoke_agent)",
        "agent_latency_p50_s": "Median seconds of one execution of the agent",
        "agent_latency_p95_s": "Its 95th percentile, seconds; NULL below 130 executions",
        "agent_latency_p99_s": "Its 99th percentile, seconds; NULL below 662 executions",
        "query_runs": "Query runs, warm-up left out; on the row all only",
        "wall_n": "Query runs with a wall time (a resumed one has none); on the row all only",
        "wall_p50_s": "Median seconds of a query; on the row all only",
        "wall_p95_s": "Its 95th percentile, seconds; NULL below 130 query runs",
        "coordination_overhead_p50_s": "Median seconds of a query in which nothing worked for it; on the row all only",
        "coordination_overhead_p95_s": "Its 95th percentile, seconds; NULL below 130 query runs",
        "coordination_incl_supervisor_p50_s": "The same with supervisor calls as coordination; on the row all only",
        "because": "Why a percentile or a median is NULL: too few values, or the most frequent reason of its rows",
    },
)

QUALITY_SUMMARY = View(
    name="quality_summary",
    comment="One row is a metric of a run for a query type, a tag, or all: its mean over the query runs that have it",
    columns={
        **ARM_COLUMNS,
        "metric": "Name from the catalogue, docs/metrics.md",
        "query_type": "Type of the query, tag:<tag> for the queries with a tag, or all",
        "value": "Mean over the query runs that have a value, in the metric's unit; NULL with missing_because",
        "standard_error": "Of the mean, clustered by cluster_id, for t with clusters - 1 df; NULL below 2 clusters",
        "n_defined": "Query runs with a value",
        "n_total": "Query runs scored; the rest lack a value and are not in the mean",
        "clusters": "Clusters among the query runs with a value",
        "missing_because": "Why there is no value at all; the most frequent reason",
    },
)

VIEWS = (
    QUALITY_SUMMARY,
    TOKEN_EFFICIENCY,
    LEDGER_BALANCE,
    LATENCY_SUMMARY,
    ROUTER_SUMMARY,
    CACHE_SUMMARY,
    ABLATION,
    *GUIDE_VIEWS,
    OPEN_ALERTS,
    ALERTING_HEALTH,
)
"""In an order in which each can ask those before it."""
