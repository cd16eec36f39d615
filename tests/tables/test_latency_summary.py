"""The view `latency_summary`: percentiles of calls, agent executions and queries."""

import numpy as np
import pytest

from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_call_row, make_counter_rows, make_query_run_row, make_run_row, write_rows


def latency(settings, agent="all"):
    names, rows = query_segments(
        settings.tables, [RUN_ID], "from latency_summary where agent = $agent", {"agent": agent}
    )
    return dict(zip(names, rows[0], strict=True)) if rows else None


def test_percentiles_are_those_of_numpy_and_a_p95_needs_130_values(settings):
    times = np.random.default_rng(7).lognormal(size=130).tolist()
    calls = [make_call_row(f"c{place}", ttft_s=time, e2e_latency_s=2 * time) for place, time in enumerate(times)]
    write_rows(settings, {"llm_calls": calls})
    row = latency(settings)
    assert row["ttft_p50_s"] == pytest.approx(np.percentile(times, 50))
    assert row["ttft_p95_s"] == pytest.approx(np.percentile(times, 95))
    assert row["e2e_latency_p95_s"] == pytest.approx(2 * np.percentile(times, 95))

    write_rows(settings, {"llm_calls": calls[:129]})
    row = latency(settings)
    assert (row["ttft_n"], row["ttft_p95_s"], row["e2e_latency_p95_s"]) == (129, None, None)
    assert row["because"].startswith("n_too_small: a p95 needs 130 values; calls 129, agent executions 0, query")


def test_warm_up_and_judge_calls_are_left_out(settings):
    calls = [
        make_call_row("c1", ttft_s=1.0),
        make_call_row("c2", ttft_s=9.0, phase="warmup"),
        make_call_row("c3", ttft_s=9.0, role="judge"),
    ]
    write_rows(settings, {"llm_calls": calls})
    assert (latency(settings)["calls"], latency(settings)["ttft_p50_s"]) == (1, 1.0)


def test_an_attempt_without_times_is_counted_and_not_in_the_percentiles(settings):
    write_rows(settings, {"llm_calls": [make_call_row("c1", ttft_s=1.0, e2e_latency_s=2.0), make_call_row("c2")]})
    row = latency(settings, "query_router")
    assert (row["calls"], row["ttft_n"], row["e2e_latency_p50_s"]) == (2, 1, 2.0)


def test_query_times_stand_on_the_row_of_all_and_a_resumed_query_has_none(settings):
    """S3: the median."""
    queries = [
        make_query_run_row("q1", wall_s=2.0, coordination_overhead_s=0.1, coordination_incl_supervisor_s=0.5),
        make_query_run_row("q2", times_missing_because="resumed"),
        make_query_run_row("q3", wall_s=99.0, phase="warmup"),
    ]
    write_rows(settings, {"query_runs": queries, "llm_calls": [make_call_row()]})
    row = latency(settings)
    assert (row["query_runs"], row["wall_n"], row["wall_p50_s"], row["coordination_overhead_p50_s"]) == (2, 1, 2.0, 0.1)
    assert latency(settings, "query_router")["query_runs"] is None


def test_agent_executions_come_from_spans_whether_or_not_the_agent_called_the_model(settings):
    spans = [
        {
            "run_id": RUN_ID,
            "query_id": "q1",
            "replicate": 0,
            "span_id": f"s{place}",
            "op": "invoke_agent",
            "name": "retrieval_expert",
            "t0": 0,
            "t1": seconds * 10**9,
        }
        for place, seconds in enumerate((1, 3))
    ]
    write_rows(settings, {"query_runs": [make_query_run_row()], "spans": spans})
    row = latency(settings, "retrieval_expert")
    assert (row["calls"], row["agent_executions"], row["agent_latency_p50_s"]) == (0, 2, 2.0)
    assert latency(settings)["agent_executions"] == 2


def executions(count):
    return [
        {
            "run_id": RUN_ID,
            "query_id": "q1",
            "replicate": 0,
            "span_id": f"s{place}",
            "op": "invoke_agent",
            "name": "query_router",
            "t0": 0,
            "t1": 10**9,
        }
        for place in range(count)
    ]


def timed_call(place):
    return make_call_row(f"c{place}", ttft_s=1.0, e2e_latency_s=2.0, tpot_s=0.1, decode_tps=10.0)


@pytest.mark.parametrize(
    ("count", "p99", "because"),
    [(661, None, "n_too_small: a p99 needs 662 values; agent executions 661"), (662, 1.0, None)],
)
def test_a_p99_that_too_few_executions_leave_out_has_its_reason(settings, count, p99, because):
    calls = [timed_call(place) for place in range(130)]
    rows = {"query_runs": [make_query_run_row()], "spans": executions(count), "llm_calls": calls}
    write_rows(settings, rows)
    row = latency(settings, "query_router")
    assert (row["agent_latency_p99_s"], row["because"]) == (p99, because)


def test_a_median_that_no_call_has_a_value_for_has_the_reason_of_the_calls(settings):
    calls = [
        make_call_row(
            f"c{place}",
            ttft_s=1.0,
            e2e_latency_s=2.0,
            times_missing_because=None,
            decode_missing_because="single_token",
        )
        for place in range(130)
    ]
    write_rows(settings, {"query_runs": [make_query_run_row()], "spans": executions(662), "llm_calls": calls})
    row = latency(settings, "query_router")
    assert (row["tpot_p50_s"], row["because"]) == (None, "no TPOT: single_token; no decoding speed: single_token")

    write_rows(settings, {"llm_calls": [make_call_row(times_missing_because="failed_run")]})
    because = latency(settings)["because"]
    assert "no TTFT: failed_run; no end-to-end latency: failed_run; no TPOT: not recorded" in because


PREFILLING = {"request_prefill_kv_computed_tokens_sum": 8_000.0, "request_prefill_time_seconds_sum": 10.0}


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        (make_counter_rows(PREFILLING), (800.0, None)),
        (make_counter_rows(PREFILLING) + make_counter_rows(PREFILLING, session="s2"), (800.0, None)),
        # The engine was killed in the session s2, so nobody read its counters afterwards.
        (
            make_counter_rows(PREFILLING) + make_counter_rows(PREFILLING, session="s2", moments=("before",)),
            (None, "unreconciled"),
        ),
        # The replica s2 does not count it: what s1 counted is not all of it.
        (
            make_counter_rows(PREFILLING) + make_counter_rows({"docmind:requests_sent": 3.0}, session="s2"),
            (None, "unreconciled"),
        ),
        (make_counter_rows({"prompt_tokens": 8_000.0}), (None, "not_supported")),
        ([], (None, "not_supported")),
    ],
)
def test_prefill_speed_needs_both_readings_of_every_session(settings, counters, expected):
    write_rows(settings, {"llm_calls": [make_call_row()], "engine_counters": counters})
    row = latency(settings)
    assert (row["prefill_tps"], row["prefill_missing_because"]) == expected
    assert latency(settings, "query_router")["prefill_missing_because"] is None


def test_an_engine_that_others_used_has_no_prefill_speed_of_the_run(settings):
    growth = {**PREFILLING, "prompt_tokens": 900.0, "generation_tokens": 90.0, "request_success": 5.0}
    rows = {
        "runs": [make_run_row(engine_managed=False)],
        "llm_calls": [make_call_row()],
        "engine_counters": make_counter_rows(growth),
    }
    write_rows(settings, rows)
    row = latency(settings)
    assert (row["prefill_tps"], row["prefill_missing_because"]) == (None, "not_exclusive")
