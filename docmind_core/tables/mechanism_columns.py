"""What the tables of runs, queries and calls say about the guide's mechanisms."""

MECHANISM_COLUMNS = {
    "context_budget": ("integer", "The suite's limit of prompt tokens per agent in arms with the lever context_budget"),
    "cache_state": (
        "varchar",
        "cold, or warm if results of an earlier run of the arm were in our caches; NULL without result_cache",
    ),
}
"""Of `runs`."""

LOAD_COLUMNS = {
    "concurrency": ("integer", "Maximum number of queries and calls in flight (closed loop); NULL for auto"),
    "achieved_concurrency": (
        "double",
        "Mean number of calls in flight from the start of the first query to the start of the last, over blocks with "
        "more queries than slots",
    ),
    "concurrency_missing_because": (
        "varchar",
        "Why achieved_concurrency is NULL: n_too_small, resumed, no_model_call, unattributed or several_hosts",
    ),
    "in_flight_min": ("integer", "Smallest limit of calls in flight: concurrency, or the lowest value with auto"),
    "in_flight_max": ("integer", "Largest limit of calls in flight; device_samples.in_flight_limit has it over time"),
    "loop_lag_max_s": ("double", "Largest device_samples.loop_lag_s: the largest delay of this platform itself"),
}
"""Of `runs`."""

SYSTEM_COLUMNS = {
    "system": ("varchar", "graph, callable, command or url for a user's system; NULL for a built-in arm"),
    "retrieval_logged": (
        "varchar",
        "What is known about what a user's system read: passages, searches or nothing; NULL for a built-in arm, for "
        "which everything is known",
    ),
    "queries_without_calls": (
        "integer",
        "Queries that a user's system answered without a recorded call; NULL for a built-in arm",
    ),
}
"""Of `runs`."""

REPLAY_COLUMN = {
    "not_replayable": (
        "boolean",
        "True if a user's system made other calls than before its query was interrupted. The earlier calls were paid "
        "for, but are not part of the answer, so its tokens are unknown; NULL for a built-in arm",
    ),
}
"""Of `query_runs`."""

CALLER_COLUMNS = {
    "agent": (
        "varchar",
        "Agent that made the call, by name or, in a user's system, by fingerprint fp:...; unattributed if the query "
        "is unknown (query_id is then NULL)",
    ),
    "role": (
        "varchar",
        "agent, supervisor, compressor, summary, rerank, judge, control, or late (a user's system made the call after "
        "it had answered)",
    ),
    "task": ("varchar", "What the agent was asked to do, unique within its query; kind-number in a user's system"),
    "parameters": (
        "json",
        "Parameters set by the client of a user's system: temperature, stream, tool names and so on; NULL for a "
        "built-in arm, which sets the same in every call",
    ),
}
"""Of `llm_calls`."""

EARLIER_COLUMN = {
    "earlier_turns": ("integer", "User and assistant turns before the query; 0 for a query without history"),
}
"""Of `query_runs`."""

HANDOFF_COLUMNS = {
    "handoff_tokens": (
        "bigint",
        "Billed tokens of routing calls, plus hand-off messages in the prompts of other calls",
    ),
    "handoff_missing_because": ("varchar", "Why handoff_tokens is NULL: a reason from the list in docs/metrics.md"),
    "duplicated_token_ratio": (
        "double",
        "Share of the prompt tokens in sequences of 16 that another agent already received in this query, in [0, 1]",
    ),
    "cache_hits": ("integer", "Lookups that one of our caches answered"),
    "cache_misses": ("integer", "Lookups that none of our caches answered"),
    "duplicated_missing_because": (
        "varchar",
        "Why duplicated_token_ratio is NULL: not_supported if the model's tokenizer is not available in this process",
    ),
}
"""Of `query_runs`."""

ESTIMATE_COLUMNS = {
    "prompt_tokens_est": (
        "bigint",
        "Prompt tokens counted with the model's tokenizer and chat template, without the engine; NULL if not counted",
    ),
    "est_error_ratio": ("double", "prompt_tokens_est / prompt_tokens - 1; NULL if one of them is NULL"),
    "billed_tokens_low": (
        "bigint",
        "Least that the engine can have billed: billed_tokens, or 0 for a cut-off attempt without any recorded usage",
    ),
    "billed_tokens_high": (
        "bigint",
        "Most that the engine can have billed: billed_tokens; for an attempt that was cut off or has no usage, its "
        "prompt (or the window, if the prompt was not counted) plus max_tokens; NULL if neither is known",
    ),
}
"""Of `llm_calls`."""

READ_AS_COLUMN = {
    "passages_read_as": (
        "json",
        "Text by chunk id of the passages that were shortened to fit the context window or replaced by a "
        "near-duplicate; NULL if all were read as found",
    ),
}
"""Of `query_runs`."""

ENDING_COLUMN = {
    "ended_because": (
        "varchar",
        "How the reply meant as the answer ended. With an answer: stop, max_tokens (cut off), no_call (no model call "
        "was needed). Without one: thinking, content_filter, tool_calls, refusal, empty or unfinished, as in "
        "llm_calls; failed (see error_type)",
    ),
}
"""Of `query_runs`."""

REPLY_COLUMNS = {
    "ended_because": (
        "varchar",
        "How it ended: stop (normally, with text), max_tokens (text cut off), thinking (max_tokens was used up before "
        "any text), content_filter, tool_calls, refusal, empty (no text), or unfinished (no finish_reason, or an "
        "unknown one); NULL unless the status is finished",
    ),
    "reply": ("varchar", "Text of the reply, without what is in reasoning and refusal"),
    "reasoning": ("varchar", "The model's thinking, sent separately or between think tags; NULL if there is none"),
    "refusal": ("varchar", "Refusal that the server sent separately from the reply; NULL if it sent none"),
}
"""Of `llm_calls`."""
