"""The tables: their columns, types, keys and comments."""

from dataclasses import dataclass

KEY = ("run_id", "query_id", "replicate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One fact table; each row of a segment carries its natural key."""

    name: str
    comment: str
    """Says what one row is."""
    key: tuple[str, ...]
    columns: dict[str, tuple[str, str]]
    """Name to (DuckDB type, comment with the unit), in the order of the file."""
    checks: tuple[str, ...] = ()


_RUN = {"run_id": ("varchar", "An arm of a benchmark run: <benchmark_run>.<arm>")}
_QUERY = {
    **_RUN,
    "query_id": ("varchar", "Id of the query in its query set"),
    "replicate": ("integer", "Repetition of the query, from 0"),
}

RUNS = Table(
    name="runs",
    comment="One row is an arm of a benchmark run, with what it ran on",
    key=("run_id",),
    columns={
        **_RUN,
        "benchmark_run": ("varchar", "Key of the benchmark run: <UTC start>-<suite>-<4 random>"),
        "suite": ("varchar", "Name of the suite"),
        "arm": ("varchar", "Graph that answered: single_pass, naive_supervisor, tuned, ..."),
        "level": ("varchar", "Performance level: fast, balanced or thorough"),
        "routing": ("varchar", "What a supervisor may choose from: fixed, dependencies or free"),
        "strategy": ("varchar", "Search strategy of the arms without a router"),
        "replicates": ("integer", "Repetitions of each query"),
        "concurrency": ("integer", "Queries in flight at once (closed loop)"),
        "seeds": ("varchar", "Seeds of the query selection and of the calls, JSON"),
        "dagster_run_id": ("varchar", "Dagster run that finished this arm"),
        "engine_session": ("varchar", "Latest engine session; a resumed run has several"),
        "engine_managed": ("boolean", "True when this project started the engine"),
        "engine_version": ("varchar", "Version that the engine reports"),
        "engine_args_hash": ("varchar", "sha256 of the engine's flags; NULL on a remote engine"),
        "batch_invariant": ("boolean", "VLLM_BATCH_INVARIANT of a managed engine; NULL when unknown"),
        "prefix_cache_state": ("varchar", "cold, warm, reset or unknown when the arm began"),
        "max_model_len": ("integer", "Context window that the engine reports, tokens"),
        "model": ("varchar", "Model that the engine serves"),
        "model_revision": ("varchar", "Revision or package version of the model; NULL when unknown"),
        "weights_hash": ("varchar", "sha256 of the weights of a managed engine; NULL when unknown"),
        "plumbing": ("boolean", "True for a model that only checks the plumbing; it gets no quality letter"),
        "query_set": ("varchar", "Name of the query set"),
        "query_set_hash": ("varchar", "sha256 over queries and documents"),
        "corpus_hash": ("varchar", "sha256 over documents"),
        "index_hash": ("varchar", "sha256 over corpus and index settings"),
        "prompt_hash": ("varchar", "sha256 over the prompt files"),
        "judge_hash": ("varchar", "sha256 over judge model and prompt; NULL without a judge"),
        "hardware_fingerprint": ("varchar", "Processor, cores, memory and GPU of the machine, hashed"),
        "series_key": ("varchar", "Runs with the same key are comparable over time"),
        "git_sha": ("varchar", "Commit of this project; NULL outside a git checkout"),
        "git_dirty": ("boolean", "True when the checkout had uncommitted changes"),
        "started_at": ("timestamp", "UTC start of the arm"),
        "ended_at": ("timestamp", "UTC end of the arm"),
        "duration_s": ("double", "Seconds from the first query's start to the last one's end; NULL when resumed"),
        "status": ("varchar", "finished, or incomplete when queries have no row"),
        "expected_queries": ("integer", "Queries times replicates that the arm had to answer"),
        "comparable": ("boolean", "False when the run was resumed with a changed suite, code or prompt"),
        "manifest": ("varchar", "Everything that identifies the run, JSON"),
    },
)

QUERY_RUNS = Table(
    name="query_runs",
    comment="One row is one query in one replicate of one arm",
    key=KEY,
    columns={
        **_QUERY,
        "cluster_id": ("varchar", "First gold document, else the query: what is not independent of what"),
        "query_type": ("varchar", "Type of the query in its query set"),
        "query": ("varchar", "Text of the query"),
        "scheduled_at": ("timestamp", "UTC time the query was due"),
        "started_at": ("timestamp", "UTC start"),
        "ended_at": ("timestamp", "UTC end"),
        "status": ("varchar", "answered or failed"),
        "error_type": ("varchar", "Class of the error of a failed query"),
        "error_message": ("varchar", "Its text"),
        "fallback": ("boolean", "True when an agent failed and a single pass answered instead"),
        "fallback_because": ("varchar", "Which agent failed and how"),
        "phase": ("varchar", "measured or warmup; views leave warm-up out"),
        "agent_sequence": ("varchar", "Agents in the order they ran, JSON"),
        "answer": ("varchar", "Answer; NULL when the query failed"),
        "abstained": ("boolean", "True when the answer says that the documents don't hold it; NULL when failed"),
        "citations": ("varchar", "Chunk ids that the answer cites, JSON"),
        "passages": ("varchar", "Chunk ids that reached the synthesizer, JSON; NULL when none was asked for"),
        "calls": ("integer", "Finished calls of the model"),
        "attempts": ("integer", "HTTP attempts, retries among them"),
        "failures": ("integer", "Attempts that failed"),
        "prompt_tokens": ("bigint", "Sum over all attempts; NULL with tokens_missing_because"),
        "completion_tokens": ("bigint", "Sum over all attempts; NULL with tokens_missing_because"),
        "billed_tokens": ("bigint", "prompt_tokens + completion_tokens; cached tokens are not subtracted"),
        "cached_tokens": ("bigint", "Prompt tokens served from the prefix cache; NULL when the engine does not say"),
        "prefill_computed_tokens": ("bigint", "prompt_tokens - cached_tokens"),
        "tokens_missing_because": ("varchar", "Reason from the list in docs/metrics.md"),
        "supervisor_tokens": ("bigint", "Billed tokens of the role supervisor"),
        "context_utilisation_ratio": ("double", "Largest prompt / (window - reserved output), in [0, 1]"),
        "wall_s": ("double", "Seconds of the root span"),
        "supervisor_llm_s": ("double", "Seconds of supervisor calls"),
        "coordination_overhead_s": ("double", "wall_s minus the union of leaf work, seconds"),
        "coordination_overhead_ratio": ("double", "coordination_overhead_s / wall_s"),
        "coordination_incl_supervisor_s": ("double", "The same with supervisor calls counted as coordination, seconds"),
        "parallelism_ratio": ("double", "Sum of leaf work / its union"),
        "times_missing_because": ("varchar", "Why the times are NULL: resumed or failed_run"),
    },
)

LLM_CALLS = Table(
    name="llm_calls",
    comment="One row is one HTTP attempt of one call of the model",
    key=("run_id", "call_id", "attempt"),
    columns={
        **_QUERY,
        "call_id": ("varchar", "One call of the model; its attempts share it"),
        "attempt": ("integer", "HTTP attempt, from 1"),
        "span_id": ("varchar", "Span of this attempt"),
        "engine_session": ("varchar", "Engine process that served it"),
        "agent": ("varchar", "supervisor, or one of the five agents, or single_pass"),
        "role": ("varchar", "agent, supervisor, compressor, summary, rerank, judge or control"),
        "task": ("varchar", "What the agent was asked for, unique within its query"),
        "node": ("varchar", "LangGraph node"),
        "checkpoint_ns": ("varchar", "LangGraph checkpoint namespace"),
        "request_hash": ("varchar", "sha256 of the request body"),
        "model": ("varchar", "Model asked"),
        "phase": ("varchar", "measured or warmup"),
        "status": ("varchar", "finished, failed, or cut_off when its usage may be incomplete"),
        "sent_at": ("timestamp", "UTC time of sending"),
        "queue_wait_s": ("double", "Seconds between intended start and sending"),
        "ttft_s": ("double", "Seconds from sending to the first content"),
        "e2e_latency_s": ("double", "Seconds from sending to the last content"),
        "tpot_s": ("double", "Seconds per output token after the first"),
        "decode_tps": ("double", "(completion_tokens - 1) / (last - first content), tokens per second"),
        "times_missing_because": ("varchar", "Why ttft_s or e2e_latency_s is NULL"),
        "prompt_tokens": ("bigint", "From the engine's usage"),
        "completion_tokens": ("bigint", "From the engine's usage"),
        "billed_tokens": ("bigint", "prompt_tokens + completion_tokens"),
        "cached_tokens": ("bigint", "usage.prompt_tokens_details.cached_tokens; NULL when absent"),
        "prefill_computed_tokens": ("bigint", "prompt_tokens - cached_tokens"),
        "tokens_missing_because": ("varchar", "no_usage or unreconciled"),
        "max_tokens": ("integer", "Completion limit of the request"),
        "http_status": ("integer", "NULL when no response came"),
        "finish_reason": ("varchar", "stop, length, ...; NULL when the stream did not end"),
        "output_valid": ("boolean", "Whether the reply had the form asked for; NULL for free text"),
        "error_type": ("varchar", "Class of the error"),
        "error_message": ("varchar", "Its text, keys redacted"),
        "served_from_cache": ("boolean", "True when a cache of ours answered; such rows bill 0 tokens"),
        "reply": ("varchar", "Text of the reply"),
    },
    checks=("(prompt_tokens is null) = (tokens_missing_because is not null)",),
)

SPANS = Table(
    name="spans",
    comment="One row is an interval: a workflow, an agent, a call or a search. Resumed queries have none",
    key=(*KEY, "span_id"),
    columns={
        **_QUERY,
        "span_id": ("varchar", "Unique within its query"),
        "parent_id": ("varchar", "Enclosing span; NULL for the root"),
        "op": ("varchar", "invoke_workflow, invoke_agent, chat or retrieval (OpenTelemetry GenAI)"),
        "name": ("varchar", "Agent, or what was asked"),
        "t0": ("bigint", "Start, nanoseconds on the process's monotonic clock"),
        "t1": ("bigint", "End, nanoseconds on the same clock"),
        "status": ("varchar", "ok or error"),
        "attributes": ("varchar", "OpenTelemetry GenAI attributes, JSON"),
        "semconv_version": ("varchar", "Version of the attribute names"),
    },
    checks=("t1 >= t0",),
)

RETRIEVED = Table(
    name="retrieved",
    comment="One row is a ranked chunk, of one search or of the candidates fused from a query's searches",
    key=(*KEY, "ranking", "span_id", "rank"),
    columns={
        **_QUERY,
        "ranking": ("varchar", "search, or candidates: the ranking that retrieval metrics judge"),
        "span_id": ("varchar", "Span of the search; root span for candidates"),
        "search_query": ("varchar", "Text searched for; NULL for candidates"),
        "strategy": ("varchar", "keyword_search, semantic_search or hybrid_search"),
        "level": ("varchar", "Performance level"),
        "rank": ("integer", "From 1"),
        "doc_id": ("varchar", "Document"),
        "chunk_id": ("varchar", "Chunk of the document"),
        "score": ("double", "Higher is better; comparable within one ranking only"),
        "candidates_k": ("integer", "Chunks asked for"),
        "final_k": ("integer", "Chunks kept for the answer"),
    },
)

ENGINE_COUNTERS = Table(
    name="engine_counters",
    comment="One row is a counter of the engine at an instant, before or after an arm",
    key=("run_id", "engine_session", "counter", "moment"),
    columns={
        **_RUN,
        "engine_session": ("varchar", "Engine process: counters restart with it"),
        "counter": ("varchar", "Name without the prefix vllm: and without _total"),
        "value": ("double", "Value, summed over its labels"),
        "moment": ("varchar", "before or after"),
        "taken_at": ("timestamp", "UTC time of the scrape"),
    },
)

MEASUREMENTS = Table(
    name="measurements",
    comment="One row is a metric of one query run: a value, or why there is none",
    key=(*KEY, "metric", "draw"),
    columns={
        **_QUERY,
        "metric": ("varchar", "Name from the catalogue, docs/metrics.md"),
        "value": ("double", "In the metric's unit"),
        "missing_because": ("varchar", "Reason from the list in docs/metrics.md"),
        "scorer_version": ("varchar", "Version of the formula"),
        "draw": ("integer", "Draw of a judge; 0 for every other metric"),
    },
    checks=("(value is null) = (missing_because is not null)",),
)

COMPARISONS = Table(
    name="comparisons",
    comment="One row compares a metric of two runs over the same queries",
    key=("baseline_run_id", "candidate_run_id", "metric", "agent", "slice"),
    columns={
        "run_id": ("varchar", "The candidate: the run whose segment holds the row"),
        "baseline_run_id": ("varchar", "Run compared against"),
        "candidate_run_id": ("varchar", "Run judged"),
        "metric": ("varchar", "Name from the catalogue"),
        "agent": ("varchar", "Agent, or all"),
        "slice": ("varchar", "Query type, or all"),
        "n": ("integer", "Pairs of queries with a value in both runs"),
        "n_left_out": ("integer", "Pairs without a value in one of them"),
        "clusters": ("integer", "Clusters among the pairs"),
        "baseline_value": ("double", "Mean over the pairs"),
        "candidate_value": ("double", "Mean over the pairs"),
        "delta": ("double", "Mean log ratio for tokens, mean difference for all else"),
        "delta_low": ("double", "Lower end of the 95 % interval, clustered"),
        "delta_high": ("double", "Upper end of the 95 % interval, clustered"),
        "p": ("double", "Two-sided p of delta = 0"),
        "p_holm": ("double", "The same, corrected by Holm over the gating metrics"),
        "mde": ("double", "Smallest difference that n pairs show with 80 % power, in the unit of delta"),
        "ratio_of_totals": ("double", "Candidate's total / baseline's total, for tokens"),
        "ratio_of_totals_low": ("double", "Lower end of its 95 % BCa bootstrap interval; NULL below 20 pairs"),
        "ratio_of_totals_high": ("double", "Upper end of its 95 % BCa bootstrap interval; NULL below 20 pairs"),
        "verdict": ("varchar", "better, non_inferior, worse or inconclusive"),
        "because": ("varchar", "Why the verdict or the interval is what it is"),
        "claimable": ("boolean", "Tokens only: fewer tokens at quality that is not worse"),
        "claimable_because": ("varchar", "Tokens only: why it may or may not be claimed"),
    },
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        RUNS,
        QUERY_RUNS,
        LLM_CALLS,
        SPANS,
        RETRIEVED,
        ENGINE_COUNTERS,
        MEASUREMENTS,
        COMPARISONS,
    )
}
