"""Catalogue entries on tokens, time and the comparison of two runs."""

from docmind_core.metrics.metric import Metric

_NO_USAGE = "the engine sent no usage: `no_usage`; impossible usage: `implausible`; cut off: `unreconciled`"

TOKENS = (
    Metric(
        name="prompt_tokens",
        unit="tokens",
        range="0 and above",
        better="lower",
        level="call",
        definition="Taken from the engine's `usage`, once per HTTP attempt, sent with the finish_reason or later, if "
        "its counts are whole numbers (12, 12.0, '12') and plausible. Sums include every attempt, even failed ones, "
        "but not the judge's calls; a sum that includes a call without usage is missing.",
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
        definition="Taken from the engine's `usage`, like `prompt_tokens`.",
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
        missing="the engine does not report it: `flag_off`, or `not_supported` for engines other than vLLM; the "
        "engine sent no usage: `no_usage`; the count exceeds the prompt or is not a whole number: `implausible`; the "
        "call was cut off: `unreconciled`",
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
        definition="`prompt_tokens` - `cached_tokens` + `completion_tokens`: the tokens that the engine computes.",
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
        missing="the engine does not report its context window: `not_supported`; no call of the query has usage: "
        "`no_usage` or `unreconciled`; no call, or the reserved output fills the window: `zero_denominator`; the "
        "reason is in context_missing_because",
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
        definition="Time from when an attempt is ready until it is sent: the wait for a slot among the calls in "
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
        definition="Time from sending the request to the first chunk with a token of any kind (thinking, answer, "
        "refusal or tool call), on the client's monotonic clock. The request is sent once its start is recorded and "
        "it has a slot among the calls in flight; the wait for the slot is `queue_wait_s`.",
        missing="the server does not stream: `not_streamed`; the reply is empty: `no_content`; the call failed: "
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
        definition="Time from sending to the first chunk with answer text; if the model thinks, `ttft_s` is earlier.",
        missing="no answer text: `no_content`; else as for `ttft_s`; in answer_time_missing_because",
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
        definition="Time from sending the request to the last chunk with a token of any kind. It excludes waiting for "
        "a slot among the calls in flight and between attempts; these waits are the spans `queue` and `backoff`.",
        missing="the reply is empty: `no_content`; the call failed: `failed_run`",
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
        definition="Time / tokens between the first and the last chunk whose usage counts a token. The first token is "
        "therefore excluded, as in vLLM's own benchmark (GuideLLM includes it). Thinking, several tokens in one "
        "chunk, and the end token, which has no text, are counted as the engine counts them. A chunk that opens the "
        "stream with 0 tokens, or repeats the count at its end, does not count.",
        missing="fewer than two such chunks (an engine without continuous usage), or all of them at once (something "
        "on the way holds the reply back: faster than 100,000 tokens/s): `not_streamed`; no token between them: "
        "`single_token`; a count lower than the previous one: `implausible`; no usage at all: `no_usage`; the call "
        "failed: `failed_run`; the reason is in decode_missing_because",
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
        missing="as for `tpot_s`; the reason is in decode_missing_because",
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
        definition="Computed prompt tokens (without cached ones) / seconds of prefill, both from the engine's "
        "counters over the arm. It includes waiting for other requests in a batch.",
        missing="the engine lacks these counters: `not_supported`; a session has no final reading, for example "
        "because the engine died: `unreconciled`; others used the engine: `not_exclusive`",
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
        definition="95th percentile of the duration of one execution of an agent, interpolated (quantile_cont).",
        missing="fewer than 130 executions: `n_too_small`",
        source="`latency_summary`",
    ),
    Metric(
        name="wall_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="query",
        definition="Duration of the query's root span, in a closed loop: not service latency under load.",
        missing="the query was finished from replayed calls: `resumed`; it failed before it started: `failed_run`",
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
        "root span. `coordination_overhead_ratio` is this value / `wall_s`. The bundled arms run without LangGraph's "
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
        definition="The same, but with the supervisor's model calls counted as coordination, not as work, to show the "
        "cost of a model-based supervisor. `supervisor_llm_s` is the total duration of these calls.",
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
        definition="Sum of leaf work / union of leaf work.",
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
        definition="Longest chain of leaf work in which each piece starts after the previous one. The dependencies "
        "are inferred: each piece depends on the piece that ended last before it started. `critical_path_tokens` is "
        "the chain with the most prompt + completion tokens.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`; its tokens also if those of one call are "
        "unknown: `no_usage` or `unreconciled`",
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
        definition="What the guide calls token savings: for groups of agents whose calls overlap in time, the sum of "
        "their tokens minus the largest. For reproduction only: agents that run in parallel send the same tokens.",
        missing="no work: `zero_denominator`; `resumed`, `failed_run`; tokens are unknown: `no_usage` or "
        "`unreconciled`",
        source="`query_runs`",
        rows="query_runs",
        because="times_missing_because",
    ),
)
