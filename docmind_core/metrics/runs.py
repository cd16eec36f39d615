"""Catalogue entries on an arm as a whole, and what is defined and not measured yet."""

from docmind_core.metrics.metric import Metric

_NO_ENGINE_TIME = (
    "the engine lacks the counter, or it was not read: `not_supported`; others used the engine: `not_exclusive`; a "
    "reading is missing, the ledger is not balanced, or the engine counted more or fewer requests than the arm has "
    "finished calls: `unreconciled`; a call without `ttft_s`: its reason, such as `not_streamed`; more time than the "
    "calls waited: `implausible`; else as for `wall_s`"
)

RUNS = (
    Metric(
        name="pass_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="Mean of `passed` over the query runs for which it is known, with a clustered Wilson interval.",
        missing="as `passed`",
        source="`quality_summary`, metric `passed`; in the scorecard if the suite limits it",
    ),
    Metric(
        name="pass_hat_k",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="pass^k: the probability that all of k attempts at a query pass, C(c, k) / C(n, k) if c of n "
        "replicates passed, averaged over the queries. Example: with 6 of 8 and k = 4, it is 0.214.",
        missing="fewer than k replicates: `n_too_small`; else as `passed`",
        source="`replicate_summary`, one row per k; `docmind compare` and limits use the mean, `passed`",
    ),
    Metric(
        name="pass_at_k",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="pass@k: the probability that at least one of k attempts passes, 1 - C(n - c, k) / C(n, k), "
        "averaged over the queries. Example: with 6 of 8 and k = 4, it is 1.",
        missing="fewer than k replicates: `n_too_small`; else as `passed`",
        source="`replicate_summary`, a row per k",
    ),
    Metric(
        name="pass_flip_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Share of the pairs of a query's replicates of which one passes and the other fails, 2 c (n - c) / "
        "(n (n - 1)), averaged over the queries.",
        missing="only one replicate: `n_too_small`; otherwise as for `passed`",
        source="`replicate_summary`; per query in `replicate_flips`",
    ),
    Metric(
        name="coordination_overhead_p95_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="run",
        definition="95th percentile of `coordination_overhead_s`, interpolated (quantile_cont); resumed and failed "
        "queries have no value and are excluded.",
        missing="fewer than 130 query runs: `n_too_small`; none has a value: `resumed` or `failed_run`",
        source="`latency_summary`, `metric_history`",
    ),
    Metric(
        name="tokens_per_second",
        unit="tokens/s",
        range="above 0",
        better="higher",
        level="run",
        definition="Prompt and completion tokens of the arm / its wall-clock duration in seconds. The guide divides "
        "by the sum of its agents' times instead, which is not a throughput; its report shows both.",
        missing="the arm was resumed: `resumed`; the tokens of one call are unknown: `no_usage` or `unreconciled`",
        source="`system_performance`, with `tokens_per_second_missing_because`",
    ),
    Metric(
        name="achieved_concurrency",
        unit="calls",
        range="0 and above",
        better="higher",
        level="run",
        definition="Mean number of calls in flight while the arm had queries left to start: the time spent in calls / "
        "the time from the start of its first query to the start of its last one, per block and within that period. "
        "Afterwards, the number of calls in flight necessarily falls. If it is below 80 % of `concurrency` with at "
        "least four queries per slot, report and summary say so: the times then reflect a lower load.",
        missing="no block had more queries than slots: `n_too_small`; the arm was resumed: `resumed`; the arm uses no "
        "model: `no_model_call`; calls from your system could not be assigned to a question: `unattributed`",
        source="`runs`, with `concurrency_missing_because`; `latency_summary`",
    ),
    Metric(
        name="vram_process_peak_gb",
        unit="GB",
        range="0 and above",
        better="lower",
        level="run",
        definition="Largest memory held by compute processes on a GPU in an arm's samples, in units of 10^9 bytes, "
        "like the guide's threshold. If the driver hides this figure, for example in a container, all memory in use.",
        missing="no GPU: `no_gpu`; no sample: `not_sampled`; the driver does not report it: `not_supported`",
        source="`device_samples`, columns `vram_process_gib` and `mem_used_gib` (GiB); in the scorecard",
    ),
    Metric(
        name="cost",
        unit="the currency of the price",
        range="0 and above",
        better="lower",
        level="run",
        definition="Tokens of the measured queries at the suite's `price`, with cached tokens at their own price if "
        "there is one; or GPUs x hours of the run x `gpu_hour`. The cost of warm-up and interrupted queries is only "
        "in `tokens_by_day`.",
        missing="the suite has no price: `no_price`; the cost of a single query with a price per GPU hour: "
        "`per_gpu_hour`; a resumed arm with such a price: `resumed`; unknown tokens: `no_usage`, `unreconciled` or "
        "`flag_off`",
        source="`run_costs`, `query_costs`, `tokens_by_day`, with `cost_missing_because`",
    ),
    Metric(
        name="gpu_energy_j",
        unit="J",
        range="0 and above",
        better="lower",
        level="run",
        definition="Increase of the GPUs' energy counters while the arm was working, including idle power. The "
        "sensors sample only about a quarter of the time (arXiv 2312.02741).",
        missing="no GPU: `no_gpu`; no sample: `not_sampled`; no counter: `not_supported`; a counter decreased: "
        "`implausible`; less than 10 s: `n_too_small`",
        source="`run_costs`, with `energy_missing_because`",
    ),
    Metric(
        name="engine_queue_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="run",
        definition="Mean seconds per query that calls were in the engine's queue before their first token: the wall "
        "time until first tokens x the growth of the engine's `request_queue_time_seconds_sum` in the measured blocks "
        "/ the sum of `ttft_s` over the same calls. If calls of a query overlap, this is proportional. vLLM counts "
        "from when its scheduler takes a request in until it first schedules it; before that, a request waits for the "
        "end of the current step, which remains in `first_token`.",
        missing=_NO_ENGINE_TIME,
        source="`where_time_goes`, part `engine_queue`",
    ),
    Metric(
        name="prefill_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="run",
        definition="The same for `request_prefill_time_seconds_sum`: from when a request is first scheduled until its "
        "first token, including what the engine computes for other requests in the same steps. Tokens from the prefix "
        "cache shorten it.",
        missing=_NO_ENGINE_TIME,
        source="`where_time_goes`, part `prefill`",
    ),
)

NOT_MEASURED: dict[str, str] = {
    "itl_s": "the gaps between chunks are not stored one by one; `tpot_s` is their mean",
    "prefill_tps by the client": "(prompt - cached tokens) / TTFT can't replace the engine's counters, because it "
    "includes waiting for other requests",
    "ttft_from_sched_s": "equals `queue_wait_s` + `ttft_s` of a call",
    "queue and prefill time of one call": "the engine counts them for all requests together; of an arm, see "
    "`engine_queue_s`",
    "throughput_tps": "covers completion tokens only; `tokens_per_second` covers both kinds",
    "goodput_qps": "requires limits on single queries; a suite has limits on runs",
    "faithfulness, relevance": "require a judge, and none is configured",
    "abstain_auroc": "scores of different searches are not comparable",
    "energy_j_run, joules_per_query, joules_per_passed, energy_j_apportioned": "the idle power before a run is "
    "not measured; `gpu_energy_j` includes it",
}
"""Names the design defines and nothing computes, with why; no number is shown under them."""
