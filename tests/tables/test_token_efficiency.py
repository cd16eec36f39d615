"""The view `token_efficiency`: sums by agent, and the comparison of the whole arm."""

import math

import pyarrow.parquet as pq
import pytest

from docmind_core.statistics.power import TWO_SIDED_80
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows, query_segments
from docmind_core.tables.segments import segment_path
from tests.builders import make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows

NAIVE, TUNED, SINGLE = "k.naive_supervisor", "k.tuned", "k.single_pass"


def efficiency(settings, where="true"):
    names, rows = query_segments(settings.tables, [NAIVE, TUNED, SINGLE], f"from token_efficiency where {where}")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return {(row["arm"], row["agent"]): row for row in found}


def make_comparison(metric, baseline, candidate=TUNED, **changes):
    return {
        "run_id": candidate,
        "baseline_run_id": baseline,
        "candidate_run_id": candidate,
        "metric": metric,
        "agent": "all",
        "slice": "all",
        "delta": math.log(0.2),
        "delta_low": math.log(0.1),
        "delta_high": math.log(0.4),
        "all_delta": math.log(0.7),
        "all_delta_low": math.log(0.6),
        "all_delta_high": math.log(0.8),
        "worst_case_delta": math.log(1.1),
        "worst_case_delta_low": math.log(1.0),
        "worst_case_delta_high": math.log(1.2),
        "ratio_of_totals": 0.25,
        "ratio_of_totals_low": 0.2,
        "ratio_of_totals_high": 0.3,
        "claimable": False,
        "claimable_because": "too few",
        **changes,
    }


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([None] * 3, (0, None, "not_supported")),
        ([0.0] * 129, (129, None, "n_too_small")),
        ([None, *(percent / 1000 for percent in range(201))], (201, 0.19, None)),
    ],
)
def test_the_counting_of_prompts_has_a_95th_percentile_of_its_error_or_says_why_not(settings, errors, expected):
    calls = [make_call_row(f"c{place}", est_error_ratio=error) for place, error in enumerate(errors)]
    write_rows(settings, {"llm_calls": calls, "query_runs": [make_query_run_row()]}, NAIVE)
    row = efficiency(settings)[("naive_supervisor", "all")]
    found = (row["est_error_n"], row["est_error_p95_ratio"], row["est_error_missing_because"])
    assert found == pytest.approx(expected)


def test_sums_by_agent_add_up_to_all_over_every_attempt(settings):
    """S13, S17: cached and computed tokens apart; a failed attempt is billed."""
    calls = [
        make_call_row("c1", tokens=(10, 3), cached_tokens=4, prefill_computed_tokens=6),
        make_call_row("c1", tokens=(10, 0), attempt=2, status="failed", cached_tokens=0, prefill_computed_tokens=10),
        make_call_row("c2", tokens=(20, 5), agent="supervisor", cached_tokens=0, prefill_computed_tokens=20),
        make_call_row("c3", tokens=(70, 7), role="judge"),
        make_call_row("c4", tokens=(80, 8), phase="warmup"),
    ]
    write_rows(settings, {"llm_calls": calls, "query_runs": [make_query_run_row()]}, NAIVE)
    found = efficiency(settings)
    columns = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "billed_tokens", "computed_tokens")
    assert {key[1]: tuple(row[column] for column in columns) for key, row in found.items()} == {
        "query_router": (2, 20, 3, 4, 23, 19),
        "supervisor": (1, 20, 5, 0, 25, 25),
        "all": (3, 40, 8, 4, 48, 44),
    }
    assert {(row["routing"], row["n_queries"]) for row in found.values()} == {("fixed", 1)}


def test_one_call_without_usage_makes_its_sums_unknown_and_says_why(settings):
    lost = make_call_row(
        "c2", prompt_tokens=None, completion_tokens=None, billed_tokens=None, tokens_missing_because="unreconciled"
    )
    other = make_call_row("c3", agent="supervisor")
    write_rows(settings, {"llm_calls": [make_call_row("c1"), lost, other]}, NAIVE)
    found = efficiency(settings)
    assert {key[1]: (row["billed_tokens"], row["missing_because"]) for key, row in found.items()} == {
        "query_router": (None, "unreconciled"),
        "supervisor": (13, None),
        "all": (None, "unreconciled"),
    }


@pytest.mark.parametrize(
    ("call", "because"),
    [
        ({"cached_missing_because": "flag_off"}, "flag_off"),
        ({"cached_missing_because": "unreconciled", "status": "cut_off"}, "unreconciled"),
    ],
)
def test_cached_tokens_are_unknown_when_one_call_does_not_say_and_the_reason_is_its_own(settings, call, because):
    """S13."""
    calls = [make_call_row("c1", cached_tokens=4, prefill_computed_tokens=6), make_call_row("c2", **call)]
    write_rows(settings, {"llm_calls": calls}, NAIVE)
    row = efficiency(settings)["naive_supervisor", "all"]
    assert (row["billed_tokens"], row["cached_tokens"], row["computed_tokens"]) == (26, None, None)
    assert (row["missing_because"], row["cached_missing_because"]) == (None, because)


def test_a_segment_may_lack_columns_and_is_published(settings):
    """As those of a recorded run do, where a column was added after the recording."""
    write_rows(settings, {"llm_calls": [make_call_row()], "query_runs": [make_query_run_row()]}, NAIVE)
    for table in ("llm_calls", "query_runs"):
        path = segment_path(settings.tables, table, NAIVE)
        lacking = {"est_error_ratio", "decode_missing_because", "tags"}
        whole = pq.read_table(path)
        pq.write_table(whole.drop_columns([name for name in whole.column_names if name in lacking]), path)
    publish(settings)
    row = efficiency(settings, "agent = 'all'")["naive_supervisor", "all"]
    assert (row["billed_tokens"], row["est_error_n"]) == (13, 0)


def test_the_reduction_is_that_of_the_comparison_with_the_baseline_turned_into_percent(settings):
    """S2: with its interval, the second line of the totals, and whether it may be claimed."""
    write_rows(settings, {"llm_calls": [make_call_row()]}, NAIVE)
    write_rows(settings, {"llm_calls": [make_call_row()]}, SINGLE)
    comparisons = [
        make_comparison("billed_tokens", NAIVE, mde=TWO_SIDED_80 * 0.25 / 10, n=100, n_left_out=3, n_failed=2),
        make_comparison("computed_tokens", NAIVE, delta=math.log(0.5)),
        make_comparison("billed_tokens", SINGLE, delta=math.log(1.5), delta_low=math.log(1.2), delta_high=math.log(2)),
        make_comparison("billed_tokens", NAIVE, slice="factoid", delta=0.0),
        make_comparison("passed", NAIVE, delta=0.0),
    ]
    write_rows(settings, {"llm_calls": [make_call_row()], "comparisons": comparisons}, TUNED)
    row = efficiency(settings, "agent = 'all'")["tuned", "all"]
    numbers = {name: value for name, value in row.items() if name.startswith(("reduction", "computed_red", "single"))}
    assert numbers == pytest.approx(
        {
            "reduction_pct": 80,
            "reduction_low": 60,
            "reduction_high": 90,
            "reduction_mde_pct": 100 * (math.exp(TWO_SIDED_80 * 0.25 / 10) - 1),
            "reduction_all_pct": 30,
            "reduction_all_low": 20,
            "reduction_all_high": 40,
            "reduction_worst_pct": -10,
            "reduction_worst_low": -20,
            "reduction_worst_high": 0,
            "reduction_of_totals_pct": 75,
            "reduction_of_totals_low": 70,
            "reduction_of_totals_high": 80,
            "computed_reduction_pct": 50,
            "computed_reduction_low": 60,
            "computed_reduction_high": 90,
            "single_pass_ratio": 1.5,
            "single_pass_ratio_low": 1.2,
            "single_pass_ratio_high": 2,
        }
    )
    assert (row["n_compared"], row["n_left_out"], row["n_failed"]) == (100, 3, 2)
    assert (row["baseline_run_id"], row["claimable"], row["claimable_because"]) == (NAIVE, False, "too few")


def test_only_the_row_of_all_agents_is_compared_and_every_other_arm_says_why_it_is_not(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]}, NAIVE)
    write_rows(settings, {"llm_calls": [make_call_row()]}, SINGLE)
    found = efficiency(settings)
    assert {key: row["claimable_because"] for key, row in found.items()} == {
        ("naive_supervisor", "query_router"): None,
        ("naive_supervisor", "all"): "this arm is the baseline",
        ("single_pass", "query_router"): None,
        ("single_pass", "all"): "not compared with naive_supervisor",
    }


@pytest.mark.parametrize(
    ("passed", "billed", "expected", "because"),
    [
        ((1.0, 1.0), (30, 50), 40.0, None),
        ((1.0, 0.0), (30, 50), 80.0, None),
        ((0.0, 0.0), (30, 50), None, "no_correct"),
        ((1.0, None), (30, 50), 30.0, None),
        ((None, None), (30, 50), None, "no_gold"),
        ((1.0, 1.0), (30, None), None, "no_usage"),
    ],
)
def test_tokens_per_correct_is_billed_over_passed_where_passing_is_known_else_it_says_why(
    settings, passed, billed, expected, because
):
    names = ("q1", "q2")
    write_rows(
        settings,
        {
            "llm_calls": [make_call_row()],
            "query_runs": [
                make_query_run_row(name, billed_tokens=tokens, tokens_missing_because=None if tokens else "no_usage")
                for name, tokens in zip(names, billed, strict=True)
            ],
            "measurements": [
                *(make_score_row("passed", value, name) for name, value in zip(names, passed, strict=True)),
                *(make_score_row("passed", 1.0, name, draw=1) for name in names),
            ],
        },
        NAIVE,
    )
    row = efficiency(settings)["naive_supervisor", "all"]
    assert (row["tokens_per_correct"], row["tokens_per_correct_missing_because"]) == (expected, because)


def test_the_interval_of_tokens_per_correct_is_that_of_run_estimates_or_has_a_reason(settings):
    estimate = {"metric": "tokens_per_correct", "slice": "all", "value": 40.0, "low": 30.0, "high": 60.0}
    scored = {
        "llm_calls": [make_call_row()],
        "query_runs": [make_query_run_row(billed_tokens=40)],
        "measurements": [make_score_row("passed", 1.0)],
    }
    write_rows(settings, scored | {"run_estimates": [estimate]}, TUNED)
    none = {"low": None, "high": None, "interval_missing_because": "n_too_small"}
    write_rows(settings, scored | {"run_estimates": [estimate | none]}, NAIVE)
    write_rows(settings, {"llm_calls": [make_call_row()]}, SINGLE)
    found = efficiency(settings, "agent = 'all'")
    names = ("low", "high", "interval_missing_because")
    assert {arm: tuple(row[f"tokens_per_correct_{name}"] for name in names) for (arm, _), row in found.items()} == {
        "tuned": (30.0, 60.0, None),
        "naive_supervisor": (None, None, "n_too_small"),
        "single_pass": (None, None, "not_scored"),
    }


def test_runs_of_other_benchmark_runs_are_never_the_baseline(settings):
    other = "j.naive_supervisor"
    write_rows(settings, {"runs": [make_run_row(TUNED)], "llm_calls": [make_call_row()]}, TUNED)
    write_rows(settings, {"llm_calls": [make_call_row()]}, other)
    _, rows = query_segments(settings.tables, [TUNED, other], "select baseline_run_id from token_efficiency")
    assert {row[0] for row in rows} == {None}


@pytest.mark.parametrize(("delta", "shown"), [(None, (None, 0, "not_compared")), (math.log(0.5), (50.0, 1, None))])
def test_the_history_of_the_reduction_counts_its_pairs_and_has_a_row_without_any(settings, delta, shown):
    """Two query runs of one query are one pair; a night without pairs is not a night that did not happen."""
    comparison = make_comparison("billed_tokens", NAIVE, delta=delta, n=shown[1])
    queries = [make_query_run_row(replicate=number) for number in (0, 1)]
    write_rows(settings, {"llm_calls": [make_call_row()]}, NAIVE)
    write_rows(settings, {"llm_calls": [make_call_row()], "query_runs": queries, "comparisons": [comparison]}, TUNED)
    publish(settings)
    asked = "select value, n, missing_because from metric_history where metric = 'reduction_pct'"
    ((value, n, because),) = query_rows(settings, asked)[1]
    assert (value, n, because) == (pytest.approx(shown[0]) if shown[0] else None, *shown[1:])
