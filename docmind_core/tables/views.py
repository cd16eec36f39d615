"""The views of the published database: their columns and comments; their queries are in `sql/`."""

from docmind_core.tables.alert_tables import ALERTING_HEALTH, OPEN_ALERTS
from docmind_core.tables.definitions import ARM_COLUMNS, View
from docmind_core.tables.guide_views import GUIDE_VIEWS
from docmind_core.tables.mechanism_tables import CACHE_SUMMARY, ROUTER_SUMMARY
from docmind_core.tables.result_tables import ABLATION

TOKEN_EFFICIENCY = View(
    name="token_efficiency",
    comment="One row per agent of a run, and all for their sum: tokens, and reduction against naive_supervisor",
    columns={
        **ARM_COLUMNS,
        "agent": "Agent; all for the sum, the only row with comparisons",
        "routing": "Rule of naive_supervisor in this benchmark run: fixed, dependencies or free",
        "n_queries": "Queries of the run, excluding warm-up",
        "n_query_runs": "Queries times replicates",
        "calls": "Attempts of model calls, excluding warm-up and judge",
        "prompt_tokens": "Sum over all attempts; NULL if one of them has no usage",
        "completion_tokens": "Sum over all attempts; NULL if one of them has no usage",
        "cached_tokens": "Prompt tokens served from the prefix cache; NULL if one attempt doesn't report them",
        "billed_tokens": "prompt_tokens + completion_tokens; cached tokens are not subtracted",
        "prefill_computed_tokens": "prompt_tokens - cached_tokens",
        "computed_tokens": "prompt_tokens - cached_tokens + completion_tokens: tokens that the engine computed",
        "missing_because": "Why a sum over usage is NULL",
        "cached_missing_because": "Why cached and computed tokens are NULL, as in llm_calls",
        "est_error_n": "Attempts whose prompt was counted both before sending and by the engine",
        "est_error_p95_ratio": "95th percentile of llm_calls.est_error_ratio; NULL for fewer than 130 values",
        "est_error_missing_because": "not_supported (none was counted) or n_too_small",
        "tokens_per_correct": "Billed tokens / passed query runs, over those for which passed is known; only in the "
        "row all",
        "tokens_per_correct_low": "Lower end of its 95 % interval: delta method on the log, clustered",
        "tokens_per_correct_high": "Upper end of the same interval",
        "tokens_per_correct_missing_because": "Why tokens_per_correct is NULL, such as no_correct",
        "tokens_per_correct_interval_missing_because": "Why an end is NULL, such as n_too_small",
        "reduction_pct": "Saving of a typical query: 100 * (1 - geometric mean of billed tokens / the baseline's), "
        "percent",
        "reduction_low": "Lower end of its 95 % interval, clustered, percent",
        "reduction_high": "Upper end of its 95 % interval, clustered, percent",
        "reduction_mde_pct": "Smallest difference in tokens that the pairs detect with 80 % power, percent (MDE)",
        "n_compared": "Queries that reduction_pct covers: both arms answered them themselves and have tokens for them",
        "n_left_out": "Queries without known tokens in one of the two arms, or with 0 tokens, which have no ratio",
        "n_failed": "Queries that one of the two arms did not answer itself (failure or fallback)",
        "left_out_because": "Number of queries in n_left_out by reason",
        "reduction_all_pct": "reduction_pct over all queries whose tokens are known, including failed ones, percent",
        "reduction_all_low": "Lower end of its 95 % interval, percent",
        "reduction_all_high": "Upper end of its 95 % interval, percent",
        "reduction_worst_pct": "The same with unknown tokens at their worst case, which a claim is judged by, percent",
        "reduction_worst_low": "Lower end of its 95 % interval, percent",
        "reduction_worst_high": "Upper end of its 95 % interval, percent",
        "reduction_of_totals_pct": "100 * (1 - sum of billed tokens / the baseline's sum): the saving on the bill, "
        "percent",
        "reduction_of_totals_low": "Lower end of its 95 % interval, delta method on the log, percent",
        "reduction_of_totals_high": "Upper end of its 95 % interval, delta method on the log, percent",
        "computed_reduction_pct": "reduction_pct for computed_tokens, percent",
        "computed_reduction_low": "Lower end of its 95 % interval, percent",
        "computed_reduction_high": "Upper end of its 95 % interval, percent",
        "baseline_run_id": "The naive_supervisor run that this run is compared with",
        "claimable": "True if fewer tokens at no worse quality may be claimed",
        "claimable_because": "Why, or why not, in one sentence",
        "single_pass_ratio": "Geometric mean of billed tokens / single_pass's; above 1, the arm costs more than one "
        "call",
        "single_pass_ratio_low": "Lower end of its 95 % interval",
        "single_pass_ratio_high": "Upper end of its 95 % interval",
    },
)

LEDGER_BALANCE = View(
    name="ledger_balance",
    order="run_id, engine_session",
    comment="One row per engine session of a run: the tokens that we recorded and those that the engine counted",
    columns={
        **ARM_COLUMNS,
        "engine_session": "Engine process: its counters restart with it; +1, +2: after a worker was lost",
        "ledger_prompt_tokens": "Sum over our calls, including warm-up; unknown usage counts as 0",
        "engine_prompt_tokens": "Increase of the engine's counter prompt_tokens; NULL if it was not read",
        "prompt_difference": "Engine minus ledger",
        "ledger_completion_tokens": "Sum over our calls, including warm-up; unknown usage counts as 0",
        "engine_completion_tokens": "Increase of the engine's counter generation_tokens; NULL if it was not read",
        "completion_difference": "Engine minus ledger",
        "unreconciled_calls": "Attempts that were cut off or have no usage",
        "state": "balanced, unbalanced (the only one that blocks), unreconciled, not_exclusive or no_metrics",
        "because": "What explains the state, with call ids; NULL if everything is balanced, including cached tokens",
        "requests_sent": "Requests that our connection pool sent; NULL if an interrupted process counted some of them",
        "attempts_booked": "Rows in llm_calls; a finished run has one per request sent, otherwise it is unbalanced",
        "requests_difference": "Requests sent minus attempts recorded",
        "ledger_cached_tokens": "Cached prompt tokens, summed over our calls; NULL if one call lacks them",
        "engine_cached_tokens": "Increase of prompt_tokens_by_source without local_compute, else of "
        "prompt_tokens_cached",
        "cached_difference": "Cross-check, only a warning: cached prompt tokens, engine minus ledger",
        "prefill_computed_difference": "Cross-check, only a warning: computed prompt tokens, engine minus ledger",
    },
)

LATENCY_SUMMARY = View(
    name="latency_summary",
    order="benchmark_run, arm, agent = 'all', agent",
    comment="One row per agent of a run, and all for every call: times of a closed loop, not latency under load",
    columns={
        **ARM_COLUMNS,
        "agent": "Agent, or all",
        "concurrency": "Maximum number of calls in flight (closed loop); NULL for auto",
        "achieved_concurrency": "Mean calls in flight while there were queries left to start; if NULL, see runs",
        "calls": "Attempts of model calls, excluding warm-up and judge",
        "ttft_n": "Attempts with a time to first token",
        "ttft_p50_s": "Median seconds from sending to the first token of any kind, including thinking",
        "ttft_p95_s": "Its 95th percentile, seconds; NULL below 130 values",
        "ttft_answer_p50_s": "Median seconds from sending to the first token of the answer",
        "tpot_p50_s": "Median seconds per output token after the first",
        "decode_tps_p50": "Median tokens per second after the first token",
        "prefill_tps": "Computed prompt tokens / the engine's prefill time, tokens/s; only for agent all",
        "prefill_missing_because": "not_supported, unreconciled (a reading is missing) or not_exclusive",
        "e2e_n": "Attempts with an end-to-end time",
        "e2e_latency_p50_s": "Median seconds from sending to the last token",
        "e2e_latency_p95_s": "Its 95th percentile, seconds; NULL below 130 values",
        "agent_executions": "Number of times the agent ran (spans invoke_agent)",
        "agent_latency_p50_s": "Median seconds of one execution of the agent",
        "agent_latency_p95_s": "Its 95th percentile, seconds; NULL below 130 executions",
        "agent_latency_p99_s": "Its 99th percentile, seconds; NULL below 662 executions",
        "query_runs": "Query runs, excluding warm-up; only in the row all",
        "wall_n": "Query runs with a wall time (a resumed one has none); only in the row all",
        "wall_p50_s": "Median seconds of a query; only in the row all",
        "wall_p95_s": "Its 95th percentile, seconds; NULL below 130 query runs",
        "coordination_overhead_p50_s": "Median seconds of a query without any work running; only in the row all",
        "coordination_overhead_p95_s": "Its 95th percentile, seconds; NULL below 130 query runs",
        "coordination_incl_supervisor_p50_s": "The same with supervisor calls as coordination; only in the row all",
        "because": "Why a percentile or median is NULL: too few values, or the most frequent reason among its rows",
    },
)

QUALITY_SUMMARY = View(
    name="quality_summary",
    order="benchmark_run, arm, metric, query_type = 'all' desc, query_type",
    comment="One row per metric of a run and query type, tag, or all: its mean over the query runs with a value",
    columns={
        **ARM_COLUMNS,
        "metric": "Name from the catalogue, docs/metrics.md",
        "query_type": "Type of the query, tag:<tag> for queries with a tag, or all",
        "value": "Mean over the query runs that have a value, in the metric's unit; NULL with missing_because",
        "standard_error": "Standard error of the mean, clustered by cluster_id (CR2); NULL for fewer than 2 clusters",
        "freedom": "Degrees of freedom of its t interval (Bell and McCaffrey); NULL for fewer than 2 clusters",
        "n_defined": "Query runs with a value",
        "n_total": "Query runs scored; those without a value are not in the mean",
        "clusters": "Clusters among the query runs with a value",
        "effective_clusters": "Kish's effective number of clusters, fewer if some are large; NULL below 2 clusters",
        "n_queries": "Queries with a value; replicates count once",
        "is_yes_no": "Whether every query has a single value, 0 or 1, because its replicates agree",
        "missing_because": "Why there is no value at all; the most frequent reason",
    },
)

REPLICATE_FLIPS = View(
    name="replicate_flips",
    comment="One row per query of a run: how often its replicates pass, and how often two of them disagree",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicates": "Query runs of the query, excluding warm-up",
        "n_known": "Query runs for which passed is known",
        "passed": "Query runs that passed; NULL if none is known",
        "answers": "Number of different answers among the replicates; no answer counts as one",
        "pass_flip_ratio": "Share of the pairs of replicates of which one passes and one fails, in [0, 1]; NULL for "
        "fewer than 2 replicates",
        "missing_because": "Why pass_flip_ratio is NULL: n_too_small, or why passed is unknown",
    },
)

REPLICATE_SUMMARY = View(
    name="replicate_summary",
    comment="One row per run and k, from 1 to its number of replicates: do all of k attempts pass (pass^k), or at "
    "least one (pass@k)",
    columns={
        **ARM_COLUMNS,
        "k": "Attempts",
        "pass_hat_k": "Mean probability that all of k attempts pass: C(passed, k) / C(replicates, k)",
        "pass_at_k": "Mean probability that at least one passes: 1 - C(replicates - passed, k) / C(replicates, k)",
        "n_queries": "Queries in the means: those with at least k replicates, for all of which passed is known",
        "n_total": "Queries of the run",
        "pass_flip_ratio": "Mean of replicate_flips.pass_flip_ratio; NULL with one replicate",
        "missing_because": "Why pass_hat_k and pass_at_k are NULL",
    },
)

VOTE_SUMMARY = View(
    name="vote_summary",
    order="benchmark_run, arm",
    comment="One row per run of single_pass@budget: how often its budget was enough for more than one pass",
    columns={
        **ARM_COLUMNS,
        "query_runs": "Query runs with a vote, excluding warm-up",
        "second_pass_runs": "Query runs with enough budget for a second pass; if 0, the arm equals single_pass",
        "over_budget_runs": "Query runs whose first pass alone cost more than the budget",
        "passes_per_query_run": "Mean number of passes, at least 1",
    },
)

TOKENS_BY_DAY = View(
    name="tokens_by_day",
    comment="One row per UTC day, suite, model and price: what all calls used, in tokens and money",
    columns={
        "day": "UTC day on which the calls were sent",
        "suite": "Name of the suite",
        "model": "Model that the engine served",
        "runs": "Runs (arms) with a call on that day",
        "calls": "Attempts of model calls: measured, warm-up, interrupted, judge",
        "calls_without_tokens": "Attempts whose usage is unknown",
        "prompt_tokens": "Sum over the calls; NULL if the usage of one call is unknown",
        "completion_tokens": "Sum over the calls; NULL if the usage of one call is unknown",
        "cached_tokens": "Prompt tokens from the prefix cache; NULL if one call doesn't report them",
        "billed_tokens": "prompt_tokens + completion_tokens; NULL if the usage of one call is unknown",
        "known_billed_tokens": "The same over the calls whose usage is known: a lower bound",
        "unmeasured_tokens": "The part of known_billed_tokens from warm-up and from queries that were asked again",
        "missing_because": "Why a sum of tokens is NULL",
        "cached_missing_because": "Why cached_tokens is NULL",
        "cost": "Cost of all calls at the suite's price; NULL with cost_missing_because",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, per_gpu_hour, or why the tokens are unknown",
    },
)

QUERY_COSTS = View(
    name="query_costs",
    comment="One row per query run, excluding warm-up: its cost at the suite's price",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicate": "Repetition of the query, from 0",
        "billed_tokens": "prompt_tokens + completion_tokens; NULL if the usage of one call is unknown",
        "cost": "Cost at the price per token; cached tokens at their own price if there is one",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, per_gpu_hour (known only for a whole run), or why the tokens are unknown",
    },
)

RUN_COSTS = View(
    name="run_costs",
    comment="One row per run: the cost of its measured queries, and the energy of its GPUs if it was measured",
    columns={
        **ARM_COLUMNS,
        "query_runs": "Query runs, excluding warm-up",
        "passed": "Query runs that passed; NULL if this is unknown for one of them",
        "cost": "Cost at the suite's price: per token, or gpu_hour x gpus x the duration of the run in hours",
        "cost_per_query": "cost / query_runs",
        "cost_per_correct": "cost / passed",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, resumed (hours unknown), or why the tokens are unknown",
        "cost_per_correct_missing_because": "As cost_missing_because, or not_scored or no_correct",
        "gpu_energy_j": "Increase of the GPUs' energy counters while the run was working, joules; includes idle power",
        "gpu_joules_per_query": "gpu_energy_j / query_runs, joules",
        "gpu_joules_per_correct": "gpu_energy_j / passed, joules",
        "energy_missing_because": "no_gpu, not_supported, not_sampled, implausible, or n_too_small (less than 10 s)",
    },
)

WHERE_TIME_GOES = View(
    name="where_time_goes",
    order="benchmark_run, arm, seconds_per_query desc, part",
    comment="Ten rows per run: the parts of the wall time of its queries, which add up to it",
    columns={
        **ARM_COLUMNS,
        "part": "decode, first_token (from sending a call), model_call (without a first token), tool, retrieval, queue "
        "(for a slot among the calls in flight), backoff, or not_attributed (not measured). If several parts overlap, "
        "the first in this order counts. engine_queue and prefill are taken out of first_token, in proportion to the "
        "time that the engine counted for the arm's calls; where they are NULL, first_token includes them",
        "seconds_per_query": "Mean over the query runs, seconds; NULL with missing_because",
        "share_ratio": "Share of their wall time, in [0, 1]",
        "n_queries": "Query runs with times, excluding resumed ones and warm-up",
        "missing_because": "Why there is no time: resumed or failed_run; for engine_queue and prefill also "
        "not_supported (no such counter), not_exclusive, unreconciled (the engine counted other requests than the "
        "arm's finished calls, or a reading is missing), not_streamed, or implausible",
    },
)

VIEWS = (
    QUALITY_SUMMARY,
    REPLICATE_FLIPS,
    REPLICATE_SUMMARY,
    TOKEN_EFFICIENCY,
    LEDGER_BALANCE,
    LATENCY_SUMMARY,
    ROUTER_SUMMARY,
    CACHE_SUMMARY,
    VOTE_SUMMARY,
    ABLATION,
    WHERE_TIME_GOES,
    TOKENS_BY_DAY,
    QUERY_COSTS,
    RUN_COSTS,
    *GUIDE_VIEWS,
    OPEN_ALERTS,
    ALERTING_HEALTH,
)
"""In an order in which each can ask those before it."""
