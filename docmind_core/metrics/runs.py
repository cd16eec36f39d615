"""Catalogue entries on an arm as a whole, and what is defined and not measured yet."""

from docmind_core.metrics.metric import Metric

RUNS = (
    Metric(
        name="pass_ratio",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="Mean of `passed` over the query runs whose passing is known, with Wilson's interval, clustered.",
        missing="as `passed`",
        source="`quality_summary`, metric `passed`; as a limit of a suite in the scorecard",
    ),
    Metric(
        name="pass_hat_k",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="pass^k: the chance that all of k attempts at a query pass, C(c, k) / C(n, k) with c of n "
        "replicates passed, mean over the queries. With 6 of 8 and k = 4: 0.214.",
        missing="fewer than k replicates: `n_too_small`; else as `passed`",
        source="`replicate_summary`, a row per k; `docmind compare` and limits use the mean, `passed`",
    ),
    Metric(
        name="pass_at_k",
        unit="1",
        range="0 to 1",
        better="higher",
        level="run",
        definition="pass@k: the chance that at least one of k attempts passes, 1 - C(n - c, k) / C(n, k), mean over "
        "the queries. With 6 of 8 and k = 4: 1.",
        missing="fewer than k replicates: `n_too_small`; else as `passed`",
        source="`replicate_summary`, a row per k",
    ),
    Metric(
        name="pass_flip_ratio",
        unit="1",
        range="0 to 1",
        better="lower",
        level="run",
        definition="Share of the pairs of a query's replicates that disagree on passing, 2 c (n - c) / (n (n - 1)), "
        "mean over the queries.",
        missing="one replicate: `n_too_small`; else as `passed`",
        source="`replicate_summary`; per query in `replicate_flips`",
    ),
    Metric(
        name="coordination_overhead_p95_s",
        unit="s",
        range="0 and above",
        better="lower",
        level="run",
        definition="95th percentile of `coordination_overhead_s`, interpolated (quantile_cont); resumed and failed "
        "queries have none and are left out.",
        missing="below 130 query runs: `n_too_small`; none has one: `resumed` or `failed_run`",
        source="`latency_summary`, `metric_history`",
    ),
    Metric(
        name="tokens_per_second",
        unit="tokens/s",
        range="above 0",
        better="higher",
        level="run",
        definition="Tokens of the arm, prompt and completion, / its seconds by the clock on the wall. The guide "
        "divides by the summed times of its agents instead, which is not a throughput; its report shows both.",
        missing="a resumed arm: `resumed`; one call's tokens unknown: `no_usage` or `unreconciled`",
        source="`system_performance`, with `tokens_per_second_missing_because`",
    ),
    Metric(
        name="achieved_concurrency",
        unit="calls",
        range="0 and above",
        better="higher",
        level="run",
        definition="Mean number of calls in flight while the arm was asking: the time of its calls / the time from its "
        "first query's start to its last one's, in each block, both within that time. Afterwards fewer and fewer are "
        "under way whatever the platform does. Below 80 % of `concurrency`, with at least four queries for each "
        "place, report and summary say so: the times are those of a lower load.",
        missing="no block had more queries than places: `n_too_small`; a resumed arm: `resumed`; an arm without a "
        "model: `no_model_call`; a system of yours whose calls don't say for which question they are: `unattributed`",
        source="`runs`, with `concurrency_missing_because`; `latency_summary`",
    ),
    Metric(
        name="vram_process_peak_gb",
        unit="GB",
        range="0 and above",
        better="lower",
        level="run",
        definition="Largest memory that compute processes held on a GPU in an arm's samples, in units of 10^9 bytes as "
        "in the guide's threshold; where the driver hides it, as in a container, all memory in use.",
        missing="no GPU: `no_gpu`; no sample: `not_sampled`; the driver does not say: `not_supported`",
        source="`device_samples`, columns `vram_process_gib` and `mem_used_gib` (GiB); in the scorecard",
    ),
    Metric(
        name="cost",
        unit="the currency of the price",
        range="0 and above",
        better="lower",
        level="run",
        definition="Tokens of the measured queries at the `price` of the suite, cached ones at their own price if it "
        "has one; or GPUs x hours of the run x `gpu_hour`. What warm-up and interrupted queries cost is in "
        "`tokens_by_day` only.",
        missing="no price in the suite: `no_price`; the cost of one query under a price per GPU hour: `per_gpu_hour`; "
        "a resumed arm under such a price: `resumed`; tokens unknown: `no_usage`, `unreconciled` or `flag_off`",
        source="`run_costs`, `query_costs`, `tokens_by_day`, with `cost_missing_because`",
    ),
    Metric(
        name="gpu_energy_j",
        unit="J",
        range="0 and above",
        better="lower",
        level="run",
        definition="What the energy counters of the GPUs grew by while the arm was at work, idle power included. Their "
        "sensors sample about a quarter of the time (arXiv 2312.02741).",
        missing="no GPU: `no_gpu`; no sample: `not_sampled`; no counter: `not_supported`; a counter that went back: "
        "`implausible`; less than 10 s: `n_too_small`",
        source="`run_costs`, with `energy_missing_because`",
    ),
)

NOT_MEASURED: dict[str, str] = {
    "itl_s": "gaps between chunks: the stream's chunks are not kept one by one; `tpot_s` is their mean",
    "prefill_tps by the client": "(prompt - cached tokens) / TTFT can't replace the engine's counters: "
    "waiting for other requests is in it",
    "ttft_from_sched_s": "`queue_wait_s` + `ttft_s` of a call gives it",
    "engine_queue_s": "the engine tells it for all requests together, not for one",
    "throughput_tps": "completion tokens alone; `tokens_per_second` has both kinds",
    "goodput_qps": "it needs limits on single queries; a suite has limits on runs",
    "faithfulness, relevance": "they take a judge, and none is configured",
    "abstain_auroc": "scores of different searches are not comparable",
    "energy_j_run, joules_per_query, joules_per_passed, energy_j_apportioned": "the idle power before a run is "
    "not measured; `gpu_energy_j` includes it",
}
"""Names the design defines and nothing computes, with why; no number is shown under them."""
