"""The view `ledger_balance`: attempts booked against requests sent, and where the prompt's tokens came from."""

from datetime import UTC, datetime

import pytest

from tests.builders import make_call_row, make_counter_rows
from tests.tables.test_ledger_balance import COUNTED, LOST, TWO_CALLS, ledger, only


def sent(requests):
    return make_counter_rows({"docmind:requests_sent": requests})


def lost_call(name="lost", **changes):
    lost = {"status": "cut_off", "tokens_missing_because": "unreconciled", "prompt_tokens_est": 90, **LOST}
    return make_call_row(name, **{**lost, **changes})


@pytest.mark.parametrize(("booked", "word"), [(TWO_CALLS[:1], "few"), ((*TWO_CALLS, make_call_row("again")), "many")])
def test_a_dropped_or_doubled_booking_is_found_next_to_a_call_that_was_cut_off(settings, booked, word):
    """Its tokens lie within what the cut-off call can have used; the requests do not."""
    counters = make_counter_rows({**COUNTED, "prompt_tokens": 110, "generation_tokens": 9})
    run = {"max_model_len": 4096, "process_starts": 1}
    row = only(ledger(settings, [*booked, lost_call()], [*counters, *sent(3)], **run))
    assert (row["state"], row["requests_sent"], row["attempts_booked"]) == ("unbalanced", 3, len(booked) + 1)
    assert row["because"].startswith(f"3 requests were sent and {len(booked) + 1} attempts are booked, 1 too {word}; ")
    assert "compared with the ledger" in row["because"]
    right = only(ledger(settings, [*TWO_CALLS, lost_call()], [*counters, *sent(3)], **run))
    assert (right["state"], right["requests_difference"]) == ("unreconciled", 0)


def test_the_doubled_booking_is_named_before_a_larger_call(settings):
    twins = [make_call_row(name, sent_at=datetime(2026, 11, 22, 2, tzinfo=UTC)) for name in ("c1", "c1again")]
    calls = [*twins, make_call_row("large", tokens=(900, 60))]
    row = only(ledger(settings, calls, [*make_counter_rows(COUNTED), *sent(2)]))
    assert row["because"].endswith("largest calls: c1/1 (10+3), c1again/1 (10+3), large/1 (900+60)")


def test_bookings_are_compared_with_requests_on_an_engine_without_counters_too(settings):
    assert only(ledger(settings, TWO_CALLS, sent(2)))["state"] == "no_metrics"
    row = only(ledger(settings, TWO_CALLS[:1], sent(2)))
    assert row["state"] == "unbalanced"
    assert row["because"] == "2 requests were sent and 1 attempts are booked, 1 too few; largest calls: c1/1 (10+3)"


def test_an_attempt_that_never_reached_the_engine_was_sent_and_is_booked(settings):
    refused = make_call_row("c3", status="failed", http_status=None, tokens=(0, 0))
    row = only(ledger(settings, [*TWO_CALLS, refused], [*make_counter_rows(COUNTED), *sent(3)]))
    assert row["state"] == "balanced"


def test_a_resumed_arm_has_no_count_of_all_its_requests(settings):
    row = only(ledger(settings, TWO_CALLS, [*make_counter_rows(COUNTED), *sent(1)], process_starts=2))
    assert (row["state"], row["requests_sent"], row["requests_difference"]) == ("balanced", None, None)


SOURCES = {"local_compute": 12, "local_cache_hit": 5, "external_kv_transfer": 3}


@pytest.mark.parametrize(("cached", "difference"), [((4, 4), 0), ((4, 5), -1), ((0, 0), 8)])
def test_prompt_tokens_balance_by_source_where_the_engine_offers_that(settings, cached, difference):
    """The older counter says something else, and is not asked."""
    calls = [
        make_call_row(f"c{place}", cached_tokens=count, prefill_computed_tokens=10 - count)
        for place, count in enumerate(cached)
    ]
    sources = {f"prompt_tokens_by_source:{source}": count for source, count in SOURCES.items()}
    row = only(ledger(settings, calls, make_counter_rows({**COUNTED, **sources, "prompt_tokens_cached": 99})))
    assert (row["ledger_cached_tokens"], row["engine_cached_tokens"]) == (sum(cached), 8)
    assert (row["cached_difference"], row["prefill_computed_difference"]) == (difference, -difference)
    assert row["state"] == "balanced"
    warning = f"warning only: the engine counted {difference:+d} cached prompt tokens compared with the ledger"
    assert row["because"] == (warning if difference else None)
