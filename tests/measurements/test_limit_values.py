"""The measured side of each limit."""

import pytest

from docmind_core.measurements.limit_results import judged_arm, worst_by_limit
from docmind_core.measurements.limit_values import growth, measure_limits
from docmind_core.suites.suite import Suite
from tests.builders import (
    BENCHMARK_RUN,
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

TUNED = f"{BENCHMARK_RUN}.tuned"


def suite(**changes):
    values = {"name": "smoke", "query_set": "python-reference", "arms": ("single_pass", "naive_supervisor", "tuned")}
    return Suite.model_validate({**values, **changes})


def plant(home, *, overheads=(), latencies=None, reduction=None, mde=None, **columns):
    """Write the arm `tuned`: one query run per overhead, one agent execution per latency."""
    queries = [
        make_query_run_row(f"q{place}", coordination_overhead_s=seconds, **columns)
        for place, seconds in enumerate(overheads)
    ]
    spans = [
        {
            "query_id": f"q{place % len(queries)}", "replicate": 0, "span_id": f"{agent}-{place}",
            "op": "invoke_agent", "name": agent, "t0": 0, "t1": round(seconds * 1e9),
        }
        for agent, times in (latencies or {}).items()
        for place, seconds in enumerate(times)
    ]  # fmt: skip
    rows = {"query_runs": queries, "spans": spans}
    if reduction is not None:
        delta, low, high, n = reduction
        rows["comparisons"] = [
            {
                "baseline_run_id": f"{BENCHMARK_RUN}.naive_supervisor", "candidate_run_id": TUNED, "agent": "all",
                "metric": "billed_tokens", "slice": "all", "n": n, "delta": delta, "delta_low": low,
                "delta_high": high, "mde": mde,
            }
        ]  # fmt: skip
    write_rows(home, rows, TUNED)


def measured(home, **changes):
    return {one.limit.name: one for one in measure_limits(home.tables, BENCHMARK_RUN, suite(**changes))}


def of_limit(home, name, set_to, **changes):
    results = measure_limits(home.tables, BENCHMARK_RUN, suite(limits={name: set_to}, **changes))
    return {one.agent: one for one in results if one.limit.name == name}


def test_the_judged_arm_is_the_best_system_of_the_suite():
    assert judged_arm(suite()) == "tuned"
    assert judged_arm(suite(arms=("single_pass", "naive_supervisor"))) == "naive_supervisor"
    assert judged_arm(suite(arms=("single_pass",))) == "single_pass"


def test_a_p95_has_an_interval_from_130_values_on(home):
    """S3: the p95 of the overhead, against its limit."""
    plant(home, overheads=[0.1] * 129)
    few = measured(home)["coordination_overhead_p95_s"]
    assert (few.measured.value, few.measured.low, few.measured.because) == (0.1, None, "n_too_small")
    plant(home, overheads=[place / 100 for place in range(130)])
    enough = measured(home)["coordination_overhead_p95_s"]
    assert enough.measured.value == pytest.approx(1.2255)  # rank 0.95 * 129 = 122.55
    assert enough.measured.low < 1.2255 < enough.measured.high
    assert (enough.measured.n, enough.state) == (130, "missed")
    assert enough.p < 1e-9


def test_each_agent_is_measured_and_the_slowest_represents_the_limit(home):
    plant(home, overheads=[0.0], latencies={"query_router": [0.5] * 3, "response_validator": [3.0] * 3})
    found = of_limit(home, "agent_latency_p95_s", 2.0)
    assert {agent: one.measured.value for agent, one in found.items()} == {
        "query_router": 0.5,
        "response_validator": 3.0,
    }
    assert worst_by_limit(list(found.values()))["agent_latency_p95_s"].agent == "response_validator"


def test_the_reduction_comes_with_the_interval_of_its_logs(home):
    plant(home, overheads=[0.1], reduction=(-0.6931471805599453, -0.9162907318741551, -0.5108256237659907, 320))
    value = measured(home)["reduction_pct_min"]
    assert (value.measured.value, value.measured.low, value.measured.high) == pytest.approx((50.0, 40.0, 60.0))
    assert (value.measured.n, value.state) == (320, "met")


def test_what_is_missing_has_a_reason_and_is_never_zero(home):
    """S59: all five limits are measured, or say why not."""
    plant(home, overheads=[None, None], times_missing_because="resumed")
    values = measured(home, limits={"pass_ratio_min": 0.8})
    assert {name: (value.measured.value, value.measured.because) for name, value in values.items()} == {
        "agent_latency_p95_s": (None, "resumed"),
        "reduction_pct_min": (None, "not_compared"),
        "context_utilisation_ratio": (None, "not_supported"),
        "vram_process_peak_gb": (None, "not_sampled"),
        "coordination_overhead_p95_s": (None, "resumed"),
        "pass_ratio_min": (None, "not_scored"),
        "good_ratio_min": (1.0, None),
    }
    del values["good_ratio_min"]
    assert {value.state for value in values.values()} == {"not measured"}


def test_a_benchmark_run_without_rows_is_measured_without_an_error(home):
    values = measured(home).values()
    assert all(value.measured.value is None and value.because for value in values)
    assert {value.state for value in values} == {"not measured", "not judged"}


def test_a_share_of_passes_is_decided_by_its_interval(home):
    rows = {
        "query_runs": [make_query_run_row(f"q{place}", cluster_id=f"d{place}") for place in range(100)],
        "measurements": [make_score_row("passed", float(place < 60), f"q{place}") for place in range(100)],
    }
    write_rows(home, rows, TUNED)
    value = measured(home, limits={"pass_ratio_min": 0.8})["pass_ratio_min"]
    assert value.measured.value == 0.6
    assert (value.measured.low, value.measured.high) == pytest.approx((0.5020, 0.6906), abs=1e-4)
    assert value.state == "missed"


def test_a_share_without_spread_is_as_sure_as_its_queries_are_independent(home):
    """Eight queries about six documents are worth fewer than eight."""
    queries = [make_query_run_row(f"q{place}", cluster_id=f"doc-{place % 6}") for place in range(8)]
    passes = [make_score_row("passed", 1.0, f"q{place}") for place in range(8)]
    write_rows(home, {"query_runs": queries, "measurements": passes}, TUNED)
    measured_share = measured(home, limits={"pass_ratio_min": 0.8})["pass_ratio_min"].measured
    assert (measured_share.value, measured_share.n) == (1.0, 8)
    # statsmodels.stats.proportion.proportion_confint(8, 8, method="wilson") begins at 0.6756
    assert 0.4 < measured_share.low < 0.6756
    assert measured_share.high == 1.0


def test_replicates_of_a_query_are_not_further_evidence_that_all_is_good(home):
    queries = [make_query_run_row(f"q{place % 6}", replicate=place // 6) for place in range(12)]
    write_rows(home, {"query_runs": queries}, TUNED)
    good = measured(home, limits={"good_ratio_min": 0.99})["good_ratio_min"].measured
    assert (good.value, good.n) == (1.0, 6)
    assert good.low == pytest.approx(0.6097, abs=1e-4), "of six, not of twelve"


def test_failed_queries_and_fallbacks_are_not_good(home):
    answered, failed = make_query_run_row("q1"), make_query_run_row("q2", status="failed")
    write_rows(home, {"query_runs": [answered, failed, make_query_run_row("q3", fallback=True)]}, TUNED)
    value = measured(home, limits={"good_ratio_min": 0.99})["good_ratio_min"]
    assert value.measured.value == pytest.approx(1 / 3)


def plant_speeds(home, speeds, counters=()):
    calls = [
        make_call_row(call_id=f"c{number}", query_id=f"q{number}", decode_tps=speed)
        for number, speed in enumerate(speeds)
    ]
    taken = [
        {"engine_session": "s", "block": 1, "counter": counter, "moment": moment, "value": value}
        for counter, moment, value in counters
    ]
    queries = [make_query_run_row(f"q{place}", cluster_id=f"d{place}") for place in range(max(len(speeds), 1))]
    rows = {"query_runs": queries, "llm_calls": calls, "engine_counters": taken}
    write_rows(home, rows, TUNED)


def test_decoding_has_a_minimum_and_no_maximum(home):
    """S4: upstream's validator fails an engine that is faster than 160 tokens/s; here it can't be too fast."""
    plant_speeds(home, [200.0 + number for number in range(60)])
    value = measured(home, limits={"decode_tps_min": 100.0})["decode_tps_min"]
    assert (value.state, value.measured.value, value.measured.n) == ("met", 229.5, 60)
    # scipy.stats.t.interval(0.95, 59, 229.5, scipy.stats.sem(range(60)))
    assert (value.measured.low, value.measured.high) == pytest.approx((224.988, 234.012), abs=1e-3)


def test_prefilling_is_what_the_engine_computed_in_its_own_time(home):
    """S5: 9,000 - 1,000 tokens in 12 - 2 s are 800 tokens/s."""
    tokens, seconds = "request_prefill_kv_computed_tokens_sum", "request_prefill_time_seconds_sum"
    counters = [(tokens, "before", 1_000.0), (tokens, "after", 9_000.0)]
    plant_speeds(home, [], [*counters, (seconds, "before", 2.0), (seconds, "after", 12.0)])
    value = measured(home, limits={"prefill_tps_min": 801.0})["prefill_tps_min"]
    assert (value.state, value.measured.value) == ("missed", 800.0)


def test_the_prefill_speed_of_an_engine_that_others_used_is_not_the_runs(home):
    growth = {"prompt_tokens": 900.0, "generation_tokens": 90.0, "request_success": 5.0}
    growth |= {"request_prefill_kv_computed_tokens_sum": 8_000.0, "request_prefill_time_seconds_sum": 10.0}
    rows = {"query_runs": [make_query_run_row()], "engine_counters": make_counter_rows(growth, TUNED)}
    for managed, expected in ((True, None), (False, "not_exclusive")):
        write_rows(home, {**rows, "runs": [make_run_row(TUNED, engine_managed=managed)]}, TUNED)
        value = measured(home, limits={"prefill_tps_min": 800.0})["prefill_tps_min"]
        assert value.measured.because == expected


def test_an_engine_that_does_not_count_its_prefill_time_has_no_prefill_speed(home):
    plant_speeds(home, [], [("request_prefill_kv_computed_tokens_sum", "after", 9_000.0)])
    value = measured(home, limits={"prefill_tps_min": 800.0})["prefill_tps_min"]
    assert (value.state, value.measured.because) == ("not measured", "not_supported")


def test_the_context_limit_is_decided_by_the_share_of_queries_above_it(home):
    """S59: Wilson's interval and exact test; 12 of 100 queries above 90 % of the window are more than 5 %."""
    ratios = [0.95] * 12 + [0.85] * 8 + [0.5] * 80
    rows = [
        make_query_run_row(f"q{n}", cluster_id=f"d{n}", context_utilisation_ratio=ratio)
        for n, ratio in enumerate(ratios)
    ]
    write_rows(home, {"query_runs": rows}, TUNED)
    value = measured(home)["context_utilisation_ratio"]
    assert (value.measured.value, value.measured.n, value.set_to, value.bound) == (0.12, 100, 0.9, 0.05)
    # scipy.stats.binomtest(12, 100).proportion_ci(method="wilson"), and (12, 100, 0.05, "greater").pvalue
    assert (value.measured.low, value.measured.high) == pytest.approx((0.069994, 0.198121), abs=1e-5)
    assert value.p == pytest.approx(0.004274, abs=1e-5)
    assert value.state == "missed"
    assert value.near_ratio == 0.2, "above 0.81, ten percent inside the limit"
    assert value.notes == ("share of the queries above 90 % of the window", "highest 95 %")


def test_an_unknown_share_of_the_window_keeps_the_reason_of_its_queries(home):
    """S59."""
    unknown = {"context_utilisation_ratio": None, "context_missing_because": "unreconciled"}
    write_rows(home, {"query_runs": [make_query_run_row("q0", **unknown)]}, TUNED)
    assert measured(home)["context_utilisation_ratio"].measured.because == "unreconciled"


def test_a_request_that_was_refused_is_above_the_window(home):
    """S27."""
    rows = [make_query_run_row(f"q{n}", context_utilisation_ratio=0.1) for n in range(98)]
    rows += [make_query_run_row("q98", status="failed", error_type="ContextOverflow", context_utilisation_ratio=0.2)]
    rows += [make_query_run_row("q99", context_utilisation_ratio=0.1)]
    refused = {
        "query_id": "q99", "replicate": 0, "task": "rerank", "step": 1, "strategy": "none", "tokens_before": 9,
        "tokens_after": 9, "budget_tokens": 8, "outcome": "refused", "evidence_missing_because": "no_gold",
    }  # fmt: skip
    write_rows(home, {"query_runs": rows, "context_reductions": [refused]}, TUNED)
    value = measured(home)["context_utilisation_ratio"]
    assert (value.refused, value.measured.value, value.measured.n) == (2, 0.02, 100)
    assert "2 refused because they did not fit" in value.notes


def sample(source, **columns):
    return {
        "source": source, "device_index": 0, "sampled_at_ns": sample.count(), "status": "ok", **columns,
    }  # fmt: skip


sample.count = iter(range(10**6)).__next__


def test_a_gpu_whose_processes_hold_nothing_is_not_taken_for_all_that_is_in_use_on_it(home):
    rows = [sample("nvml", vram_process_gib=0.0, mem_used_gib=20.0), sample("engine", kv_cache_usage_ratio=0.35)]
    counters = [
        {"engine_session": "s", "block": 1, "counter": "num_preemptions", "moment": moment, "value": value}
        for moment, value in (("before", 1.0), ("after", 4.0))
    ]
    write_rows(home, {"device_samples": rows, "engine_counters": counters}, TUNED)
    value = measured(home)["vram_process_peak_gb"]
    assert (value.measured.value, value.measured.low, value.measured.n) == (0.0, None, 1)
    assert value.state == "met", "a peak needs no interval"
    assert value.notes == ("highest KV cache usage 35 %", "3 preemptions")


def test_a_card_that_is_taken_at_the_start_has_a_limit_of_its_own(home):
    """S59: VRAM; what the profile reserves is no breach, and the suite's own word goes before it."""
    assert measured(home)["vram_process_peak_gb"].set_to == 15.0
    assert measured(home, engine="rtx4090-fp8-128k")["vram_process_peak_gb"].set_to == 25.0
    limits = {"vram_process_peak_gb": 12.0}
    assert measured(home, engine="rtx4090-fp8-128k", limits=limits)["vram_process_peak_gb"].set_to == 12.0


def test_the_reduction_says_what_its_n_could_have_shown(home):
    plant(home, overheads=[0.1], reduction=(-0.7, -0.9, -0.5, 320))
    assert measured(home)["reduction_pct_min"].notes == ()
    plant(home, overheads=[0.1], reduction=(-0.7, -0.9, -0.5, 320), mde=0.0392)
    assert measured(home)["reduction_pct_min"].notes == ("MDE 4.0 %",)


def test_a_session_whose_last_reading_is_missing_makes_the_growth_unknown(home):
    """The engine was killed in the first of two sessions: its start must not be taken off the second one's growth."""
    tokens, seconds = "request_prefill_kv_computed_tokens_sum", "request_prefill_time_seconds_sum"
    rows = [
        {"engine_session": session, "block": 1, "counter": counter, "moment": moment, "value": value}
        for session, counter, moment, value in (
            *(("killed", tokens, "before", 500.0), ("killed", seconds, "before", 1.0)),
            *(("next", tokens, "before", 0.0), ("next", seconds, "before", 0.0)),
            *(("next", tokens, "after", 8_000.0), ("next", seconds, "after", 10.0)),
        )
    ]
    write_rows(home, {"query_runs": [make_query_run_row("q0")], "engine_counters": rows}, TUNED)
    value = measured(home, limits={"prefill_tps_min": 800.0})["prefill_tps_min"]
    assert (value.measured.value, value.measured.because) == (None, "unreconciled")
    assert growth([row for row in rows if row["engine_session"] == "next"], tokens) == 8_000.0
