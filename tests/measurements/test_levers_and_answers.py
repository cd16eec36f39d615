"""What levers did to the answers, and to what a right one costs, from planted rows."""

import pytest

from tests.measurements.test_ablation import measure, write_arm


@pytest.mark.parametrize(
    ("lever", "passes", "expected", "verdict"),
    [
        ("tuned-passage_choice", 2, "falls", "moved as claimed"),
        ("tuned-no_validation", 2, "stays", "other way"),
        ("tuned-no_validation", 9, "stays", "inconclusive"),
    ],
)
def test_what_a_lever_does_to_the_answers_is_a_row_and_a_query_that_failed_has_not_passed(
    settings, lever, passes, expected, verdict
):
    write_arm(settings, "tuned", [500] * 12, passed=[1.0] * 10 + [0.0] * 2)
    passed = [1.0] * passes + [0.0] * (12 - passes)
    write_arm(settings, lever, [500] * 12, passed=passed, status=["answered"] * 11 + ["failed"])
    row = measure(settings, lever, "passed")

    assert (row["n"], row["effect"]) == (12, pytest.approx((passes - 10) / 12))
    assert (row["expected"], row["verdict"]) == (expected, verdict)
    assert "of the queries, 12 queries in 12 clusters" in row["because"]


@pytest.mark.parametrize(("queries", "verdict"), [(12, "inconclusive"), (300, "did not move")])
def test_equal_quality_is_a_finding_only_where_there_are_queries_enough_to_see_five_points(settings, queries, verdict):
    """S10: no difference among 12 queries leaves 20 points either way open."""
    passed = [1.0, 0.0, 1.0] * (queries // 3)
    write_arm(settings, "tuned", [500] * queries, passed=passed)
    write_arm(settings, "tuned-dedupe", [500] * queries, passed=passed)

    assert measure(settings, "tuned-dedupe", "passed")["verdict"] == verdict


def test_tokens_per_correct_is_a_ratio_of_sums_with_an_interval(settings):
    tokens = [100 + 2 * place for place in range(8)]
    write_arm(settings, "naive_supervisor", tokens, passed=[1, 0, 1, 0, 1, 0, 1, 0])
    write_arm(settings, "naive+parallel_tools", [value // 2 for value in tokens], passed=[1.0] * 8)
    row = measure(settings, "parallel_tools", "tokens_per_correct", "A → G")

    # half the tokens for twice the passes: a quarter of the tokens per correct answer
    assert row["effect"] == pytest.approx(-75)
    assert row["effect_low"] < -75 < row["effect_high"] < 0
    assert row["verdict"] == "moved as claimed"


@pytest.mark.parametrize(
    ("passed", "because"),
    [
        ([0, 0, 0], "one of the two arms passed no query"),
        ([1, 1, 1], "too few independent queries for an interval: 3 queries in 3 clusters"),
        ([], "unknown whether they passed"),
    ],
)
def test_tokens_per_correct_without_passes_or_queries_says_so(settings, passed, because):
    for arm in ("naive_supervisor", "naive+parallel_tools"):
        write_arm(settings, arm, [100, 200, 300], passed=passed)
    row = measure(settings, "parallel_tools", "tokens_per_correct", "A → G")

    assert (row["effect_low"], row["verdict"]) == (None, "not measurable here")
    assert because in row["because"]


def test_tokens_of_one_query_are_never_set_against_the_pass_of_another(settings):
    tokens, passes = [None, *[100] * 9], [*[1.0] * 9, None]
    for arm in ("naive_supervisor", "naive+parallel_tools"):
        write_arm(settings, arm, tokens, passed=passes)
    row = measure(settings, "parallel_tools", "tokens_per_correct", "A → G")

    assert (row["effect"], row["verdict"]) == (None, "not measurable here")
    assert "unknown whether they passed" in row["because"]
