"""The generic measure of a limit: one value per query, whatever it is made of."""

import pytest

from docmind_core.measurements.limit_values import measure_limits
from docmind_core.suites.suite import Suite
from tests.builders import BENCHMARK_RUN, make_call_row, make_query_run_row, make_score_row, write_rows

RUN_ID = f"{BENCHMARK_RUN}.tuned"


def of_limit(home, name, set_to):
    suite = Suite(name="s", query_set="x", arms=("tuned",), limits={name: set_to})
    results = measure_limits(home.tables, BENCHMARK_RUN, suite)
    return {one.agent: one for one in results if one.limit.name == name}


def span(query_id, seconds, *, status="ok", replicate=0):
    return {
        "query_id": query_id, "replicate": replicate, "span_id": f"{replicate}-{seconds}", "op": "invoke_agent",
        "name": "router", "t0": 0, "t1": round(seconds * 1e9), "status": status,
    }  # fmt: skip


def plant_spans(home, spans):
    queries = [make_query_run_row(name, RUN_ID) for name in {one["query_id"]: None for one in spans}]
    write_rows(home, {"query_runs": queries, "spans": spans}, RUN_ID)


def test_replicates_and_calls_of_a_query_are_one_value(home):
    """Means of 1 and 3, and of 5: their mean is 3.5, and n is 2."""
    queries = [make_query_run_row(name, RUN_ID) for name in ("q1", "q2")]
    calls = [
        make_call_row(f"c{place}", RUN_ID, query_id=name, ttft_s=seconds)
        for place, (name, seconds) in enumerate([("q1", 1.0), ("q1", 3.0), ("q2", 5.0)])
    ]
    write_rows(home, {"query_runs": queries, "llm_calls": calls}, RUN_ID)
    found = of_limit(home, "ttft_s", 9.0)["query_router"]
    assert (found.measured.value, found.measured.n) == (3.5, 2)


def test_a_percentile_takes_the_slowest_execution_of_each_query(home):
    plant_spans(home, [span("q1", 1.0), span("q1", 3.0), span("q2", 2.0)])
    found = of_limit(home, "agent_latency_p95_s", 9.0)["router"].measured
    assert (found.value, found.n) == (pytest.approx(2.95), 2)


def test_an_agent_that_fails_fast_is_not_fast(home):
    """Two of 140 failed at once: they are above the limit, and the value is that of the others."""
    good = [span(f"q{place}", 1.0 + place / 1000) for place in range(138)]
    plant_spans(home, [*good, span("q138", 0.001, status="error"), span("q139", 0.001, status="error")])
    found = of_limit(home, "agent_latency_p95_s", 2.0)["router"]
    assert found.measured.value == pytest.approx(1.132, abs=1e-3)
    assert found.notes == ("2 of 140 failed and count as above the limit",)


def test_where_more_than_five_percent_failed_there_is_no_percentile_and_the_limit_is_not_met(home):
    good = [span(f"q{place}", 1.0) for place in range(120)]
    plant_spans(home, [*good, *(span(f"q{place}", 0.001, status="error") for place in range(120, 140))])
    found = of_limit(home, "agent_latency_p95_s", 2.0)["router"]
    assert (found.measured.value, found.state, found.because) == (None, "not measured", "failed_run")


def test_warm_up_is_in_no_limit(home):
    plant_spans(home, [span("q1", 1.0), span("q1", 60.0, replicate=-1)])
    assert of_limit(home, "agent_latency_s", 9.0)["router"].measured.value == 1.0


def test_values_that_are_missing_are_counted_next_to_the_mean(home):
    queries = [make_query_run_row(f"q{place}", RUN_ID) for place in range(3)]
    scores = [make_score_row("ndcg@10", value, f"q{place}", RUN_ID) for place, value in enumerate((0.5, 0.7, None))]
    write_rows(home, {"query_runs": queries, "measurements": scores}, RUN_ID)
    found = of_limit(home, "ndcg@10_min", 0.4)["all"]
    assert (found.measured.value, found.measured.n) == (pytest.approx(0.6), 2)
    assert found.notes == ("1 of 3 values missing: no_gold",)


def test_a_metric_without_any_value_keeps_its_reason(home):
    write_rows(home, {"query_runs": [make_query_run_row("q1", RUN_ID)]}, RUN_ID)
    assert of_limit(home, "ndcg@10_min", 0.4)["all"].because == "not_scored"
    assert of_limit(home, "ttft_s", 0.4)["all"].because == "not_supported"


def test_the_p_of_several_agents_is_corrected_by_holm(home):
    queries = [make_query_run_row(f"q{place}", RUN_ID) for place in range(140)]
    spans = [
        span(f"q{place}", 3.0 if place < 13 else 1.0) | {"name": name, "span_id": name}
        for place in range(140)
        for name in ("router", "planner")
    ]
    write_rows(home, {"query_runs": queries, "spans": spans}, RUN_ID)
    found = of_limit(home, "agent_latency_p95_s", 2.0)
    # scipy.stats.binomtest(13, 140, 0.05, "greater").pvalue is 0.023714 for either agent; Holm doubles it
    assert [one.p for one in found.values()] == [pytest.approx(2 * 0.023714, abs=1e-5)] * 2


def test_the_interval_of_a_mean_time_does_not_reach_below_zero(home):
    calls = [make_call_row(f"c{place}", query_id=f"q{place}", ttft_s=0.02 if place else 1.0) for place in range(3)]
    queries = [make_query_run_row(f"q{place}") for place in range(3)]
    write_rows(home, {"query_runs": queries, "llm_calls": calls}, f"{BENCHMARK_RUN}.tuned")
    found = of_limit(home, "ttft_s", 1.5)["query_router"].measured
    assert (found.low, found.value) == (0.0, pytest.approx(1.04 / 3))


@pytest.mark.parametrize(("failures", "state"), [(2, "met"), (3, "not measured")])
def test_no_limit_of_what_a_query_costs_is_met_by_failing(home, failures, state):
    """Queries that die after one call are cheap; above a tenth of them there is no mean."""
    answered = [make_query_run_row(f"q{n}", RUN_ID, billed_tokens=900 + n) for n in range(20 - failures)]
    failed = [make_query_run_row(f"f{n}", RUN_ID, billed_tokens=5, status="failed") for n in range(failures)]
    write_rows(home, {"query_runs": [*answered, *failed]}, RUN_ID)
    (found,) = of_limit(home, "billed_tokens", 1000).values()
    assert found.state == state
    if failures == 3:
        assert (found.because, found.notes) == ("failed_run", ("3 of 20 query runs failed",))
