"""Which attempts of an ended process make the sums of a query unknown."""

from collections import deque

import pytest

from docmind_core.runs.resuming import without_doubled
from tests.builders import make_call_row

PARTIAL = {"status": "cut_off", "tokens_missing_because": None}


def reasons(calls, earlier, recorded=None, late=frozenset()):
    return [row["tokens_missing_because"] for row in without_doubled(calls, earlier, recorded or {}, late)]


def test_a_call_that_an_ended_process_cut_off_is_of_unknown_usage_and_the_same_in_this_process_is_not():
    dead, retried = (make_call_row(name, **PARTIAL) for name in ("dead", "here"))
    assert reasons([dead, retried], [dead]) == ["unreconciled", None]


def test_an_attempt_that_its_own_process_tried_again_with_success_is_the_query_s_cost():
    cut = make_call_row("c", **PARTIAL)
    done = make_call_row("c", attempt=2, tokens_missing_because=None)
    assert reasons([cut, done], [cut, done]) == [None, None]


def test_an_attempt_that_never_reached_the_engine_counts_as_the_zero_it_is():
    unsent = make_call_row("c", status="failed", billed_tokens=0, tokens_missing_because=None)
    assert reasons([unsent], [unsent]) == [None]


@pytest.mark.parametrize(("late", "because"), [(set(), "unreconciled"), ({("a", "t")}, None)])
def test_a_finished_call_that_nothing_asked_for_again_is_of_unknown_usage_unless_it_was_late(late, because):
    left = make_call_row("c", agent="a", task="t", tokens_missing_because=None)
    assert reasons([left], [left], {("a", "t", "hash"): deque([left])}, late) == [because]


def test_a_call_that_failed_for_good_is_the_query_s_cost_and_not_of_the_interruption():
    failed = make_call_row("c", **PARTIAL)
    assert [row["tokens_missing_because"] for row in without_doubled([failed], [failed], {}, set(), {"c"})] == [None]
