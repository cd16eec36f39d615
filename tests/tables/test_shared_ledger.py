"""The view `ledger_balance` on engines that others use too, or that are started again."""

import pytest

from tests.builders import make_call_row, make_counter_rows
from tests.tables.test_ledger_balance import COUNTED, LOST, TWO_CALLS, ledger, only

MORE = {"prompt_tokens": 90, "generation_tokens": 30, "request_success": 2}


def gauge_rows(moment, *, name="num_requests_running", value=1.0):
    return [row | {"value": value if row["moment"] == moment else 0.0} for row in make_counter_rows({name: 0})]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["num_requests_running", "num_requests_waiting"])
def test_a_request_of_others_in_flight_at_a_reading_is_not_exclusive(settings, moment, name):
    """Its tokens are counted while it runs, the request when it has finished: the requests are equal all the same."""
    counters = [*make_counter_rows(MORE), *gauge_rows(moment, name=name)]
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False))
    assert row["state"] == "not_exclusive"
    assert row["because"] == (
        "the engine counted +70 prompt and +24 completion tokens from other clients: 1 requests were in flight "
        "at a reading, "
        "2 finished, 2 of this run"
    )
    assert only(ledger(settings, TWO_CALLS, counters))["state"] == "unbalanced"  # an engine of our own


def test_between_idle_readings_equal_requests_with_other_tokens_are_unbalanced_on_a_shared_engine_too(settings):
    counters = [*make_counter_rows(MORE), *gauge_rows("neither")]
    assert only(ledger(settings, TWO_CALLS, counters, engine_managed=False))["state"] == "unbalanced"


def test_a_ledger_that_holds_more_than_the_engine_counted_is_unbalanced_whoever_used_it(settings):
    counters = [*make_counter_rows({**COUNTED, "prompt_tokens": 19, "request_success": 9}), *gauge_rows("after")]
    assert only(ledger(settings, TWO_CALLS, counters, engine_managed=False))["state"] == "unbalanced"


def test_an_attempt_cut_off_before_the_engine_saw_it_does_not_hide_a_request_of_others(settings):
    unseen = make_call_row("c3", status="cut_off", tokens_missing_because="unreconciled", http_status=None, **LOST)
    counters = make_counter_rows({"prompt_tokens": 9_000, "generation_tokens": 30, "request_success": 3})
    row = only(ledger(settings, [*TWO_CALLS, unseen], counters, engine_managed=False, max_model_len=100))
    assert row["state"] == "not_exclusive"


def test_what_balances_to_the_token_is_balanced_whatever_ran_next_to_it(settings):
    counters = [*make_counter_rows(COUNTED), *gauge_rows("before")]
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False))
    assert (row["state"], row["because"]) == ("balanced", None)


@pytest.mark.parametrize("counter", ["prompt_tokens", "generation_tokens", "request_success"])
def test_counters_that_went_back_are_those_of_an_engine_started_again_or_of_several(settings, counter):
    counters = make_counter_rows({**COUNTED, counter: -300})
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=True))
    assert row["state"] == "unreconciled"
    assert row["because"] == "the counters went backwards: the engine was restarted; no call was in flight"
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False))
    assert row["state"] == "not_exclusive"
    assert row["because"] == (
        "the counters went backwards: the engine was restarted, or several engines answer at this URL"
    )


def seen(engines):
    return make_counter_rows({"docmind:engines_seen": engines - 1000}, moments=("after",))


@pytest.mark.parametrize(
    "counted", [COUNTED, MORE, {"prompt_tokens": 10, "generation_tokens": 3, "request_success": 1}]
)
def test_counters_of_several_engines_at_one_url_are_not_exclusive_and_blame_no_call(settings, counted):
    counters = [*make_counter_rows(counted), *seen(2)]
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False, process_starts=1))
    assert row["state"] == "not_exclusive"
    assert row["because"] == ("several engines answer at this URL (at least 2 seen while idle): give the URL of each")


def test_two_processes_before_and_after_an_arm_are_not_exclusive_and_nothing_died(settings):
    counters = [
        *make_counter_rows(COUNTED, moments=("before",)),
        *make_counter_rows(COUNTED, session="s2", moments=("after",)),
    ]
    rows = ledger(settings, TWO_CALLS, counters, engine_managed=False, process_starts=1)
    assert [row["state"] for row in rows] == ["not_exclusive", "not_exclusive"]
    assert not any("died" in row["because"] for row in rows)
    rows = ledger(settings, TWO_CALLS, counters, engine_managed=True, process_starts=1)
    assert [row["state"] for row in rows] == ["unreconciled", "unreconciled"]


def test_requests_that_one_engine_lacks_although_all_are_booked_went_to_another(settings):
    """A balancer that sends every scrape to the same replica: only the requests give it away."""
    half = make_counter_rows({"prompt_tokens": 10, "generation_tokens": 3, "request_success": 1})
    sent = make_counter_rows({"docmind:requests_sent": 2})
    row = only(ledger(settings, TWO_CALLS, [*half, *sent], engine_managed=False, process_starts=1))
    assert row["state"] == "not_exclusive"
    assert row["because"] == "the engine counted 1 of the 2 requests of this run: several engines answer at this URL"
    doubled = [*TWO_CALLS, make_call_row("c3")]
    row = only(ledger(settings, doubled, [*half, *sent], engine_managed=False, process_starts=1))
    assert row["state"] == "unbalanced", "one booking too many is ours, whoever answered"
    assert only(ledger(settings, doubled, make_counter_rows(COUNTED), engine_managed=False))["state"] == "unbalanced"
    assert only(ledger(settings, TWO_CALLS, [*half, *sent], engine_managed=True))["state"] == "unbalanced"
