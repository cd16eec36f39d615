"""The state machine of one alert (alerts.md §3)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docmind_core.alerts.lifecycle import (
    BAD,
    BAND,
    CLOSED,
    EXPIRED,
    FIRING,
    INACTIVE,
    NO_DATA,
    OK,
    PENDING,
    REPEAT,
    RESOLVED,
    AlertState,
    Evaluated,
    Patience,
    advance,
    ended,
)

THRESHOLD, CLEAR = 2.0, 1.8


def outcome_of(value):
    if value is None:
        return NO_DATA
    return BAD if value > THRESHOLD else OK if value <= CLEAR else BAND


def run(values, patience=Patience(), state=AlertState()):  # noqa: B008 - both are frozen
    states, notices = [], []
    for number, value in enumerate(values):
        seen = Evaluated(outcome=outcome_of(value), value=value, at=f"t{number}")
        state, notice = advance(state, seen, patience)
        states.append(state.state)
        notices.append(notice)
    return state, states, notices


def test_the_required_sequence_fires_twice_and_resolves_once():
    """S59: streak and hysteresis."""
    values = [1.5, 2.1, 1.5, 2.1, 2.2, 1.9, 2.1, 1.7, 1.9, 1.7, 1.7, 1.5, 2.3, 2.3]
    last, states, notices = run(values)
    assert states == [
        INACTIVE, PENDING, INACTIVE, PENDING, FIRING, FIRING, FIRING, FIRING, FIRING, FIRING, RESOLVED, INACTIVE,
        PENDING, FIRING,
    ]  # fmt: skip
    assert [(place, notice) for place, notice in enumerate(notices) if notice] == [
        (4, FIRING),
        (10, RESOLVED),
        (13, FIRING),
    ]
    assert last.first_seen == "t12", "a new episode"


@pytest.mark.parametrize("before", [[], [2.1], [2.1, 2.1], [2.1, 2.1, 1.7], [2.1, 2.1, 1.7, 1.7]])
def test_missing_data_neither_fires_nor_resolves_in_any_state(before):
    state, _, _ = run(before)
    after, _, notices = run([None] * 4, state=state)
    assert (replace(after, nodata_streak=0), set(notices)) == (state, {None})


def test_a_firing_alert_without_data_in_five_evaluations_in_a_row_expires_and_says_so_once():
    assert run([2.1, 2.1, *[None] * 6])[2] == [None, FIRING, None, None, None, None, EXPIRED, None]
    assert run([2.1, 2.1, *[None] * 4, 2.1, *[None] * 4])[1][-1] == FIRING, "a value starts the count again"
    assert run([2.1, 2.1, *[None] * 5, 2.1, 2.1])[1][-3:] == [EXPIRED, PENDING, FIRING], "a new episode"


def test_a_pending_alert_without_data_expires_in_silence_and_a_resolved_one_stays_resolved():
    assert (run([2.1, *[None] * 5])[1][-1], set(run([2.1, *[None] * 5])[2])) == (EXPIRED, {None})
    assert run([2.1, 2.1, 1.7, 1.7, *[None] * 9])[1][-1] == RESOLVED


@pytest.mark.parametrize("before", [AlertState(), AlertState(state=RESOLVED), AlertState(state=CLOSED)])
def test_what_is_not_open_is_not_ended_again(before):
    assert ended(before, CLOSED) == (before, None)


def test_the_band_holds_a_firing_alert_and_ends_a_pending_one():
    assert run([2.1, 1.9])[1] == [PENDING, INACTIVE]
    assert run([2.1, 2.1, 1.9, 1.9, 1.9])[1][-1] == FIRING
    assert run([2.1, 2.1, 1.7, 1.9, 1.7])[1][-1] == FIRING, "the band starts the count of good ones again"


def test_a_failure_fires_at_once():
    assert run([2.1], Patience(for_evals=1))[2] == [FIRING]


def test_a_firing_alert_is_repeated_after_3_7_14_and_30_evaluations_and_then_at_double_distances():
    notices = run([2.1] * 250, Patience(for_evals=1))[2]
    assert [place for place, notice in enumerate(notices) if notice == REPEAT] == [3, 7, 14, 30, 60, 120, 240]


def test_a_repeat_that_fell_on_a_good_evaluation_is_made_up_for_once():
    notices = run([2.1, 2.1, 2.1, *[1.9] * 5, 2.1, 2.1, 2.1], Patience(for_evals=1))[2]
    assert [place for place, notice in enumerate(notices) if notice == REPEAT] == [8], "3 and 7 are one reminder"


@settings(max_examples=50)
@given(st.lists(st.sampled_from([1.5, 1.9, 2.1, None]), max_size=18), st.integers(1, 2))
def test_a_breach_of_twenty_nights_sends_at_most_five_messages(noise, for_evals):
    """With values that come and go: one that recovers and fires again is another breach."""
    _, _, notices = run([2.1, 2.1, *noise], Patience(for_evals=for_evals))
    episodes = max(1, sum(notice == FIRING for notice in notices))
    assert sum(notice is not None for notice in notices) <= 5 * episodes
    steady = run([2.1] * 20, Patience(for_evals=for_evals))[2]
    assert sum(notice is not None for notice in steady) <= 4, "and one more when it ends"


def test_the_peak_is_the_worst_value_of_the_episode():
    assert run([2.5, 2.1, 2.4])[0].peak == 2.5
    below = [Evaluated(outcome=BAD, value=value, at="t", is_worse_above=False) for value in (30.0, 20.0, 35.0)]
    state = AlertState()
    for seen in below:
        state, _ = advance(state, seen, Patience())
    assert state.peak == 20.0
