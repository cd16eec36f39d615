"""The view `metric_history`: what is missing says why."""

import pytest

from docmind_core.tables.reading import query_segments
from tests.builders import BENCHMARK_RUN, RUN_ID, make_call_row, make_query_run_row, write_rows


def reasons(settings, *metrics):
    sql = "select metric, value, missing_because from metric_history where metric in $metrics"
    _, rows = query_segments(settings.tables, [RUN_ID], sql, {"metrics": list(metrics)})
    assert {value for _, value, _ in rows} == {None}
    return {metric: because for metric, _, because in rows}


@pytest.mark.parametrize(
    ("query", "call", "expected"),
    [
        ({"times_missing_because": "resumed"}, {"times_missing_because": "not_streamed"}, ("resumed", "not_streamed")),
        (
            {"times_missing_because": "failed_run"},
            {"times_missing_because": "failed_run"},
            ("failed_run", "failed_run"),
        ),
        (
            {"times_missing_because": "failed_run"},
            {"times_missing_because": "unreconciled"},
            ("failed_run", "unreconciled"),
        ),
        (
            {"phase": "warmup", "wall_s": 1.0},
            {"times_missing_because": "unreconciled"},
            ("warmup_only", "unreconciled"),
        ),
    ],
)
def test_a_time_that_no_query_has_takes_the_reason_of_the_queries_or_calls(settings, query, call, expected):
    """S19: `resumed` is one reason among several."""
    write_rows(settings, {"query_runs": [make_query_run_row(**query)], "llm_calls": [make_call_row(**call)]})
    found = reasons(settings, "wall_p50_s", "agent_latency_p95_s", "ttft_p50_s")
    of_query, of_call = expected
    assert (found.get("wall_p50_s"), found.get("agent_latency_p95_s"), found.get("ttft_p50_s")) == (
        *(of_query, of_query),
        of_call,
    )


def test_the_commonest_reason_is_taken(settings):
    times = ("resumed", "failed_run", "failed_run")
    queries = [make_query_run_row(f"q{place}", times_missing_because=why) for place, why in enumerate(times)]
    write_rows(settings, {"query_runs": queries})
    assert reasons(settings, "wall_p95_s") == {"wall_p95_s": "failed_run"}


@pytest.mark.parametrize(
    ("call", "cached"),
    [({}, "flag_off"), ({"cached_missing_because": "no_usage"}, "no_usage")],
)
def test_cached_tokens_have_a_reason_of_their_own(settings, call, cached):
    write_rows(settings, {"query_runs": [make_query_run_row()], "llm_calls": [make_call_row(**call)]})
    assert reasons(settings, "cached_tokens") == {"cached_tokens": cached}


def test_an_arm_that_was_compared_with_nothing_has_no_reduction_and_says_so(settings):
    run_id = f"{BENCHMARK_RUN}.tuned"
    calls, queries = [make_call_row(run_id=run_id)], [make_query_run_row(run_id=run_id)]
    write_rows(settings, {"llm_calls": calls, "query_runs": queries}, run_id)
    sql = "select value, missing_because from metric_history where metric = 'reduction_pct'"
    assert query_segments(settings.tables, [run_id], sql)[1] == [(None, "not_compared")]
