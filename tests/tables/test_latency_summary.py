"""The view `latency_summary`: percentiles of calls, agent executions and queries."""

import numpy as np
import pytest

from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_call_row, make_counter_rows, make_query_run_row, write_rows


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
        (make_counter_rows({"prompt_tokens": 8_000.0}), (None, "not_supported")),
        ([], (None, "not_supported")),
    ],
)
def test_prefill_speed_needs_both_readings_of_every_session(settings, counters, expected):
    write_rows(settings, {"llm_calls": [make_call_row()], "engine_counters": counters})
    row = latency(settings)
    assert (row["prefill_tps"], row["prefill_missing_because"]) == expected
    assert latency(settings, "query_router")["prefill_missing_because"] is None
