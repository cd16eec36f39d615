"""The view `ledger_balance` on engines that others use too, or that are started again."""

import pytest

from tests.builders import make_call_row, make_counter_rows
from tests.tables.test_ledger_balance import COUNTED, LOST, TWO_CALLS, ledger, only

MORE = {"prompt_tokens": 90, "generation_tokens": 30, "request_success": 2}


def gauge_rows(moment, *, name="num_requests_running", value=1.0):
    return [row | {"value": value if row["moment"] == moment else 0.0} for row in make_counter_rows({name: 0})]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["num_requests_running", "num_requests_waiting"])
def test_a_request_of_others_under_way_at_a_reading_is_not_exclusive(settings, moment, name):
    """Its tokens are counted while it runs, the request when it has finished: the requests are equal all the same."""
    counters = [*make_counter_rows(MORE), *gauge_rows(moment, name=name)]
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False))
    assert row["state"] == "not_exclusive"
    assert row["because"] == (
        "the engine counted +70 prompt and +24 completion tokens of others: 1 requests were under way at a reading, "
        "2 finished, 2 of this run"
    )
    assert only(ledger(settings, TWO_CALLS, counters))["state"] == "unbalanced"  # an engine of ours alone


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


def test_what_balances_to_the_token_is_balanced_whatever_ran_beside_it(settings):
    counters = [*make_counter_rows(COUNTED), *gauge_rows("before")]
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=False))
    assert (row["state"], row["because"]) == ("balanced", None)


@pytest.mark.parametrize("counter", ["prompt_tokens", "generation_tokens", "request_success"])
@pytest.mark.parametrize("managed", [True, False])
def test_counters_that_went_back_are_those_of_an_engine_started_again(settings, counter, managed):
    counters = make_counter_rows({**COUNTED, counter: -300})
    row = only(ledger(settings, TWO_CALLS, counters, engine_managed=managed))
    assert row["state"] == "unreconciled"
    assert row["because"] == "the counters went back: the engine was started again; no call was under way"
