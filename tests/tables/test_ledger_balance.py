"""The view `ledger_balance`: what our ledger booked against what the engine counted."""

import pytest

from docmind_core.tables.definitions import ARM_COLUMNS
from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_call_row, make_counter_rows, make_run_row, write_rows

COUNTED = {"prompt_tokens": 20, "generation_tokens": 6, "request_success": 2}
TWO_CALLS = (make_call_row("c1"), make_call_row("c2"))
LOST = {"prompt_tokens": None, "completion_tokens": None, "billed_tokens": None}


def ledger(settings, calls, counters, **run):
    write_rows(
        settings,
        {"runs": [make_run_row(**run)], "llm_calls": list(calls), "engine_counters": counters},
    )
    names, rows = query_segments(settings.tables, [RUN_ID], "from ledger_balance")
    return [dict(zip(names, row, strict=True)) for row in rows]


def only(rows):
    (row,) = rows
    return row


def test_an_undisturbed_run_is_balanced_to_the_token(settings):
    row = only(ledger(settings, TWO_CALLS, make_counter_rows(COUNTED)))
    assert {name: value for name, value in row.items() if name not in ARM_COLUMNS or name == "run_id"} == {
        "run_id": RUN_ID,
        "engine_session": "s1",
        "ledger_prompt_tokens": 20,
        "engine_prompt_tokens": 20,
        "prompt_difference": 0,
        "ledger_completion_tokens": 6,
        "engine_completion_tokens": 6,
        "completion_difference": 0,
        "unreconciled_calls": 0,
        "state": "balanced",
        "because": None,
        "requests_sent": None,
        "attempts_booked": 2,
        "requests_difference": None,
        "ledger_cached_tokens": None,
        "engine_cached_tokens": None,
        "cached_difference": None,
        "prefill_computed_difference": None,
    }


def test_warm_up_judge_and_control_calls_are_in_the_sums(settings):
    calls = [make_call_row("c1", phase="warmup"), make_call_row("c2", role="judge")]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED)))["state"] == "balanced"


def test_a_call_that_our_own_cache_answered_is_not(settings):
    calls = [*TWO_CALLS, make_call_row("c3", tokens=(0, 0), served_from_cache=True)]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED), engine_managed=False))["state"] == "balanced"


def test_a_doubled_row_is_unbalanced_and_named_first(settings):
    calls = [make_call_row("c1", tokens=(13, 4)), make_call_row("c2", tokens=(7, 2)), make_call_row("x", tokens=(7, 2))]
    row = only(ledger(settings, calls, make_counter_rows(COUNTED)))
    assert (row["state"], row["prompt_difference"], row["completion_difference"]) == ("unbalanced", -7, -2)
    assert row["because"].endswith("largest calls: c2/1 (7+2), x/1 (7+2), c1/1 (13+4)")


@pytest.mark.parametrize("tokens", [(11, 3), (9, 3), (10, 4), (10, 2)])
def test_an_edited_row_is_unbalanced(settings, tokens):
    calls = [make_call_row("c1"), make_call_row("c2", tokens=tokens)]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED)))["state"] == "unbalanced"


def test_a_missing_row_is_unbalanced(settings):
    assert only(ledger(settings, TWO_CALLS[:1], make_counter_rows(COUNTED)))["state"] == "unbalanced"


def test_one_side_over_and_the_other_under_is_unbalanced(settings):
    calls = [make_call_row("c1", tokens=(11, 2)), make_call_row("c2")]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED)))["state"] == "unbalanced"


def test_an_unbalanced_session_without_calls_says_so(settings):
    row = only(ledger(settings, [], make_counter_rows(COUNTED)))
    assert (row["state"], row["ledger_prompt_tokens"]) == ("unbalanced", 0)
    assert row["because"].endswith("largest calls: none")


def test_a_session_without_calls_and_without_growth_is_balanced(settings):
    row = only(ledger(settings, [], make_counter_rows({"prompt_tokens": 0, "generation_tokens": 0})))
    assert row["state"] == "balanced"


def test_a_call_cut_off_before_its_usage_was_known_is_unreconciled_and_named(settings):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", tokens_missing_because="unreconciled", **LOST)]
    row = only(ledger(settings, calls, make_counter_rows(COUNTED)))
    assert (row["state"], row["unreconciled_calls"]) == ("unreconciled", 1)
    assert row["because"] == "1 calls whose usage is unknown or incomplete: c2/1"


def test_a_finished_call_without_usage_is_unreconciled(settings):
    calls = [make_call_row("c1"), make_call_row("c2", tokens_missing_because="no_usage", **LOST)]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED)))["state"] == "unreconciled"


def test_equal_sums_with_a_call_without_usage_are_unreconciled_not_balanced(settings):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", tokens_missing_because="unreconciled", **LOST)]
    counted = {"prompt_tokens": 10, "generation_tokens": 3, "request_success": 1}
    assert only(ledger(settings, calls, make_counter_rows(counted)))["state"] == "unreconciled"


@pytest.mark.parametrize(
    ("counted", "state"),
    [
        ({"prompt_tokens": 90, "generation_tokens": 30, "request_success": 9}, "unreconciled"),
        ({"prompt_tokens": 19, "generation_tokens": 30, "request_success": 9}, "unbalanced"),
        (COUNTED, "balanced"),
    ],
)
def test_lost_bookings_explain_what_the_engine_has_more_and_nothing_less(settings, counted, state):
    lost = [{**row, "counter": "docmind:bookings_lost", "value": 1.0} for row in make_counter_rows({"": 0.0})[1:]]
    row = only(ledger(settings, TWO_CALLS, make_counter_rows(counted) + lost))
    assert row["state"] == state
    assert ("a node was lost with its last bookings" in (row["because"] or "")) == (state == "unreconciled")


def test_a_cut_off_call_whose_usage_adds_up_is_balanced_and_still_counted(settings):
    row = only(
        ledger(settings, [make_call_row("c1"), make_call_row("c2", status="cut_off")], make_counter_rows(COUNTED))
    )
    assert (row["state"], row["unreconciled_calls"]) == ("balanced", 1)


@pytest.mark.parametrize(
    ("prompt", "completion", "state"),
    [
        (10 + 100, 3 + 64, "unreconciled"),
        (10 + 101, 3 + 64, "unbalanced"),
        (10 + 100, 3 + 65, "unbalanced"),
        (10 - 1, 3 + 64, "unbalanced"),
        (10 + 100, 3 - 1, "unbalanced"),
    ],
)
def test_a_lost_call_explains_at_most_its_window_and_its_limit_and_never_less_than_nothing(
    settings, prompt, completion, state
):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", tokens_missing_because="unreconciled", **LOST)]
    counters = make_counter_rows({"prompt_tokens": prompt, "generation_tokens": completion})
    row = only(ledger(settings, calls, counters, max_model_len=100))
    assert row["state"] == state
    if state == "unbalanced":
        assert "which 1 cut-off calls can't explain" in row["because"]


@pytest.mark.parametrize(("prompt", "state"), [(10 + 30, "unreconciled"), (10 + 31, "unbalanced")])
def test_a_lost_call_whose_prompt_was_counted_explains_no_more_than_that_prompt(settings, prompt, state):
    lost = {**LOST, "tokens_missing_because": "unreconciled", "prompt_tokens_est": 30}
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", **lost)]
    counters = make_counter_rows({"prompt_tokens": prompt, "generation_tokens": 3})
    assert only(ledger(settings, calls, counters, max_model_len=100))["state"] == state


def test_without_a_known_window_a_lost_call_explains_any_excess(settings):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", tokens_missing_because="unreconciled", **LOST)]
    counters = make_counter_rows({"prompt_tokens": 10**9, "generation_tokens": 3})
    assert only(ledger(settings, calls, counters, max_model_len=None))["state"] == "unreconciled"


@pytest.mark.parametrize(("generated", "state"), [(6 + 61, "unreconciled"), (6 + 62, "unbalanced")])
def test_a_cut_off_call_with_usage_explains_the_rest_of_its_limit(settings, generated, state):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off", max_tokens=64)]
    counters = make_counter_rows({**COUNTED, "generation_tokens": generated})
    assert only(ledger(settings, calls, counters))["state"] == state


def test_a_cut_off_call_with_known_prompt_explains_no_more_prompt(settings):
    calls = [make_call_row("c1"), make_call_row("c2", status="cut_off")]
    assert only(ledger(settings, calls, make_counter_rows({**COUNTED, "prompt_tokens": 21})))["state"] == "unbalanced"


def test_an_engine_that_died_in_its_session_is_unreconciled_with_the_cause(settings):
    row = only(ledger(settings, TWO_CALLS, make_counter_rows(COUNTED, moments=("before",))))
    assert (row["state"], row["engine_prompt_tokens"], row["prompt_difference"]) == ("unreconciled", None, None)
    assert "died" in row["because"]


def test_sessions_are_never_added_across_a_restart(settings):
    calls = [make_call_row("c1"), make_call_row("c2", engine_session="s2")]
    counters = [
        *make_counter_rows(COUNTED, moments=("before",)),
        *make_counter_rows({"prompt_tokens": 10, "generation_tokens": 3}, session="s2"),
    ]
    assert [(row["engine_session"], row["state"]) for row in ledger(settings, calls, counters)] == [
        ("s1", "unreconciled"),
        ("s2", "balanced"),
    ]


def test_someone_else_on_a_remote_engine_is_not_exclusive(settings):
    counted = {"prompt_tokens": 90, "generation_tokens": 30, "request_success": 3}
    row = only(ledger(settings, TWO_CALLS, make_counter_rows(counted), engine_managed=False))
    assert row["state"] == "not_exclusive"
    assert row["because"] == "the engine finished 3 requests, this run sent 2: another client used it"


def test_a_managed_engine_is_ours_alone_so_foreign_requests_are_unbalanced(settings):
    counted = {"prompt_tokens": 90, "generation_tokens": 30, "request_success": 3}
    assert only(ledger(settings, TWO_CALLS, make_counter_rows(counted)))["state"] == "unbalanced"


def test_a_request_that_failed_with_4xx_is_not_one_the_engine_finished(settings):
    calls = [*TWO_CALLS, make_call_row("c3", status="failed", http_status=400, tokens=(0, 0))]
    row = only(ledger(settings, calls, make_counter_rows(COUNTED), engine_managed=False))
    assert row["state"] == "balanced"


@pytest.mark.parametrize(
    "counters", [[], make_counter_rows({"request_success": 2}), make_counter_rows({"prompt_tokens": 20})]
)
def test_without_the_counters_there_are_no_metrics(settings, counters):
    row = only(ledger(settings, TWO_CALLS, counters))
    assert (row["state"], row["ledger_prompt_tokens"]) == ("no_metrics", 20)


def test_calls_that_never_reached_an_engine_belong_to_no_session(settings):
    calls = [*TWO_CALLS, make_call_row("c3", engine_session=None, status="failed", http_status=None, tokens=(0, 0))]
    assert only(ledger(settings, calls, make_counter_rows(COUNTED)))["state"] == "balanced"


def test_cached_and_computed_tokens_are_cross_checked_without_blocking(settings):
    calls = [make_call_row(name, cached_tokens=4, prefill_computed_tokens=6) for name in ("c1", "c2")]
    counted = {**COUNTED, "prompt_tokens_cached": 9, "request_prefill_kv_computed_tokens_sum": 11}
    row = only(ledger(settings, calls, make_counter_rows(counted)))
    assert (row["state"], row["cached_difference"], row["prefill_computed_difference"]) == ("balanced", 1, -1)


def test_a_hundred_lost_calls_are_counted_and_ten_are_named(settings):
    calls = [
        make_call_row(f"c{place:03}", status="cut_off", tokens_missing_because="unreconciled", **LOST)
        for place in range(100)
    ]
    row = only(ledger(settings, calls, make_counter_rows(COUNTED)))
    assert row["unreconciled_calls"] == 100
    assert row["because"].endswith("c009/1 and 90 more")


@pytest.mark.parametrize(
    ("moment", "cause"),
    [
        ("before", "no counters after the last call: the engine or the platform died in this session"),
        ("after", "no counters before the first call of this session"),
    ],
)
def test_a_session_without_one_reading_names_the_calls_of_unknown_usage_too(settings, moment, cause):
    counters = make_counter_rows(COUNTED, moments=(moment,))
    lost = make_call_row("c2", status="cut_off", tokens_missing_because="unreconciled", **LOST)
    row = only(ledger(settings, [make_call_row("c1"), lost], counters))
    assert row["state"] == "unreconciled"
    assert row["because"] == f"{cause}; calls whose usage is unknown or incomplete: c2/1"
    assert only(ledger(settings, TWO_CALLS, counters))["because"] == f"{cause}; no call was in flight"


DETACHED = {"engine_managed": True, "engine_detached": True}


def test_an_engine_that_others_can_use_too_is_judged_like_a_remote_one(settings):
    counted = {"prompt_tokens": 90, "generation_tokens": 30, "request_success": 3}
    row = only(ledger(settings, TWO_CALLS, make_counter_rows(counted), **DETACHED))
    assert (row["state"], row["because"][:34]) == ("not_exclusive", "the engine finished 3 requests, th")
    assert only(ledger(settings, TWO_CALLS, make_counter_rows(COUNTED), **DETACHED))["state"] == "balanced"
    assert only(ledger(settings, TWO_CALLS[:1], make_counter_rows(COUNTED | {"request_success": 1}), **DETACHED))[
        "state"
    ] == ("unbalanced")


def test_what_others_did_while_an_arm_was_interrupted_does_not_block_it(settings):
    """The last reading is taken after another run on the same engine; its calls are fewer than those cut off here."""
    lost = [
        make_call_row(f"l{place}", status="cut_off", max_tokens=1, tokens_missing_because="unreconciled", **LOST)
        for place in range(3)
    ]
    counters = make_counter_rows({"prompt_tokens": 9_000, "generation_tokens": 900, "request_success": 4})
    run = {**DETACHED, "max_model_len": 100}
    row = only(ledger(settings, [*TWO_CALLS, *lost], counters, **run, process_starts=2))
    assert row["state"] == "unreconciled"
    assert row["because"] == (
        "the arm was interrupted on a shared engine, which counted +8980 prompt and +894 completion tokens "
        "in the meantime; "
        "calls whose usage is unknown or incomplete: l0/1, l1/1, l2/1"
    )
    assert only(ledger(settings, [*TWO_CALLS, *lost], counters, **run, process_starts=1))["state"] == "not_exclusive"
    doubled = [make_call_row(f"c{place}", tokens=(9_000, 900)) for place in range(2)]
    counters = make_counter_rows({"prompt_tokens": 9_000, "generation_tokens": 900, "request_success": 2})
    assert only(ledger(settings, doubled, counters, **run, process_starts=2))["state"] == "unbalanced"
