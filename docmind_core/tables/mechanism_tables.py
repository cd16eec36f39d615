"""The tables of what happens in an arm: what was shortened, kept and decided, who failed, and what the engine did."""

from docmind_core.tables.definitions import ARM_COLUMNS, KEY, QUERY_COLUMNS, RUN_COLUMN, Table, View

CONTEXT_REDUCTIONS = Table(
    name="context_reductions",
    comment="One row per context-window strategy applied to the prompt of a call",
    key=(*KEY, "task", "step"),
    columns={
        **QUERY_COLUMNS,
        "task": ("varchar", "What the agent was asked to do, unique within its query; as in llm_calls"),
        "step": ("integer", "Order of the strategies within the task, from 1"),
        "agent": ("varchar", "Agent whose prompt was too long"),
        "strategy": (
            "varchar",
            "conversation_trimming, result_compression, redundancy_removal or priority_preservation, in this order; "
            "none for a prompt without parts to shorten",
        ),
        "tokens_before": ("bigint", "Prompt tokens before, counted with the model's own tokenizer and chat template"),
        "tokens_after": ("bigint", "Prompt tokens after, counted the same way"),
        "budget_tokens": (
            "bigint",
            "Context window minus the reserved output and 6 %, or the context budget if it is smaller",
        ),
        "duration_s": ("double", "Duration of the strategy, including counting its tokens, seconds"),
        "passages_before": ("integer", "Passages in the prompt before"),
        "passages_after": ("integer", "Passages in the prompt after"),
        "evidence_recall_before": ("double", "Share of the gold spans in the prompt before, in [0, 1]"),
        "evidence_recall_after": ("double", "Share of the gold spans in the prompt after, in [0, 1]"),
        "evidence_missing_because": ("varchar", "no_gold if the query has no gold spans"),
        "outcome": (
            "varchar",
            "fits; over (the next strategy was needed); refused (no strategy was left, so nothing was sent)",
        ),
    },
    checks=(
        "tokens_after <= tokens_before",
        "(outcome = 'fits') = (tokens_after <= budget_tokens)",
        "(evidence_recall_before is null) = (evidence_missing_because is not null)",
        "(evidence_recall_before is null) = (evidence_recall_after is null)",
    ),
)

CACHE_LOOKUPS = Table(
    name="cache_lookups",
    comment="One row per lookup in one of our caches, hit or miss; a hit bills no tokens",
    key=(*KEY, "lookup"),
    columns={
        **QUERY_COLUMNS,
        "lookup": ("integer", "Order of the lookups within the query, from 1"),
        "cache": ("varchar", "router or retrieval"),
        "hit": ("boolean", "Whether the cache answered"),
        "missed_because": ("varchar", "absent, expired or unavailable; NULL for a hit"),
        "negative": ("boolean", "True for a hit on an empty result; these are kept for a shorter time"),
        "key_hash": ("varchar", "sha256 over the normalised query, level, versions, model and corpus"),
        "age_s": ("double", "Seconds since the entry was written; NULL for a miss"),
        "duration_s": ("double", "Duration of the lookup alone, seconds"),
        "wrong_hit": ("boolean", "Only for caches that match semantically; NULL for exact keys, which can't be wrong"),
    },
    checks=("hit = (missed_because is null)", "hit = (age_s is not null)"),
)

ROUTE_DECISIONS = Table(
    name="route_decisions",
    comment="One row per decision of a router on how to search, with the choice of the level's rules",
    key=(*KEY, "decision"),
    columns={
        **QUERY_COLUMNS,
        "decision": ("integer", "Order of the decisions within the query, from 1; the search uses the last one"),
        "level": ("varchar", "Performance level: fast, balanced or thorough"),
        "strategy": ("varchar", "Chosen strategy: keyword_search, semantic_search or hybrid_search"),
        "rule_strategy": ("varchar", "What the level's rules choose, whether the suite allows it or not"),
        "agrees": ("boolean", "Whether the model chose what the rules would; NULL if it did not decide"),
        "confidence": ("double", "Constant of the rule that decided, in [0, 1]; NULL if none did"),
        "decided_by": (
            "varchar",
            "rules, model, or suite (its own strategy, if there was no choice or the choice could not be read)",
        ),
        "fell_back_because": (
            "varchar",
            "late (a cheaper level's rules decided); deadline, invalid_output or call_failed (the model did not "
            "decide); one_strategy (there was no choice); not_open; NULL if there was no fallback",
        ),
        "reasoning": ("varchar", "Which rule matched, or that the model chose"),
        "top_k": ("integer", "Candidates that the level requests: 10, 15 or 20; a suite's own top_k may request more"),
        "rerank": ("boolean", "Whether the level requests a rerank; a row in reranks shows that the arm did it"),
        "analysis_s": ("double", "Seconds to the decision, including lookups and calls; NULL if resumed"),
    },
    checks=(
        "confidence between 0 and 1",
        "(decided_by = 'rules') = (confidence is not null)",
        "(decided_by = 'model') = (agrees is not null)",
        "decided_by <> 'suite' or fell_back_because is not null",
    ),
)

AGENT_FAILURES = Table(
    name="agent_failures",
    comment="One row per agent that failed in a query, or that was skipped because it had not run yet when another "
    "one failed. A skipped agent has no execution and no span. A single pass answered instead; see "
    "query_runs.fallback",
    key=(*KEY, "failure"),
    columns={
        **QUERY_COLUMNS,
        "failure": ("integer", "Order within the query, from 1; failed agents come before skipped ones"),
        "agent": ("varchar", "Agent that failed or was skipped"),
        "outcome": ("varchar", "failed or skipped"),
        "error_type": ("varchar", "Class of the error; NULL for skipped"),
        "error_message": ("varchar", "Text of the error; NULL for skipped"),
    },
    checks=("outcome in ('failed', 'skipped')", "(outcome = 'failed') = (error_type is not null)"),
)

RERANKS = Table(
    name="reranks",
    comment="One row per rerank of a query's candidates, by the model or, if it failed, by MMR",
    key=(*KEY, "rerank"),
    columns={
        **QUERY_COLUMNS,
        "rerank": ("integer", "Order within the query, from 1"),
        "candidates": ("integer", "Chunks that were ordered"),
        "ordered_by": ("varchar", "model, or mmr: maximal marginal relevance, lambda 0.7"),
        "similarity": ("varchar", "What MMR compared chunks by: embeddings (cosine) or words (Jaccard)"),
        "mmr_because": (
            "varchar",
            "call_failed, invalid_output, or repeats (a chunk was named twice); NULL for the model's order",
        ),
        "kept": ("integer", "Number of chunks that are among the first final_k both before and after"),
    },
    checks=(
        "(ordered_by = 'mmr') = (mmr_because is not null)",
        "(ordered_by = 'mmr') = (similarity is not null)",
        "kept <= candidates",
    ),
)

RETRIEVED = Table(
    name="retrieved",
    comment="One row per ranked chunk of a search, or of the candidates fused from a query's searches; candidates "
    "continue until 10 documents are ranked",
    key=(*KEY, "ranking", "span_id", "rank"),
    columns={
        **QUERY_COLUMNS,
        "ranking": ("varchar", "search, or candidates: the ranking that retrieval metrics judge"),
        "span_id": ("varchar", "Span of the search; root span for candidates"),
        "search_query": ("varchar", "Text searched for; NULL for candidates"),
        "strategy": ("varchar", "keyword_search, semantic_search or hybrid_search"),
        "level": ("varchar", "Performance level"),
        "rank": ("integer", "From 1"),
        "doc_id": ("varchar", "Document"),
        "chunk_id": ("varchar", "Chunk of the document"),
        "score": (
            "double",
            "Higher is better; comparable within one ranking only; 1 / rank after a rerank; NULL for candidates "
            "beyond those that agents received, which are ranked only for the metrics",
        ),
        "candidates_k": ("integer", "Chunks that agents requested"),
        "final_k": ("integer", "Chunks kept for the answer"),
    },
)

VOTES = Table(
    name="votes",
    comment="One row per single pass that votes on a query in the arm single_pass@budget",
    key=(*KEY, "pass"),
    columns={
        **QUERY_COLUMNS,
        "pass": ("integer", "Order within the query, from 1; the first is greedy"),
        "task": ("varchar", "What the pass was asked to do, unique within its query; as in llm_calls"),
        "answer": ("varchar", "Answer of the pass, without thinking and citation marks"),
        "votes": ("integer", "Passes of the query with the same normalised answer, including this one"),
        "chosen": ("boolean", "Whether it is the answer of the query: the first pass of the largest group"),
        "temperature": ("double", "Sampling temperature of the pass"),
        "billed_tokens": ("bigint", "Prompt and completion tokens of the pass; NULL if the engine sent no usage"),
        "budget_tokens": (
            "bigint",
            "billed_tokens of tuned on the same query and replicate. The first pass is always made; another is made "
            "only if even its longest possible reply stays within the budget",
        ),
    },
    checks=("votes >= 1", "budget_tokens >= 0"),
)


CACHE_SUMMARY = View(
    name="cache_summary",
    order="benchmark_run, arm, cache",
    comment="One row per cache of an arm with the lever result_cache: how often it answered",
    columns={
        **ARM_COLUMNS,
        "cache_state": "cold, or warm if results of an earlier run of the arm were present at the start",
        "cache": "router or retrieval",
        "lookups": "Lookups, excluding warm-up",
        "cache_hits": "Lookups that the cache answered",
        "cache_misses": "Lookups that it did not answer; cache_lookups gives the reason",
        "cache_hit_ratio": "cache_hits / lookups, in [0, 1]",
        "wrong_hit_ratio": "Wrong hits / hits, for caches that match semantically; NULL for exact keys",
        "lookup_p50_s": "Median duration of a lookup, seconds",
    },
)


ROUTER_SUMMARY = View(
    name="router_summary",
    order="benchmark_run, arm",
    comment="One row per run with a router: who decided, and how good the decisions were; each query run counts once",
    columns={
        **ARM_COLUMNS,
        "level": "Performance level: fast, balanced or thorough",
        "decisions": "Query runs with a decision, excluding warm-up",
        "by_rules": "Decisions by the rules of the level or of a cheaper level",
        "by_model": "Decisions by the model",
        "by_suite": "Decisions left to the suite's own strategy",
        "fell_back": "Decisions not made in the way that the level specifies; route_decisions gives the reason",
        "agreement_ratio": "Share of the model's decisions that the rules agree with, in [0, 1]; NULL if it made none",
        "analysis_p50_s": "Median time to a decision, seconds, excluding resumed query runs",
        "n_scored": "Decisions that could be compared with the best strategy",
        "router_accuracy_ratio": "Share of the scored decisions that chose the best strategy, including ties, in [0, "
        "1]",
        "router_regret": "Mean of the nDCG@10 of the best strategy minus that of the chosen one, in [0, 1]",
        "n_calibrated": "Scored decisions with a confidence",
        "router_ece": "Expected calibration error of the confidences, in [0, 1]; NULL with ece_missing_because",
        "ece_missing_because": "Reason from the list in docs/metrics.md",
    },
)
ENGINE_COUNTERS = Table(
    name="engine_counters",
    comment="One row per counter reading before or after an arm's share of a block: the engine's counters, and our "
    "own (docmind:...)",
    key=("run_id", "engine_session", "block", "counter", "moment"),
    columns={
        **RUN_COLUMN,
        "engine_session": ("varchar", "Engine process: counters restart with it; +1, +2: after a worker was lost"),
        "block": ("integer", "Block of the benchmark run, from 1; 0 for warm-up"),
        "counter": (
            "varchar",
            "vLLM's name without the prefix vllm: and without _total, prompt_tokens_by_source:SOURCE by its label; "
            "docmind:requests_sent is counted in our connection pool; docmind:engines_seen is the number of engines "
            "that answered at the URL during the reading; docmind:bookings_lost says that a node "
            "was lost with its last bookings",
        ),
        "value": ("double", "Value, summed over labels"),
        "moment": ("varchar", "before or after"),
        "taken_at": ("timestamptz", "UTC time of the scrape"),
        "engine_url": ("varchar", "Where it was read; each replica of an engine has its own URL and engine_session"),
    },
)

DEVICE_SAMPLES = Table(
    name="device_samples",
    comment="One row per sample of a device while an arm ran: a GPU, the host, or the engine's KV cache",
    key=("run_id", "source", "device_index", "sampled_at_ns"),
    columns={
        **RUN_COLUMN,
        "source": ("varchar", "nvml (a GPU), host (the machine and this process) or engine (its own gauge)"),
        "device_index": ("integer", "Number of the GPU; 0 for host and engine"),
        "sampled_at_ns": ("bigint", "Nanoseconds on the process's monotonic clock, as in spans"),
        "sampled_at": ("timestamptz", "UTC"),
        "uuid": ("varchar", "Id of the GPU"),
        "name": ("varchar", "Name of the GPU, or of the host's processor architecture"),
        "driver": ("varchar", "Version of the GPU's driver"),
        "mem_total_gib": ("double", "Memory of the GPU, GiB"),
        "mem_used_gib": ("double", "Memory of the GPU in use by all processes, GiB. vLLM takes its share at startup"),
        "mem_reserved_gib": ("double", "Memory reserved by the driver, not in mem_used_gib, GiB"),
        "vram_process_gib": ("double", "Memory that compute processes hold, GiB; NULL if the driver hides it"),
        "gpu_util_ratio": ("double", "Share of time in which the GPU ran a kernel, over its last sampling window"),
        "power_w": ("double", "Power draw of the GPU, watts; an average of 1 s since Ampere"),
        "energy_j": ("double", "Energy of the GPU since its driver was loaded, joules"),
        "temperature_c": ("double", "Temperature of the GPU, degrees Celsius"),
        "clocks_event_reasons": ("bigint", "NVML's bit mask of what limits the clocks"),
        "host_memory_used_gib": ("double", "Memory of the machine that is not available, GiB"),
        "host_cpu_pct": ("double", "CPU time of the machine since the last sample, percent of all cores"),
        "platform_rss_gib": ("double", "Resident memory of this platform's own process, GiB"),
        "loop_lag_s": (
            "double",
            "Largest delay of this platform's event loop since the previous sample, seconds. Deadlines of calls and "
            "queries are extended by this lag; their times include it. NULL if it was not measured",
        ),
        "in_flight_limit": (
            "integer",
            "Maximum number of calls in flight: the suite's concurrency, or the current value with auto",
        ),
        "kv_cache_usage_ratio": ("double", "Share of the engine's KV cache in use (vllm:kv_cache_usage_perc)"),
        "status": ("varchar", "ok, or unavailable:<reason>; in a host row, the reason why no VRAM was measured"),
        "not_supported": ("json", "Columns that this device can't provide, with NVML's own message"),
    },
)
