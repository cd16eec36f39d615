"""Catalogue entries on tokens, time and the comparison of two runs."""

from docmind_core.metrics.metric import Metric

_NO_USAGE = (
    "the engine sent no usage: `no_usage`; one that can't be: `implausible`; the call was cut off: `unreconciled`"
)

TOKENS = (
    Metric(
        name="prompt_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="call",
        definition="From the engine's `usage`, once per HTTP attempt, with the finish_reason or later, "
        "where its counts are whole (12, 12.0, '12') and can be. Sums take every attempt, failed ones too, but not the "
        "judge's calls; a sum over a call without usage is missing.",
        missing=_NO_USAGE,
        source="`llm_calls`, `query_runs`, `token_efficiency`",
        rows="llm_calls",
        because="tokens_missing_because",
    ),
    Metric(
        name="completion_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="call",
        definition="From the engine's `usage`, as `prompt_tokens`.",
        missing=_NO_USAGE,
        source="`llm_calls`, `query_runs`, `token_efficiency`",
        rows="llm_calls",
        because="tokens_missing_because",
    ),
    Metric(
        name="billed_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="query",
        definition="`prompt_tokens` + `completion_tokens`. Cached tokens are not subtracted.",
        missing=_NO_USAGE,
        source="`llm_calls`, `query_runs`, `token_efficiency`; compared in `comparisons`",
        gating=True,
        rows="query_runs",
        because="tokens_missing_because",
    ),
    Metric(
        name="cached_tokens",
        unit="tokens",
        range="0 to prompt_tokens",
        better="higher",
        level="call",
        definition="`usage.prompt_tokens_details.cached_tokens`: prompt tokens that the engine took from its prefix "
        "cache.",
        missing="the engine does not report it: `flag_off`, or `not_supported` off vLLM; `no_usage` where "
        "it sent no usage at all; it says more than the prompt has, or no whole number: `implausible`; it was cut "
        "off: `unreconciled`",
        source="`llm_calls`, `query_runs`, `token_efficiency`, each with `cached_missing_because`",
        rows="llm_calls",
        because="cached_missing_because",
    ),
    Metric(
        name="computed_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="query",
        definition="`prompt_tokens` - `cached_tokens` + `completion_tokens`: what the engine had to compute.",
        missing="as `cached_tokens`",
        source="`token_efficiency`; compared in `comparisons`",
        rows="query_runs",
        formula="prefill_computed_tokens + completion_tokens",
        because="cached_missing_because",
    ),
    Metric(
        name="context_utilisation_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="query",
        definition="Largest prompt of the query / (context window - reserved output).",
        missing="the engine does not state its window: `not_supported`; no call of the query has usage: `no_usage` or "
        "`unreconciled`; no call, or a window that the output fills: `zero_denominator`; in context_missing_because",
        source="`query_runs`",
        rows="query_runs",
        because="context_missing_because",
    ),
)

TIMES = (
    Metric(
        name="queue_wait_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="call",
        definition="From when an attempt was ready to go out to its sending: waiting for a place among the calls in "
        "flight.",
        source="`llm_calls`",
        rows="llm_calls",
    ),
    Metric(
        name="ttft_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="call",
        definition="From sending to the first chunk with a token of any kind (thinking, answer, refusal or tool call), "
        "on the client's monotonic clock. The request is sent once its beginning is booked and it has its place among "
        "the calls in flight; waiting for that place is `queue_wait_s`.",
        missing="the server does not stream: `not_streamed`; the reply held nothing: `no_content`; failed: "
        "`failed_run`",
        source="`llm_calls`, `latency_summary`",
        rows="llm_calls",
        because="times_missing_because",
    ),
    Metric(
        name="ttft_answer_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="call",
        definition="From sending to the first chunk with text of the answer; a model that thinks has `ttft_s` before.",
        missing="no text of an answer: `no_content`; else as `ttft_s`; in answer_time_missing_because",
        source="`llm_calls`, `latency_summary`",
        rows="llm_calls",
        because="answer_time_missing_because",
    ),
    Metric(
        name="e2e_latency_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="call",
        definition="From sending to the last chunk with a token of any kind. Waiting for a place among the calls in "
        "flight and between attempts is not in it: those are the spans `queue` and `backoff`.",
        missing="the reply held nothing: `no_content`; failed: `failed_run`",
        source="`llm_calls`, `latency_summary`",
        rows="llm_calls",
        because="times_missing_because",
    ),
    Metric(
        name="tpot_s",
        unit="s",
        range="0.00001 and above",
        better="lower",
        level="call",
        definition="Time / tokens between the first and the last chunk whose usage counts a token. So the first token "
        "is left out, as in vLLM's own benchmark (GuideLLM includes it); thinking, several tokens in one chunk and the "
        "end token, which has no text, are counted as the engine counts them. A chunk that opens the stream with 0 "
        "tokens, and one that repeats the count at its end, take no time of a token.",
        missing="fewer than two such chunks (an engine without continuous usage), or all of them at once (something on "
        "the way keeps the reply back: faster than 100,000 tokens/s): `not_streamed`; no token between them: "
        "`single_token`; a count lower than the one before: `implausible`; no usage at all: `no_usage`; failed: "
        "`failed_run`; in decode_missing_because",
        source="`llm_calls`, `latency_summary`",
        rows="llm_calls",
        because="decode_missing_because",
    ),
    Metric(
        name="decode_tps",
        unit="tokens/s",
        range="above 0, at most 100,000",
        better="higher",
        level="call",
        definition="1 / `tpot_s`.",
        missing="as `tpot_s`; in decode_missing_because",
        source="`llm_calls`, `latency_summary`",
        rows="llm_calls",
        because="decode_missing_because",
    ),
    Metric(
        name="prefill_tps",
        unit="tokens/s",
        range="above 0",
        better="higher",
        level="run",
        definition="Prompt tokens computed, cached ones left out, / seconds of prefill, both by the engine's counters "
        "over the arm. Waiting for other requests of a batch is part of the time.",
        missing="engine without these counters: `not_supported`; a session without its last reading, as after the "
        "engine's death: `unreconciled`; others used the engine: `not_exclusive`",
        source="`engine_counters`, `latency_summary`",
    ),
    Metric(
        name="agent_latency_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="call",
        definition="Duration of one execution of an agent: its `invoke_agent` span.",
        missing="`resumed`, `failed_run`",
        source="`spans`",
        rows="spans",
        formula="(t1 - t0) / 1e9",
    ),
    Metric(
        name="agent_latency_p95_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="run",
        definition="95th percentile of one execution of an agent, interpolated (quantile_cont).",
        missing="below 130 executions: `n_too_small`",
        source="`latency_summary`",
    ),
    Metric(
        name="wall_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="query",
        definition="Duration of the query's root span. Closed loop: not service latency under load.",
        missing="finished from replayed calls: `resumed`; failed before it began: `failed_run`",
        source="`query_runs`, `latency_summary`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="coordination_overhead_s",
        unit="s",
        range="0 to wall_s",
        better="lower",
        level="query",
        definition="`wall_s` minus the union of leaf work (model calls, embeddings, searches, tools), clipped to the "
        "root span. `coordination_overhead_ratio` is it / `wall_s`. The bundled arms run without LangGraph's "
        "callbacks, streams and checkpoints, which would add about 2 ms (`tuned`) to 5 ms (`naive_supervisor`).",
        missing="`resumed`, `failed_run`",
        source="`query_runs`, `latency_summary`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="coordination_incl_supervisor_s",
        unit="s",
        range="coordination_overhead_s to wall_s",
        better="lower",
        level="query",
        definition="The same with the supervisor's model calls counted as coordination, not as work: the gap measure "
        "alone hides a supervisor that is a model. `supervisor_llm_s` is the sum of their durations.",
        missing="`resumed`, `failed_run`",
        source="`query_runs`, `latency_summary`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="parallelism_ratio",
        unit="1",
        range="1 and above",
        better="none",
        level="query",
        definition="Sum of leaf work / its union.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`",
        source="`query_runs`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="critical_path_s",
        unit="s",
        range="0 to wall_s",
        better="lower",
        level="query",
        definition="Longest chain of leaf work in which each piece started after the one before; inferred: a piece "
        "depends on the latest other that had ended when it began. `critical_path_tokens` is the heaviest chain in "
        "prompt + completion tokens.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`; its tokens also where one call's are unknown: "
        "`no_usage` or `unreconciled`",
        source="`query_runs`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="concurrency_ratio",
        unit="1",
        range="above 0",
        better="none",
        level="query",
        definition="Sum of leaf work / time from its first start to its last end.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`",
        source="`query_runs`",
        rows="query_runs",
        because="times_missing_because",
    ),
    Metric(
        name="guide_parallel_savings",
        unit="tokens",
        range="0 and above",
        better="none",
        level="query",
        definition="What the guide calls token savings: over groups of agents whose calls overlap in time, the sum of "
        "their tokens less the largest. For reproduction only: running at once sends the same tokens.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`; one call's tokens unknown: `no_usage` or "
        "`unreconciled`",
        source="`query_runs`",
        rows="query_runs",
        because="times_missing_because",
    ),
)
