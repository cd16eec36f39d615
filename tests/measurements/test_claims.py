"""When a saving may be claimed, and why not."""

import pytest

from docmind_core.suites.suite import Suite
from tests.builders import make_call_row, make_counter_rows, write_rows
from tests.measurements.written_arms import NAIVE, SMALL, SUITE, TUNED, compare, varied, write_arm


def test_few_queries_are_not_claimable_and_say_how_few(settings):
    write_arm(settings, NAIVE, varied(1000))
    write_arm(settings, TUNED, varied(300))
    row = compare(settings)
    assert (row["claimable"], row["claimable_because"]) == (
        False,
        "not claimable: 80 independent queries, and a token claim needs 100; "
        "quality undecided (n = 80 is below 300); answering undecided (n = 80 is below 300)",
    )


def test_fewer_tokens_at_equal_quality_on_enough_queries_is_claimable(settings):
    """S2."""
    write_arm(settings, NAIVE, varied(1000, 320))
    write_arm(settings, TUNED, varied(300, 320))
    row = compare(settings)
    assert row["claimable"]
    assert row["claimable_because"] == (
        "70.0 % fewer tokens (95 % interval of the reduction 69.3 to 70.6 %) and quality non-inferior (lower bound of "
        "the difference −0.8 points, margin 5), answering non-inferior (lower bound of the difference −0.8 points, "
        "margin 5)"
    )


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
    assert "; quality undecided (lower bound of the difference −7.3 points" in row["claimable_because"]


POWER_LEFT = (
    "min_n is 60 instead of 300: so few queries show that quality is equal within 5 points in only 36 % of runs "
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
    assert "quality undecided (lower bound of the difference −25.3 points" in row["claimable_because"]


def test_more_tokens_are_not_claimable(settings):
    write_arm(settings, NAIVE, varied(300))
    write_arm(settings, TUNED, varied(1000))
    row = compare(settings, SMALL)
    assert (row["verdict"], row["claimable"]) == ("worse", False)
    assert "; tokens are worse (95 % interval of the reduction −" in row["claimable_because"]


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
        ({"plumbing": True}, "ran on tiny, a smoke-test model"),
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
    assert row["claimable_because"].startswith("not claimable: the ledger of naive_supervisor is unbalanced; ")


def test_without_a_judge_sentences_leave_quality_undecided(settings):
    write_arm(settings, NAIVE, varied(1000), [None] * 80)
    write_arm(settings, TUNED, varied(300), [None] * 80)
    assert "quality undecided (n = 0 is below 60)" in compare(settings, SMALL)["claimable_because"]
