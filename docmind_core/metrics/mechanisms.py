"""Catalogue entries on the guide's mechanisms: routing, hand-offs, caches, and the counts taken without the engine."""

from docmind_core.metrics.metric import Metric

MECHANISMS = (
    Metric(
        name="calls",
        unit="calls",
        range="0 and above",
        better="lower",
        level="query",
        definition="Finished model calls for one query; retries of a call are not counted again.",
        source="`query_runs`; compared in `comparisons`",
        rows="query_runs",
    ),
    Metric(
        name="supervisor_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="query",
        definition="`billed_tokens` of the calls with the role supervisor: the choices of the next agent, and the "
        "rewrite.",
        missing="as `billed_tokens`",
        source="`query_runs`",
        rows="query_runs",
        because="tokens_missing_because",
    ),
    Metric(
        name="handoff_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="query",
        definition="`billed_tokens` of the supervisor's routing calls (tasks `choose_*`), and the tokens of transfer "
        "and return messages in the prompts of all other calls, each message counted separately with the served "
        "model's tokenizer. 0 in an arm without a supervisor. This measures edge B → K of the guide.",
        missing="there are such messages, but their tokens can't be counted: `not_supported`; a routing call has no "
        "usage: the reason of that call",
        source="`query_runs`, with `handoff_missing_because`",
        rows="query_runs",
        because="handoff_missing_because",
    ),
    Metric(
        name="duplicated_token_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="query",
        definition="Share of a query's prompt tokens that belong to a sequence of 16 tokens that another agent "
        "already received in the same query: an aligned block of 16 from that agent's prompt, found at any position.",
        missing="the model's tokenizer is not available in this process, for example because the engine is given by "
        "URL: `not_supported`; nothing was sent: `zero_denominator`",
        source="`query_runs`, with `duplicated_missing_because`",
        rows="query_runs",
        because="duplicated_missing_because",
    ),
    Metric(
        name="prompt_tokens_est",
        unit="tokens",
        range="0 and above",
        better="none",
        level="call",
        definition="Tokens of the prompt as sent, counted with the served model's tokenizer and chat template. To "
        "avoid additional requests, only prompts that might not fit are counted if the engine is given by URL, "
        "because it counts over HTTP.",
        missing="not counted: `not_supported`; there is no reason column",
        source="`llm_calls`",
        rows="llm_calls",
    ),
    Metric(
        name="est_error_ratio",
        unit="1",
        range="-1 and above",
        better="none",
        level="call",
        definition="`prompt_tokens_est` / `prompt_tokens` - 1: 0 if the count before the call equals the engine's own.",
        missing="as `prompt_tokens_est` or `prompt_tokens`; a prompt of 0 tokens: `zero_denominator`",
        source="`llm_calls`",
        rows="llm_calls",
    ),
    Metric(
        name="est_error_p95_ratio",
        unit="1",
        range="-1 and above",
        better="none",
        level="run",
        definition="95th percentile of `est_error_ratio` over the attempts of an arm, or of one of its agents.",
        missing="no prompt was counted: `not_supported`; fewer than 130: `n_too_small`",
        source="`token_efficiency`",
    ),
    Metric(
        name="computed_reduction_pct",
        unit="%",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="Like `reduction_pct`, but for `computed_tokens`; only this metric includes the savings of the "
        "prefix cache.",
        missing="`cached_tokens` are missing, or the state of the prefix cache is unknown: `not_exclusive_cache`",
        source="`comparisons` (`computed_tokens`), `token_efficiency`, `ablation`",
    ),
    Metric(
        name="kv_cache_usage_peak_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Largest share of the engine's KV cache in use (`vllm:kv_cache_usage_perc`) in an arm's samples.",
        missing="no sample was taken: `not_sampled`; the engine does not report it: `not_supported`",
        source="`device_samples`, column `kv_cache_usage_ratio`",
    ),
    Metric(
        name="cache_hits",
        unit="1",
        range="0 and above",
        better="higher",
        level="query",
        definition="Lookups of routes and searches that were answered by one of our caches; a hit bills no tokens. 0 "
        "in an arm without the lever `result_cache`.",
        source="`query_runs`; by cache in `cache_summary`; rows in `cache_lookups`",
        rows="query_runs",
    ),
    Metric(
        name="cache_misses",
        unit="1",
        range="0 and above",
        better="lower",
        level="query",
        definition="Lookups that no cache answered; `cache_lookups.missed_because` gives the reason.",
        source="`query_runs`; by cache in `cache_summary`; rows in `cache_lookups`",
        rows="query_runs",
    ),
    Metric(
        name="cache_hit_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="`cache_hits` / (`cache_hits` + `cache_misses`) of an arm, for each cache. Interpret it together "
        "with `runs.cache_state`, which is warm if results of an earlier run of the same arm were present at the "
        "start.",
        missing="nothing was looked up, so the arm has no row",
        source="`cache_summary`",
    ),
    Metric(
        name="wrong_hit_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Wrong hits / hits, for caches that match semantically. Our caches match exact keys, so the value "
        "is always missing.",
        missing="keys are exact: `not_supported`",
        source="`cache_summary`",
    ),
)

_ROUTED = "`measurements`; mean in `quality_summary` and, for the run, in `router_summary`"
_NOT_ROUTED = (
    "no gold document, or a query the documents don't answer: `no_gold`; the suite doesn't allow every strategy: "
    "`not_all_open`; the documents are no longer those of the run: `index_changed`; the router was not asked: "
    "`not_routed`, or `failed_run` if the query failed first"
)

ROUTING = (
    Metric(
        name="router_accuracy_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the queries for which the router chose the strategy with the best `ndcg@10`; if "
        "strategies tie, each of them is correct. Each strategy searches for the query itself, in the run's own "
        "index and to the same depth as the run; the searches of a plan are not included. The row of each query is 1 "
        "or 0. Arms without a router have no row.",
        missing=_NOT_ROUTED,
        source=_ROUTED,
        rows="measurements",
    ),
    Metric(
        name="router_regret",
        unit="1",
        range="0 to 1",
        better="lower",
        level="query",
        definition="`ndcg@10` of the best strategy minus that of the router's choice, determined as for "
        "`router_accuracy_ratio`: the gain of a perfect router.",
        missing=_NOT_ROUTED,
        source=_ROUTED,
        rows="measurements",
    ),
    Metric(
        name="router_ece",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Expected calibration error: the distance between mean confidence and `router_accuracy_ratio`, "
        "averaged over ten bins of equal mass and weighted by their size. Equal confidences share a bin. It covers "
        "only decisions with a confidence, which are those of the rules: the model reports none.",
        missing="fewer than 30 such decisions: `n_too_small`; none could be compared: the reason of "
        "`router_accuracy_ratio`",
        source="`router_summary`",
    ),
)
