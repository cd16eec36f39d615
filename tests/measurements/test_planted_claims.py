"""Savings that are none: each is planted in runs that could otherwise be claimed, and none of them can."""

import pytest

from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import read_segment, write_segment
from tests.builders import (
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)
from tests.measurements.written_arms import NAIVE, SUITE, TUNED, balanced_ledger, compare, varied, write_arm

N = 320
FAILED = {"status": "failed", "answer": None}


def one_of(every, value, otherwise, count=N):
    """`value` for one query of `every`, `otherwise` for the rest."""
    return [value if place % every == 0 else otherwise for place in range(count)]


def baseline(settings, **changes):
    write_arm(settings, NAIVE, varied(1000, N), **changes)


def refusal(settings, suite=SUITE):
    row = compare(settings, suite)
    assert row["claimable"] is False
    assert row["claimable_because"].startswith("not claimable: ")
    return row["claimable_because"]


def test_the_control_is_claimable(settings):
    baseline(settings)
    write_arm(settings, TUNED, varied(300, N))
    row = compare(settings)
    assert row["claimable"]
    assert row["claimable_because"].startswith("70.0 % fewer tokens")


def test_a_half_of_the_queries_that_die_after_one_call_save_nothing(settings):
    tokens = [100 if place % 2 else spent for place, spent in enumerate(varied(1000, N))]
    baseline(settings)
    write_arm(settings, TUNED, tokens, one_of(2, 1.0, 0.0), rows={"status": one_of(2, "answered", "failed")})
    row = compare(settings)
    assert "tokens are inconclusive (95 % interval of the reduction 0.0 to 0.0 %)" in refusal(settings)
    assert "answering is worse (lower bound of the difference −54.6 points" in refusal(settings)
    assert (row["n"], row["n_failed"], row["n_left_out"], row["delta"]) == (160, 160, 0, 0.0)
    assert row["all_delta"] < -1


def test_b_queries_that_loop_to_the_deadline_are_judged_at_their_worst(settings):
    """Each lost its last call, whose usage is unknown; all others save 10 %."""
    looping = [place % 10 < 3 for place in range(N)]
    tokens = [None if loops else round(0.9 * spent) for loops, spent in zip(looping, varied(1000, N), strict=True)]
    status = ["failed" if loops else "answered" for loops in looping]
    because = ["unreconciled" if loops else None for loops in looping]
    baseline(settings)
    write_arm(settings, TUNED, tokens, rows={"status": status, "tokens_missing_because": because})
    calls = [
        make_call_row(f"cut{place}", query_id=f"q{place:03}", status="cut_off", prompt_tokens=8000, billed_tokens=8000)
        for place, loops in enumerate(looping)
        if loops
    ]
    write_rows_of(settings, TUNED, {"llm_calls": [*balanced_ledger()["llm_calls"], *calls]})
    row = compare(settings)
    assert "with the tokens of 96 queries at their worst tokens are worse (−77" in refusal(settings)
    assert (row["n"], row["n_failed"]) == (224, 96)
    assert row["worst_case_delta"] > 0 > row["delta"]


def test_b_where_nothing_bounds_what_the_loops_cost_nothing_is_claimed(settings):
    looping = one_of(20, True, False)
    tokens = [None if loops else spent for loops, spent in zip(looping, varied(300, N), strict=True)]
    baseline(settings)
    write_arm(settings, TUNED, tokens, rows={"tokens_missing_because": one_of(20, "unreconciled", None)})
    assert (
        "nothing bounds the tokens of 16 of 320 queries (16 unreconciled in tuned), more than the 2 % allowed"
    ) in refusal(settings)


def test_a_few_queries_without_a_bound_do_not_forbid_a_claim(settings):
    tokens = varied(300, N)
    baseline(settings)
    write_arm(settings, TUNED, [None, None, *tokens[2:]])
    row = compare(settings)
    assert (row["claimable"], row["n"], row["n_left_out"], row["left_out_because"]) == (
        True,
        318,
        2,
        "2 no_usage in tuned",
    )


@pytest.mark.parametrize("named", ["by their documents", "by their text"])
def test_d_four_questions_asked_eighty_times_are_four(settings, named):
    clusters = [f"d{place % 4}" for place in range(N)]
    texts = [f"Question {place % 4}{'?' * (place % 3)}" for place in range(N)]
    rows = {"cluster_id": clusters} if named == "by their documents" else {"query": texts}
    baseline(settings, rows=rows)
    write_arm(settings, TUNED, varied(300, N), rows=rows)
    row = compare(settings)
    assert (row["n"], row["clusters"]) == (320, 4)
    assert "4 independent queries, and a token claim needs 100" in refusal(settings)
    assert "quality undecided (n = 4 is below 300)" in refusal(settings)


def replicates(settings, run_id, count, tokens_of, **changes):
    """Write an arm of N queries with `count` replicates; `tokens_of` a place and a replicate."""
    pairs = [(place, replicate) for place in range(N) for replicate in range(count)]
    rows = [
        make_query_run_row(f"q{place:03}", replicate=replicate, billed_tokens=tokens, **changes)
        for place, replicate in pairs
        if (tokens := tokens_of(place, replicate)) != "absent"
    ]
    scores = [make_score_row("passed", 1.0, f"q{place:03}", replicate=replicate) for place, replicate in pairs]
    run = make_run_row(run_id, replicates=count)
    write_rows(settings, {"runs": [run], "query_runs": rows, "measurements": scores, **balanced_ledger()}, run_id)


def test_f_a_replicate_without_usage_leaves_its_query_out(settings):
    replicates(settings, NAIVE, 2, lambda place, replicate: varied(1000, N)[place] + replicate)
    replicates(settings, TUNED, 2, lambda place, replicate: None if place % 2 and replicate else varied(300, N)[place])
    row = compare(settings)
    assert (row["n"], row["n_left_out"]) == (160, 160)
    assert "nothing bounds the tokens of 160 of 320 queries (160 no_usage in tuned)" in refusal(settings)


def test_a_replicate_that_has_no_row_leaves_its_query_out_and_is_named(settings):
    replicates(settings, NAIVE, 2, lambda place, replicate: varied(1000, N)[place] + replicate)
    missing = lambda place, replicate: "absent" if place % 2 and replicate else varied(300, N)[place]  # noqa: E731
    replicates(settings, TUNED, 2, missing)
    row = compare(settings)
    assert (row["n"], row["left_out_because"]) == (160, "160 missing a replicate in tuned")
    assert "nothing bounds the tokens of 160 of 320 queries" in refusal(settings)


def test_two_replicates_of_each_query_make_it_one_query_and_a_claim(settings):
    replicates(settings, NAIVE, 2, lambda place, replicate: varied(1000, N)[place] + replicate)
    replicates(settings, TUNED, 2, lambda place, replicate: varied(300, N)[place] - replicate)
    row = compare(settings)
    assert (row["n"], row["clusters"], row["claimable"]) == (320, 320, True)


def test_three_replicates_are_not_compared_with_one(settings):
    baseline(settings, run={"replicates": 1})
    replicates(settings, TUNED, 3, lambda place, _: varied(300, N)[place])
    assert "replicates differs (3 against 1)" in refusal(settings)


@pytest.mark.parametrize(
    ("state", "growth"),
    [("no_metrics", {}), ("unbalanced", {"prompt_tokens": 11, "generation_tokens": 3, "request_success": 1})],
)
def test_g_a_ledger_that_is_not_balanced_is_named(settings, state, growth):
    baseline(settings)
    write_arm(settings, TUNED, varied(300, N))
    write_rows_of(settings, TUNED, {"engine_counters": make_counter_rows(growth)})
    assert refusal(settings) == f"not claimable: the ledger of tuned is {state}"


def test_g_a_run_that_booked_no_call_has_no_ledger(settings):
    baseline(settings)
    write_arm(settings, TUNED, varied(300, N), ledger=False)
    assert refusal(settings) == "not claimable: tuned has no ledger, as no call was booked"


def test_g_a_suite_may_go_without_a_ledger_and_says_so_but_not_with_a_wrong_one(settings):
    without = Suite(name="s", query_set="x", claim_without_ledger=True)
    baseline(settings)
    write_arm(settings, TUNED, varied(300, N))
    write_rows_of(settings, TUNED, {"engine_counters": []})
    row = compare(settings, without)
    assert row["claimable"]
    assert row["claimable_because"].endswith(
        "; without a balanced ledger (that of tuned is no_metrics), as the suite's claim_without_ledger allows"
    )
    wrong = make_counter_rows({"prompt_tokens": 11, "generation_tokens": 3, "request_success": 1})
    write_rows_of(settings, TUNED, {"engine_counters": wrong})
    assert refusal(settings, without) == "not claimable: the ledger of tuned is unbalanced"


def test_h_queries_that_the_baseline_was_not_asked_are_left_out_and_counted(settings):
    write_arm(settings, NAIVE, varied(1000, N))
    write_arm(settings, TUNED, varied(300, N + 50))
    row = compare(settings)
    assert (row["n"], row["n_left_out"], row["left_out_because"]) == (320, 50, "50 not asked in naive_supervisor")
    assert "nothing bounds the tokens of 50 of 370 queries (50 not asked in naive_supervisor)" in refusal(settings)


def test_i_a_baseline_that_passes_nothing_has_nothing_to_lose(settings):
    baseline(settings, passed=one_of(107, 1.0, 0.0))
    write_arm(settings, TUNED, varied(300, N), one_of(107, 1.0, 0.0))
    assert refusal(settings) == "not claimable: the baseline passes 1 %, so it has no quality to lose"


def test_j_a_baseline_of_fallbacks_did_not_run_and_is_nothing_to_compare_with(settings):
    baseline(settings, rows={"fallback": True})
    write_arm(settings, TUNED, varied(300, N))
    row = compare(settings)
    sentence = (
        "naive_supervisor did not run (320 of 320 answers are fallbacks, does the engine support structured output?)"
    )
    assert refusal(settings).startswith(f"not claimable: {sentence}")
    assert (row["verdict"], row["because"], row["delta"]) == ("not_judged", sentence, None)


@pytest.mark.parametrize("run_id", [NAIVE, TUNED])
def test_empty_answers_are_not_answers(settings, run_id):
    for each, mean in ((NAIVE, 1000), (TUNED, 300)):
        write_arm(
            settings, each, varied(mean, N), rows={"answer": one_of(8, " ", "Paris") if each == run_id else "Paris"}
        )
    arm = run_id.removeprefix("k.")
    assert refusal(settings) == f"not claimable: {arm} did not run (40 of 320 answers are empty)"


def test_an_arm_without_any_answer_is_one_clear_sentence(settings):
    baseline(settings)
    write_arm(settings, TUNED, varied(10, N), [0.0] * N, rows=FAILED)
    row = compare(settings)
    assert (row["n"], row["n_failed"], row["delta"], row["verdict"]) == (0, 320, None, "not_judged")
    assert refusal(settings).startswith("not claimable: tuned did not run (0 of 320 queries were answered); ")


def test_failures_that_cost_nothing_are_not_a_saving(settings):
    """A tenth of the candidate's queries never reached the engine."""
    tokens = [0 if place % 10 == 0 else spent for place, spent in enumerate(varied(300, N))]
    baseline(settings)
    write_arm(settings, TUNED, tokens, one_of(10, 0.0, 1.0), rows={"status": one_of(10, "failed", "answered")})
    row = compare(settings)
    assert (row["n"], row["n_failed"]) == (288, 32)
    assert "nothing bounds the tokens of 32 of 320 queries (32 without tokens)" in refusal(settings)
    assert "answering is worse" in refusal(settings)


def test_a_candidate_that_falls_back_to_one_call_does_not_save_its_tokens(settings):
    tokens = [20 if place % 12 == 0 else spent for place, spent in enumerate(varied(1000, N))]
    baseline(settings)
    write_arm(settings, TUNED, tokens, rows={"fallback": one_of(12, True, False)})
    row = compare(settings)
    assert (row["n"], row["n_failed"], row["delta"]) == (293, 27, 0.0)
    assert "answering is worse" in refusal(settings)


def test_usage_that_only_the_baseline_lacks_is_taken_at_its_least(settings):
    """Its lost calls are booked with what was streamed of them; the candidate saves nothing on all others."""
    tokens = [None if place % 4 == 0 else spent for place, spent in enumerate(varied(1000, N))]
    baseline(settings, rows=None)
    write_arm(settings, NAIVE, tokens, rows={"tokens_missing_because": one_of(4, "unreconciled", None)})
    write_arm(settings, TUNED, varied(1000, N))
    calls = [
        make_call_row(f"cut{place}", query_id=f"q{place:03}", status="cut_off", prompt_tokens=100, billed_tokens=100)
        for place in range(0, N, 4)
    ]
    write_rows_of(settings, NAIVE, {"llm_calls": [*balanced_ledger()["llm_calls"], *calls]})
    row = compare(settings)
    assert row["worst_case_delta"] > 0.4
    assert "with the tokens of 80 queries at their worst tokens are worse" in refusal(settings)


def test_queries_about_one_document_are_one(settings):
    baseline(settings, rows={"cluster_id": "d1"})
    write_arm(settings, TUNED, varied(300, N), rows={"cluster_id": "d1"})
    assert "1 independent query, and a token claim needs 100" in refusal(settings)


def test_rows_that_are_there_twice_are_not_further_evidence(settings):
    baseline(settings)
    write_arm(settings, TUNED, varied(300, N))
    rows = read_segment(settings.tables, "query_runs", TUNED)
    write_segment(settings.tables, "query_runs", TUNED, rows * 2)
    assert refusal(settings).startswith("not claimable: 320 rows of tuned are there twice")
    assert compare(settings)["n"] <= N


def test_runs_under_different_conditions_are_not_compared(settings):
    baseline(settings, run={"conditions": '{"arm": "naive_supervisor", "top_k": 5, "routing": "fixed"}'})
    write_arm(settings, TUNED, varied(300, N), run={"conditions": '{"arm": "tuned", "top_k": 8, "routing": "fixed"}'})
    assert refusal(settings) == "not claimable: top_k differs (8 against 5)"


def write_rows_of(settings, run_id, tables):
    for table, rows in tables.items():
        write_segment(settings.tables, table, run_id, [{**row, "run_id": run_id} for row in rows])
