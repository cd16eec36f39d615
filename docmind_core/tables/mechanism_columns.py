"""What the tables of runs, queries and calls say about the guide's mechanisms."""

MECHANISM_COLUMNS = {
    "context_budget": ("integer", "Prompt tokens of an agent in the arms with the lever context_budget, by the suite"),
    "cache_state": (
        "varchar",
        "cold, or warm when an earlier run of the arm had left results in our caches; NULL without result_cache",
    ),
}
"""Of `runs`."""

LOAD_COLUMNS = {
    "concurrency": ("integer", "Queries, and calls, in flight at most (closed loop); NULL for auto"),
    "achieved_concurrency": (
        "double",
        "Mean number of calls in flight from the first query's start to the last one's, over blocks with more queries "
        "than places",
    ),
    "concurrency_missing_because": (
        "varchar",
        "Why achieved_concurrency is NULL: n_too_small, resumed, no_model_call, unattributed or several_hosts",
    ),
    "in_flight_min": ("integer", "Smallest limit of calls in flight: that of concurrency, or of auto at some moment"),
    "in_flight_max": ("integer", "Largest of the same; device_samples.in_flight_limit has it over time"),
    "loop_lag_max_s": ("double", "Largest device_samples.loop_lag_s: by how much this platform itself was late"),
}
"""Of `runs`."""

SYSTEM_COLUMNS = {
    "system": ("varchar", "graph, callable, command or url: a system of the user; NULL for an arm of ours"),
    "retrieval_logged": (
        "varchar",
        "What is known of what a system of the user read: passages, searches or nothing; NULL for an arm of ours, of "
        "which all is known",
    ),
    "queries_without_calls": (
        "integer",
        "Queries that a system of the user answered without a call that the proxy saw; NULL for an arm of ours",
    ),
}
"""Of `runs`."""

REPLAY_COLUMN = {
    "not_replayable": (
        "boolean",
        "True when a system of the user asked other than before its query was interrupted: those calls are paid for, "
        "but no part of the answer, so its tokens are unknown; NULL for an arm of ours",
    ),
}
"""Of `query_runs`."""

CALLER_COLUMNS = {
    "agent": (
        "varchar",
        "Agent that called, by its name or, in a system of the user, by its fingerprint fp:...; unattributed where "
        "nothing tells for which query (query_id is NULL then)",
    ),
    "role": (
        "varchar",
        "agent, supervisor, compressor, summary, rerank, judge, control, or late: a system of the user called when it "
        "had answered",
    ),
    "task": ("varchar", "What the agent was asked for, unique within its query; in a system of the user kind-number"),
    "parameters": (
        "json",
        "What the client of a system of the user set: temperature, stream, names of tools and so on; NULL for an "
        "arm of ours, which sets the same in every call",
    ),
}
"""Of `llm_calls`."""

EARLIER_COLUMN = {
    "earlier_turns": ("integer", "Turns of user and assistant before the query; 0 for a query without history"),
}
"""Of `query_runs`."""

HANDOFF_COLUMNS = {
    "handoff_tokens": ("bigint", "Billed tokens of routing calls, and hand-off messages in the prompts of other calls"),
    "handoff_missing_because": ("varchar", "Why handoff_tokens is NULL: a reason from the list in docs/metrics.md"),
    "duplicated_token_ratio": (
        "double",
        "Share of the prompt tokens in runs of 16 that another agent had been sent before in this query, in [0, 1]",
    ),
    "cache_hits": ("integer", "Lookups that a cache of ours answered"),
    "cache_misses": ("integer", "Lookups that no cache of ours answered"),
    "duplicated_missing_because": (
        "varchar",
        "Why duplicated_token_ratio is NULL: not_supported where the model's tokenizer is not in this process",
    ),
}
"""Of `query_runs`."""

ESTIMATE_COLUMNS = {
    "prompt_tokens_est": (
        "bigint",
        "Prompt tokens by the model's tokenizer and chat template, without the engine; NULL when not counted",
    ),
    "est_error_ratio": ("double", "prompt_tokens_est / prompt_tokens - 1; NULL where one of them is"),
    "billed_tokens_low": (
        "bigint",
        "Least that the engine can have billed: billed_tokens, 0 for a cut-off attempt of which nothing was booked",
    ),
    "billed_tokens_high": (
        "bigint",
        "Most that it can have billed: billed_tokens; of a cut-off attempt or one without usage its prompt (or, where "
        "that was not counted, the window) and max_tokens; NULL where neither is known",
    ),
}
"""Of `llm_calls`."""

READ_AS_COLUMN = {
    "passages_read_as": (
        "json",
        "Text by chunk id of the passages that the context window cut or that a near-duplicate represents; "
        "NULL when each was read as it was found",
    ),
}
"""Of `query_runs`."""

ENDING_COLUMN = {
    "ended_because": (
        "varchar",
        "How the reply ended that was to be the answer: stop; max_tokens (cut off, and an answer); no_call (it took no "
        "call of the model); without an answer thinking, content_filter, tool_calls, refusal, empty or unfinished, as "
        "in llm_calls; failed (see error_type)",
    ),
}
"""Of `query_runs`."""

REPLY_COLUMNS = {
    "ended_because": (
        "varchar",
        "How it ended: stop (by itself, with text), max_tokens (text cut off), thinking (max_tokens was used up before "
        "any text), content_filter, tool_calls, refusal, empty (no text), or unfinished (no finish_reason, or an "
        "unknown one); NULL unless the status is finished",
    ),
    "reply": ("varchar", "Text of the reply, without what is in reasoning and refusal"),
    "reasoning": ("varchar", "What the model thought before, sent apart or between think tags; NULL without a trace"),
    "refusal": ("varchar", "Refusal that the server sent apart from the reply; NULL when it sent none"),
}
"""Of `llm_calls`."""
