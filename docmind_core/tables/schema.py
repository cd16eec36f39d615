"""The tables: their columns, types, keys and comments."""

from docmind_core.tables.ablation_tables import LEVER_EFFECTS
from docmind_core.tables.alert_tables import ALERT_TABLES
from docmind_core.tables.counter_table import ENGINE_COUNTERS
from docmind_core.tables.definitions import KEY, QUERY_COLUMNS, RUN_COLUMN, Table
from docmind_core.tables.device_table import DEVICE_SAMPLES
from docmind_core.tables.measurement_tables import COMPARISONS, MEASUREMENTS, NOISE_FLOOR, RUN_ESTIMATES
from docmind_core.tables.mechanism_columns import (
    EARLIER_COLUMN,
    ENDING_COLUMN,
    ESTIMATE_COLUMNS,
    HANDOFF_COLUMNS,
    MECHANISM_COLUMNS,
    READ_AS_COLUMN,
    REPLY_COLUMNS,
)
from docmind_core.tables.mechanism_tables import (
    AGENT_FAILURES,
    CACHE_LOOKUPS,
    CONTEXT_REDUCTIONS,
    RERANKS,
    ROUTE_DECISIONS,
)

RUNS = Table(
    name="runs",
    comment="One row is an arm of a benchmark run, with what it ran on",
    key=("run_id",),
    columns={
        **RUN_COLUMN,
        "benchmark_run": ("varchar", "Key of the benchmark run: <UTC start>-<suite>-<4 random>"),
        "suite": ("varchar", "Name of the suite"),
        "arm": ("varchar", "Graph that answered: single_pass, naive_supervisor, tuned, ..."),
        "level": ("varchar", "Performance level: fast, balanced or thorough"),
        "routing": ("varchar", "What a supervisor may choose from: fixed, dependencies or free"),
        "strategy": ("varchar", "Search strategy of the arms without a router"),
        "replicates": ("integer", "Repetitions of each query"),
        "concurrency": ("integer", "Queries in flight at once (closed loop)"),
        "blocks": ("integer", "Parts that the queries were cut into; in each, the arms took turns"),
        "seeds": ("varchar", "Seeds of the query selection and of the calls, JSON"),
        "dagster_run_id": ("varchar", "Dagster run that finished this arm"),
        "engine_session": ("varchar", "Latest engine session; a resumed run has several"),
        "engine_managed": ("boolean", "True when this project started the engine"),
        "engine_detached": ("boolean", "True for an engine of docmind engine start, which others may use; else false"),
        "engine_version": ("varchar", "Version that the engine reports"),
        "engine_args_hash": ("varchar", "sha256 of the engine's flags; NULL on a remote engine"),
        "batch_invariant": ("boolean", "VLLM_BATCH_INVARIANT of a managed engine; NULL when unknown"),
        "prefix_cache_state": ("varchar", "reset (emptied before the measured queries of each block) or unknown"),
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
        "hardware_fingerprint": ("varchar", "Processor, cores, memory and GPUs of the machine, hashed"),
        "conditions": ("varchar", "All configuration that a number of the run depends on, JSON with sorted keys"),
        "series_key": ("varchar", "sha256 of conditions, first 16 digits: runs with the same key are one series"),
        "git_sha": ("varchar", "Commit of this project; NULL outside a git checkout"),
        "git_dirty": ("boolean", "True when the checkout had uncommitted changes"),
        "started_at": ("timestamp", "UTC start of the arm"),
        "ended_at": ("timestamp", "UTC end of the arm"),
        "process_starts": ("integer", "Processes that worked on the arm; above 1 it was resumed; NULL in old journals"),
        "duration_s": (
            "double",
            "Seconds from the first query's start to the last one's end, summed over blocks; NULL when resumed",
        ),
        "duration_missing_because": (
            "varchar",
            "Why duration_s is NULL: resumed (the pause would count) or failed_run",
        ),
        **MECHANISM_COLUMNS,
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
        **QUERY_COLUMNS,
        "cluster_id": (
            "varchar",
            "Not independent: queries that share a gold document or ask the same, also through others",
        ),
        "query_type": ("varchar", "Type of the query in its query set"),
        "tags": ("varchar", "Tags of the query in its query set, JSON; NULL in rows of earlier versions"),
        "query": ("varchar", "Text of the query"),
        **EARLIER_COLUMN,
        "scheduled_at": ("timestamp", "UTC time the query was due"),
        "started_at": ("timestamp", "UTC start"),
        "ended_at": ("timestamp", "UTC end"),
        "status": ("varchar", "answered or failed"),
        "error_type": ("varchar", "Class of the error of a failed query"),
        "error_message": ("varchar", "Its text"),
        "fallback": ("boolean", "True when an agent failed and a single pass answered instead"),
        "fallback_because": ("varchar", "Which agent failed and how"),
        **ENDING_COLUMN,
        "phase": ("varchar", "measured or warmup; views leave warm-up out"),
        "block": ("integer", "Block that the query was answered in, from 1; 0 for warm-up"),
        "agent_sequence": ("varchar", "Agents in the order they ran, JSON"),
        "answer": ("varchar", "Answer, without thinking and citation marks; NULL when the query failed"),
        "reasoning": (
            "varchar",
            "What the model thought before the answer, from the engine's reasoning field or between think tags; NULL "
            "when there is no trace of it",
        ),
        "abstained": ("boolean", "True when the answer says that the documents don't hold it; NULL when failed"),
        "no_passages": ("boolean", "True when it searched and no search found a passage, whatever the answer was then"),
        "citations": ("varchar", "Chunk ids that the answer cites, JSON"),
        "passages": ("varchar", "Chunk ids that reached the synthesizer, JSON; NULL when none was asked for"),
        **READ_AS_COLUMN,
        "calls": ("integer", "Finished calls of the model"),
        "attempts": ("integer", "HTTP attempts, retries among them"),
        "failures": ("integer", "Attempts that failed"),
        "prompt_tokens": ("bigint", "Sum over all attempts; NULL with tokens_missing_because"),
        "completion_tokens": ("bigint", "Sum over all attempts; NULL with tokens_missing_because"),
        "billed_tokens": ("bigint", "prompt_tokens + completion_tokens; cached tokens are not subtracted"),
        "cached_tokens": ("bigint", "Prompt tokens served from the prefix cache; NULL with cached_missing_because"),
        "prefill_computed_tokens": ("bigint", "prompt_tokens - cached_tokens; NULL with cached_missing_because"),
        "tokens_missing_because": ("varchar", "Reason from the list in docs/metrics.md"),
        "cached_missing_because": (
            "varchar",
            "Why cached_tokens is NULL: flag_off, no_usage, implausible or unreconciled",
        ),
        "supervisor_tokens": ("bigint", "Billed tokens of the role supervisor"),
        **HANDOFF_COLUMNS,
        "context_utilisation_ratio": ("double", "Largest prompt / (window - reserved output), in [0, 1]"),
        "context_missing_because": (
            "varchar",
            "Why it is NULL: not_supported, no_usage, unreconciled or zero_denominator; NULL in old rows",
        ),
        "wall_s": ("double", "Seconds of the root span"),
        "supervisor_llm_s": ("double", "Seconds of supervisor calls"),
        "coordination_overhead_s": ("double", "wall_s minus the union of leaf work, seconds"),
        "coordination_overhead_ratio": ("double", "coordination_overhead_s / wall_s"),
        "coordination_incl_supervisor_s": ("double", "The same with supervisor calls counted as coordination, seconds"),
        "parallelism_ratio": ("double", "Sum of leaf work / its union"),
        "critical_path_s": (
            "double",
            "Seconds of the longest chain of leaf work that waited for each other (inferred)",
        ),
        "critical_path_tokens": ("bigint", "Prompt + completion tokens of the heaviest such chain"),
        "concurrency_ratio": ("double", "Sum of leaf work / time from its first start to its last end"),
        "guide_parallel_savings": ("bigint", "The guide's sum less maximum of agents at once; no token is saved by it"),
        "times_missing_because": ("varchar", "Why the times are NULL: resumed or failed_run"),
    },
)

LLM_CALLS = Table(
    name="llm_calls",
    comment="One row is one HTTP attempt of one call of the model",
    key=("run_id", "call_id", "attempt"),
    columns={
        **QUERY_COLUMNS,
        "call_id": ("varchar", "One call of the model; its attempts share it"),
        "attempt": ("integer", "HTTP attempt, from 1"),
        "span_id": (
            "varchar",
            "Span of the attempt, from its sending; not in `spans` where the query was resumed",
        ),
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
        "queue_wait_s": (
            "double",
            "Seconds from when this attempt was ready to go out to sending",
        ),
        "ttft_s": ("double", "Seconds from sending to the first token of any kind, thinking among them"),
        "ttft_answer_s": ("double", "Seconds from sending to the first token of the answer"),
        "e2e_latency_s": ("double", "Seconds from sending to the last token"),
        "tpot_s": ("double", "Seconds per output token, between the first and the last chunk that counts tokens"),
        "decode_tps": ("double", "1 / tpot_s, tokens per second"),
        "times_missing_because": ("varchar", "Why ttft_s or e2e_latency_s is NULL"),
        "answer_time_missing_because": ("varchar", "Why ttft_answer_s is NULL; no_content when there was no answer"),
        "decode_missing_because": (
            "varchar",
            "Why tpot_s and decode_tps are NULL: not_streamed when the engine counts no tokens while it streams, or "
            "all came at once; single_token, no_usage, implausible, or as for the other times",
        ),
        "prompt_tokens": ("bigint", "From the engine's usage"),
        "completion_tokens": ("bigint", "From the engine's usage"),
        "billed_tokens": ("bigint", "prompt_tokens + completion_tokens"),
        "cached_tokens": ("bigint", "usage.prompt_tokens_details.cached_tokens; NULL with cached_missing_because"),
        "prefill_computed_tokens": ("bigint", "prompt_tokens - cached_tokens; NULL with cached_missing_because"),
        "tokens_missing_because": ("varchar", "no_usage, implausible or unreconciled"),
        **ESTIMATE_COLUMNS,
        "cached_missing_because": (
            "varchar",
            "Why cached_tokens is NULL: flag_off, no_usage, implausible or unreconciled",
        ),
        "max_tokens": ("integer", "Completion limit of the request"),
        "http_status": ("integer", "NULL when no response came"),
        "finish_reason": ("varchar", "stop, length, content_filter, tool_calls, ...; NULL when the server gave none"),
        "output_valid": ("boolean", "Whether the reply had the form asked for; NULL for free text"),
        "error_type": ("varchar", "Class of the error"),
        "error_message": ("varchar", "Its text, keys redacted"),
        "served_from_cache": ("boolean", "True when a cache of ours answered; such rows bill 0 tokens"),
        **REPLY_COLUMNS,
    },
    checks=(
        "(prompt_tokens is null) = (tokens_missing_because is not null)",
        # One way only: segments of earlier versions have no reasons.
        "cached_tokens is null or cached_missing_because is null",
        "decode_tps is null or decode_missing_because is null",
        "ttft_answer_s is null or answer_time_missing_because is null",
    ),
)

SPANS = Table(
    name="spans",
    comment="One row is an interval: a workflow, an agent, an attempt of a call, a search, or a wait. Resumed queries "
    "have none",
    key=(*KEY, "span_id"),
    columns={
        **QUERY_COLUMNS,
        "span_id": ("varchar", "Unique within its query"),
        "parent_id": ("varchar", "Enclosing span; NULL for the root"),
        "op": (
            "varchar",
            "invoke_workflow, invoke_agent, chat or retrieval (OpenTelemetry GenAI); queue: waiting for a place among "
            "the calls in flight; backoff: between two attempts",
        ),
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
    comment="One row is a ranked chunk, of one search or of the candidates fused from a query's searches; "
    "candidates go on until 10 documents are ranked",
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
            "Higher is better; comparable within one ranking only; 1 / rank after a rerank; NULL for candidates below "
            "what agents were given, which are ranked for the metrics alone",
        ),
        "candidates_k": ("integer", "Chunks that agents asked for"),
        "final_k": ("integer", "Chunks kept for the answer"),
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
        CONTEXT_REDUCTIONS,
        CACHE_LOOKUPS,
        ROUTE_DECISIONS,
        RERANKS,
        AGENT_FAILURES,
        ENGINE_COUNTERS,
        DEVICE_SAMPLES,
        MEASUREMENTS,
        RUN_ESTIMATES,
        COMPARISONS,
        NOISE_FLOOR,
        LEVER_EFFECTS,
        *ALERT_TABLES,
    )
}
