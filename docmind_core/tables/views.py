"""The views of the published database: their columns and comments; their queries are in `sql/`."""

from docmind_core.tables.alert_tables import ALERTING_HEALTH, OPEN_ALERTS
from docmind_core.tables.definitions import ARM_COLUMNS, View
from docmind_core.tables.guide_views import GUIDE_VIEWS
from docmind_core.tables.mechanism_tables import CACHE_SUMMARY, ROUTER_SUMMARY
from docmind_core.tables.result_tables import ABLATION

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
        "n_compared": "Queries that both arms answered themselves, with tokens: those that reduction_pct is over",
        "n_left_out": "Queries without tokens in one of the two arms, or with none to take a ratio of",
        "n_failed": "Queries that one of the two arms did not answer itself: failure or fallback",
        "left_out_because": "How many of n_left_out for which reason",
        "reduction_all_pct": "reduction_pct over all queries whose tokens are known, failed ones too, percent",
        "reduction_all_low": "Lower end of its 95 % interval, percent",
        "reduction_all_high": "Upper end of its 95 % interval, percent",
        "reduction_worst_pct": "The same with unknown tokens at their worst: a claim is judged at it, percent",
        "reduction_worst_low": "Lower end of its 95 % interval, percent",
        "reduction_worst_high": "Upper end of its 95 % interval, percent",
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
    order="run_id, engine_session",
    comment="One row is an engine session of a run: tokens we booked against tokens the engine counted",
    columns={
        **ARM_COLUMNS,
        "engine_session": "Engine process: its counters restart with it; +1, +2: after a worker was lost",
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
    order="benchmark_run, arm, agent = 'all', agent",
    comment="One row is an agent of a run, agent = 'all' every call: times of a closed loop, not latency under load",
    columns={
        **ARM_COLUMNS,
        "agent": "Agent, or all",
        "concurrency": "Calls in flight at most (closed loop); NULL for auto",
        "achieved_concurrency": "Calls in flight on average while there were queries to begin; NULL: see runs",
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
    order="benchmark_run, arm, metric, query_type = 'all' desc, query_type",
    comment="One row is a metric of a run for a query type, a tag, or all: its mean over the query runs that have it",
    columns={
        **ARM_COLUMNS,
        "metric": "Name from the catalogue, docs/metrics.md",
        "query_type": "Type of the query, tag:<tag> for the queries with a tag, or all",
        "value": "Mean over the query runs that have a value, in the metric's unit; NULL with missing_because",
        "standard_error": "Of the mean, clustered by cluster_id (CR2); NULL below 2 clusters",
        "freedom": "Degrees of freedom of its t interval (Bell and McCaffrey); NULL below 2 clusters",
        "n_defined": "Query runs with a value",
        "n_total": "Query runs scored; the rest lack a value and are not in the mean",
        "clusters": "Clusters among the query runs with a value",
        "effective_clusters": "Kish's effective number of them: fewer where some are large; NULL below 2 clusters",
        "n_queries": "Queries with a value: their replicates count once",
        "is_yes_no": "Whether every query has one value, 0 or 1: its replicates agree",
        "missing_because": "Why there is no value at all; the most frequent reason",
    },
)

REPLICATE_FLIPS = View(
    name="replicate_flips",
    comment="One row is a query of a run: how often its replicates pass, and how often two of them disagree",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicates": "Query runs of it, warm-up left out",
        "n_known": "Of them, those whose passing is known",
        "passed": "Of those, how many passed; NULL where none is known",
        "answers": "Different answers among the replicates, none at all being one",
        "pass_flip_ratio": "Share of the pairs of replicates that disagree on passing, in [0, 1]; NULL below 2 of them",
        "missing_because": "Why pass_flip_ratio is NULL: n_too_small, or why passing is unknown",
    },
)

REPLICATE_SUMMARY = View(
    name="replicate_summary",
    comment="One row is a run and a k, from 1 to its replicates: do k of k attempts pass (pass^k), does one (pass@k)",
    columns={
        **ARM_COLUMNS,
        "k": "Attempts",
        "pass_hat_k": "Chance that all of k attempts pass, mean over the queries: C(passed, k) / C(replicates, k)",
        "pass_at_k": "Chance that one of k attempts passes: 1 - C(replicates - passed, k) / C(replicates, k)",
        "n_queries": "Queries with at least k replicates whose passing is all known: those the means are over",
        "n_total": "Queries of the run",
        "pass_flip_ratio": "Mean of replicate_flips.pass_flip_ratio; NULL with one replicate",
        "missing_because": "Why the two are NULL",
    },
)

VOTE_SUMMARY = View(
    name="vote_summary",
    comment="One row is a run of single_pass@budget: how often its budget bought more than one pass",
    columns={
        **ARM_COLUMNS,
        "query_runs": "Query runs with a vote, warm-up left out",
        "second_pass_runs": "Of them, those whose budget bought a second pass; where 0, the arm is single_pass",
        "over_budget_runs": "Of them, those whose first pass alone cost more than the budget",
        "passes_per_query_run": "Mean number of passes, from 1",
    },
)

TOKENS_BY_DAY = View(
    name="tokens_by_day",
    comment="One row is a UTC day, a suite, a model and a price: what all its calls used, in tokens and money",
    columns={
        "day": "UTC day on which the calls were sent",
        "suite": "Name of the suite",
        "model": "Model that the engine served",
        "runs": "Runs (arms) with a call on that day",
        "calls": "Attempts of model calls: measured, warm-up, interrupted, judge",
        "calls_without_tokens": "Of them, those whose usage is unknown",
        "prompt_tokens": "Their sum; NULL when the usage of one call is unknown",
        "completion_tokens": "Their sum; NULL when the usage of one call is unknown",
        "cached_tokens": "Prompt tokens from the prefix cache; NULL when one call does not say",
        "billed_tokens": "prompt_tokens + completion_tokens; NULL when the usage of one call is unknown",
        "known_billed_tokens": "The same over the calls whose usage is known: at least so many",
        "unmeasured_tokens": "Of known_billed_tokens, those of warm-up and of queries that were asked again",
        "missing_because": "Why a sum of tokens is NULL",
        "cached_missing_because": "Why cached_tokens is NULL",
        "cost": "Of all calls, at the price of the suite; NULL with cost_missing_because",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, per_gpu_hour, or why the tokens are unknown",
    },
)

QUERY_COSTS = View(
    name="query_costs",
    comment="One row is a query run: its cost at the price of its suite; warm-up left out",
    columns={
        **ARM_COLUMNS,
        "query_id": "Id of the query in its query set",
        "replicate": "Repetition of the query, from 0",
        "billed_tokens": "prompt_tokens + completion_tokens; NULL when the usage of one call is unknown",
        "cost": "At the price per token; cached tokens at their own price where it has one",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, per_gpu_hour (known of a whole run alone), or why the tokens are unknown",
    },
)

RUN_COSTS = View(
    name="run_costs",
    comment="One row is a run: the cost of its measured queries, and the energy of its GPUs where it was measured",
    columns={
        **ARM_COLUMNS,
        "query_runs": "Query runs, warm-up left out",
        "passed": "Of them, those that passed; NULL where the passing of one is unknown",
        "cost": "At the price of the suite: per token, or gpu_hour x gpus x the hours that the run took",
        "cost_per_query": "cost / query_runs",
        "cost_per_correct": "cost / passed",
        "currency": "Currency of the price",
        "cost_missing_because": "no_price, resumed (hours unknown), or why the tokens are unknown",
        "cost_per_correct_missing_because": "The same, not_scored, or no_correct",
        "gpu_energy_j": "Growth of the GPUs' energy counters while the run was at work, joules; idle power included",
        "gpu_joules_per_query": "gpu_energy_j / query_runs, joules",
        "gpu_joules_per_correct": "gpu_energy_j / passed, joules",
        "energy_missing_because": "no_gpu, not_supported, not_sampled, implausible, or n_too_small: below 10 s",
    },
)

WHERE_TIME_GOES = View(
    name="where_time_goes",
    order="benchmark_run, arm, seconds_per_query desc",
    comment="Eight rows are a run: the parts of the wall time of its queries, which add up to it",
    columns={
        **ARM_COLUMNS,
        "part": "decode, first_token (the engine's queue and the prefill), model_call (without a first token), tool, "
        "retrieval, queue (for a place among the calls in flight), backoff, or not_attributed: what nothing measured. "
        "Of several at once the first in this order counts",
        "seconds_per_query": "Mean over the query runs, seconds; NULL with missing_because",
        "share_ratio": "Share of their wall time, in [0, 1]",
        "n_queries": "Query runs with times: resumed ones and warm-up are left out",
        "missing_because": "Why there is no time: resumed or failed_run",
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
