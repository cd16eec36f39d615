import math

import pytest

from docmind_core.errors import StoreError
from docmind_core.measurements.comparing import compare_arms
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment
from tests.builders import (
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

SUITE = Suite(name="s", query_set="x")
SMALL = Suite(name="s", query_set="x", min_n=60)
NAIVE, TUNED, SINGLE = "k.naive_supervisor", "k.tuned", "k.single_pass"


def write_arm(settings, run_id, billed, passed=None, *, run=None, rows=None, score=None):
    """Write an arm that spent `billed` tokens and passed (or not) on query 0, 1, ..."""
    passed = [1.0] * len(billed) if passed is None else passed
    names = [f"q{place:03}" for place in range(len(billed))]
    write_rows(
        settings,
        {
            "runs": [make_run_row(run_id, **(run or {}))],
            "query_runs": [
                make_query_run_row(name, billed_tokens=tokens, completion_tokens=1, **(rows or {}))
                for name, tokens in zip(names, billed, strict=True)
            ],
            "measurements": [
                make_score_row(metric, value, name, **(score or {}))
                for metric in ("passed", "exact_match", "token_f1", "evidence_recall")
                for name, value in zip(names, passed, strict=True)
            ],
        },
        run_id,
    )


def varied(mean, count=80):
    """Tokens of queries that differ, in another order for each mean."""
    return [round(mean * (0.8 + 0.4 * ((place * (7 if mean > 500 else 3)) % 10) / 10)) for place in range(count)]


def compare(settings, suite=SUITE, *, metric="billed_tokens", candidate=TUNED, baseline=NAIVE, kind="all"):
    compare_arms(settings, "k", suite)
    rows = read_segment(settings.tables, "comparisons", candidate)
    (row,) = (row for row in rows if (row["metric"], row["baseline_run_id"], row["slice"]) == (metric, baseline, kind))
    return row


def test_half_the_tokens_on_every_query(settings):
    write_arm(settings, NAIVE, [100, 200, 400])
    write_arm(settings, TUNED, [40, 100, 250])
    row = compare(settings)
    # logs of 0.4, 0.5, 0.625: their mean is log(0.5)
    assert row["delta"] == pytest.approx(math.log(0.5))
    assert row["ratio_of_totals"] == pytest.approx(390 / 700)
    assert (row["n"], row["n_left_out"], row["clusters"]) == (3, 0, 3)
    assert (row["baseline_value"], row["candidate_value"]) == pytest.approx((700 / 3, 130))
    assert row["delta_low"] < row["delta"] < row["delta_high"] < 0
    assert row["verdict"] == "better"


def test_the_bill_has_its_own_interval(settings):
    """S20: the ratio of the sums, with an interval."""
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    row = compare(settings)
    assert 0.28 < row["ratio_of_totals_low"] < row["ratio_of_totals"] < row["ratio_of_totals_high"] < 0.33


def test_few_queries_are_not_claimable_and_say_how_few(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    row = compare(settings)
    assert (row["claimable"], row["claimable_because"]) == (
        False,
        "not claimable: quality undecided: n = 80 is below 300",
    )


def test_fewer_tokens_at_equal_quality_on_enough_queries_is_claimable(settings):
    """S2."""
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    row = compare(settings, SMALL)
    assert row["claimable"]
    assert row["claimable_because"].startswith("70.0 % fewer tokens (95 % interval of the reduction 68.")
    assert "quality non_inferior (lower bound of the difference -3.7 points, margin 5)" in row["claimable_because"]


def test_tokens_never_decide_alone(settings):
    """S2: no claim where quality is worse."""
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300), [0.0] * 20 + [1.0] * 60)
    row = compare(settings, SMALL)
    assert (row["verdict"], row["claimable"]) == ("better", False)
    assert "quality is worse" in row["claimable_because"]


def test_quality_that_may_be_worse_is_undecided(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300), [0.0, 0.0, *[1.0] * 78])
    row = compare(settings, SMALL)
    assert not row["claimable"]
    assert row["claimable_because"].startswith("not claimable: quality undecided: lower bound of the difference -5.4")


POWER_LEFT = (
    "the suite's min_n 60 stands for 300: equal quality is shown within 5 points with 36 % power "
    "(80 independent pairs, discordance 12 %)"
)


@pytest.mark.parametrize("passed", [[1.0] * 80, [0.0, 0.0, *[1.0] * 78]])
def test_a_suite_that_asks_for_fewer_queries_says_what_power_is_left(settings, passed):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300), passed)
    assert compare(settings, SMALL)["claimable_because"].endswith(f"; {POWER_LEFT}")
    assert "power" not in compare(settings, SUITE)["claimable_because"]


def test_a_handful_of_equal_failures_proves_nothing(settings):
    write_arm(settings, NAIVE, varied(1000, 8), [0.0] * 8)
    write_arm(settings, TUNED, varied(300, 8), [0.0] * 8)
    row = compare(settings, Suite(name="s", query_set="x", min_n=8))
    assert not row["claimable"]
    assert "quality undecided: lower bound of the difference -31.2 points" in row["claimable_because"]


def test_more_tokens_are_not_claimable(settings):
    write_arm(settings, NAIVE, varied(300))
    write_arm(settings, TUNED, varied(1000))
    row = compare(settings, SMALL)
    assert (row["verdict"], row["claimable"]) == ("worse", False)
    assert row["claimable_because"].startswith("not claimable: tokens are worse")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("engine_version", "0.33"),
        ("batch_invariant", True),
        ("model", "other"),
        ("corpus_hash", "c"),
        ("query_set_hash", "q"),
        ("routing", "free"),
        ("level", "fast"),
        ("replicates", 2),
        ("judge_hash", "j"),
    ],
)
def test_runs_that_differ_in_what_must_be_equal_are_not_claimable(settings, column, value):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300), run={column: value})
    row = compare(settings, SMALL)
    assert not row["claimable"]
    assert f"{column} differs ({value} against " in row["claimable_because"]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"status": "incomplete"}, "tuned is incomplete"),
        ({"comparable": False}, "tuned was resumed with a changed suite"),
        ({"plumbing": True}, "only checks the plumbing"),
    ],
)
def test_an_unfit_run_is_not_claimable(settings, run, reason):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300), run=run)
    assert reason in compare(settings, SMALL)["claimable_because"]


def test_an_unbalanced_ledger_is_not_claimable_and_names_the_arm(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    write_rows(
        settings,
        {
            "llm_calls": [make_call_row()],
            "engine_counters": make_counter_rows({"prompt_tokens": 11, "generation_tokens": 3}),
        },
        NAIVE,
    )
    row = compare(settings, SMALL)
    assert not row["claimable"]
    assert row["claimable_because"].startswith(
        "not claimable: the ledger of naive_supervisor is unbalanced; the suite's"
    )


def test_a_query_without_tokens_in_one_arm_leaves_the_pairs_and_is_counted(settings):
    write_arm(settings, NAIVE, [100, None, 100, 100])
    write_arm(settings, TUNED, [50, 50, 0, 50])
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["candidate_value"]) == (2, 2, 50)


def test_replicates_are_averaged_before_pairing(settings):
    write_arm(settings, NAIVE, [100, 100])
    names = ("q000", "q000", "q001", "q001")
    write_rows(
        settings,
        {
            "runs": [make_run_row(TUNED)],
            "query_runs": [
                make_query_run_row(name, billed_tokens=tokens, replicate=place % 2)
                for place, (name, tokens) in enumerate(zip(names, (20, 80, 50, None), strict=True))
            ],
            "measurements": [
                make_score_row("passed", float(place % 2), name, replicate=place % 2)
                for place, name in enumerate(names)
            ],
        },
        TUNED,
    )
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["candidate_value"]) == (1, 1, 50)
    assert compare(settings, metric="passed")["candidate_value"] == 0.5


def test_queries_of_one_document_are_one_cluster(settings):
    write_arm(settings, NAIVE, [100, 110, 120, 130], rows={"cluster_id": "d1"})
    write_arm(settings, TUNED, [50, 50, 50, 50], rows={"cluster_id": "d1"})
    row = compare(settings)
    assert (row["clusters"], row["delta_low"], row["verdict"]) == (1, None, "inconclusive")


def test_warm_up_is_left_out(settings):
    write_arm(settings, NAIVE, [100, 100])
    write_arm(settings, TUNED, [50, 50], rows={"phase": "warmup"})
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["delta"]) == (0, 2, None)
    assert row["because"] == "no query has a value in both runs"


def test_computed_tokens_leave_out_what_the_prefix_cache_gave(settings):
    write_arm(settings, NAIVE, [100, 100], rows={"prefill_computed_tokens": 99})
    write_arm(settings, TUNED, [100, 100], rows={"prefill_computed_tokens": 24})
    row = compare(settings, metric="computed_tokens")
    assert (row["baseline_value"], row["candidate_value"]) == (100, 25)
    assert row["ratio_of_totals"] == 0.25


def test_each_arm_is_compared_with_both_baselines_but_not_with_itself(settings):
    for run_id in (NAIVE, TUNED, SINGLE):
        write_arm(settings, run_id, [100, 200])
    compare_arms(settings, "k", SUITE)
    publish(settings)
    _, rows = query_rows(settings, "select distinct candidate_run_id, baseline_run_id from comparisons order by all")
    assert rows == [(NAIVE, SINGLE), (SINGLE, NAIVE), (TUNED, NAIVE), (TUNED, SINGLE)]


def test_query_types_are_compared_too(settings):
    write_arm(settings, NAIVE, [100, 200])
    write_arm(settings, TUNED, [50, 100])
    assert compare(settings, kind="factoid")["n"] == 2


def test_pass_and_fail_are_tested_by_mcnemar_and_gating_metrics_corrected_together(settings):
    write_arm(settings, NAIVE, varied(1000, 40), [0.0] * 40)
    write_arm(settings, TUNED, varied(300, 40), [1.0] * 6 + [0.0] * 34)
    row = compare(settings, metric="passed")
    assert row["p"] == pytest.approx(2 * 0.5**6)
    assert row["p_holm"] == pytest.approx(2 * 0.5**6)
    assert row["mde"] == pytest.approx(2.8016 * math.sqrt(6 / 40 / 40), abs=1e-4)
    assert (row["delta"], row["verdict"]) == (0.15, "better")
    tokens = compare(settings)
    assert tokens["p_holm"] == pytest.approx(2 * tokens["p"])
    assert compare(settings, metric="token_f1")["p_holm"] is None


def test_without_a_judge_sentences_leave_quality_undecided(settings):
    write_arm(settings, NAIVE, varied(1000), [None] * 80)
    write_arm(settings, TUNED, varied(300), [None] * 80)
    assert "quality undecided: n = 0 is below 60" in compare(settings, SMALL)["claimable_because"]


def test_comparing_again_gives_the_same_rows(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    assert compare(settings) == compare(settings)


def test_an_arm_that_was_not_scored_is_named(settings):
    write_rows(settings, {"query_runs": [make_query_run_row()]}, TUNED)
    with pytest.raises(StoreError, match=f"run {TUNED} is not scored yet"):
        compare_arms(settings, "k", SUITE)


def test_a_benchmark_run_without_arms_is_named(settings):
    with pytest.raises(StoreError, match="no finished arm"):
        compare_arms(settings, "k", SUITE)
