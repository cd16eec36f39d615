"""Catalogue entries on the guide's mechanisms: routing, hand-offs, caches, and the counts taken without the engine."""

from docmind_core.metrics.metric import Metric

MECHANISMS = (
    Metric(
        name="calls",
        unit="calls",
        range="0 and above",
        better="lower",
        level="query",
        definition="Finished calls of the model for one query, retries of a call not counted again.",
        source="`query_runs`; of two nights in `comparisons`",
        rows="query_runs",
    ),
    Metric(
        name="supervisor_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="query",
        definition="`billed_tokens` of the calls in the role supervisor: choices of the next agent, and the rewrite.",
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
        "and return messages in the prompts of all other calls, each message counted by itself by the served model's "
        "tokenizer. 0 in an arm without a supervisor. What edge B → K of the guide is measured by.",
        missing="there are such messages and tokens can't be counted: `not_supported`; a routing call without usage: "
        "its reason",
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
        definition="Share of a query's prompt tokens that are in a run of 16 tokens which another agent had been "
        "sent before in the query: a block of 16 from its prompt's start, found at any place.",
        missing="the model's tokenizer is not in this process, as with an engine given by URL: `not_supported`; "
        "nothing was sent: `zero_denominator`",
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
        definition="Tokens of the prompt as it was sent, by the served model's tokenizer and chat template. It takes "
        "no request: with an engine given by URL, which counts over HTTP, only prompts that might not fit are counted.",
        missing="not counted: `not_supported`, without a reason column",
        source="`llm_calls`",
        rows="llm_calls",
    ),
    Metric(
        name="est_error_ratio",
        unit="1",
        range="-1 and above",
        better="none",
        level="call",
        definition="`prompt_tokens_est` / `prompt_tokens` - 1: 0 where the count before the call is the engine's own.",
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
        missing="no prompt was counted: `not_supported`; below 130: `n_too_small`",
        source="`token_efficiency`",
    ),
    Metric(
        name="computed_reduction_pct",
        unit="%",
        range="up to 100",
        better="higher",
        level="comparison",
        definition="As `reduction_pct`, of `computed_tokens`: what the prefix cache saves counts here alone.",
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
        definition="Lookups that a cache of ours answered, of routes and searches; a hit bills no tokens. 0 in an arm "
        "without the lever `result_cache`.",
        source="`query_runs`; by cache in `cache_summary`; rows in `cache_lookups`",
        rows="query_runs",
    ),
    Metric(
        name="cache_misses",
        unit="1",
        range="0 and above",
        better="lower",
        level="query",
        definition="Lookups that no cache answered; `cache_lookups.missed_because` says why.",
        source="`query_runs`; by cache in `cache_summary`; rows in `cache_lookups`",
        rows="query_runs",
    ),
    Metric(
        name="cache_hit_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="`cache_hits` / (`cache_hits` + `cache_misses`) of an arm, for each cache. It says nothing without "
        "`runs.cache_state`: warm when results of an earlier run of the same arm were there at its start.",
        missing="nothing was looked up: the arm has no row",
        source="`cache_summary`",
    ),
    Metric(
        name="wrong_hit_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Wrong hits / hits, of caches that match semantically. Ours match exact keys: always missing.",
        missing="keys are exact: `not_supported`",
        source="`cache_summary`",
    ),
)

_ROUTED = "`measurements`; mean in `quality_summary` and, for the run, in `router_summary`"
_NOT_ROUTED = (
    "no gold document, or a query the documents don't answer: `no_gold`; the suite doesn't open every strategy: "
    "`not_all_open`; the documents are not those of the run: `index_changed`; the router was not asked: `not_routed`, "
    "or `failed_run` where the query failed before"
)

ROUTING = (
    Metric(
        name="router_accuracy_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="query",
        definition="Share of the queries for which the router decided the strategy with the best `ndcg@10`; of "
        "strategies that tie, each is right. Each strategy searches for the query itself, in the run's own index and "
        "as deep as the run did; a plan's searches are not part of it. One query's row is 1 or 0. Arms without a "
        "router have no row.",
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
        definition="`ndcg@10` of the best strategy less that of the router's, found as for `router_accuracy_ratio`: "
        "what a perfect router would gain.",
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
        definition="Expected calibration error: mean over ten bins of equal mass, weighted by their size, of the "
        "distance between mean confidence and `router_accuracy_ratio`. Equal confidences share a bin. Only decisions "
        "with a confidence are in it, which are the rules': the model states none.",
        missing="fewer than 30 such decisions: `n_too_small`; none could be compared: the reason of "
        "`router_accuracy_ratio`",
        source="`router_summary`",
    ),
)
