"""The state machine of one alert (alerts.md §3)."""

import pytest

from docmind_core.alerts.lifecycle import (
    BAD,
    BAND,
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
)

THRESHOLD, CLEAR = 2.0, 1.8


def outcome_of(value):
    if value is None:
        return NO_DATA
    return BAD if value > THRESHOLD else OK if value <= CLEAR else BAND


def run(values, patience=Patience(), state=AlertState(), hours=None):  # noqa: B008 - both are frozen
    states, notices = [], []
    for number, value in enumerate(values):
        seen = Evaluated(outcome=outcome_of(value), value=value, at=f"t{number}", hours_since_notice=hours)
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
    after, _, notices = run([None] * 5, state=state)
    assert (after, set(notices)) == (state, {None})


def test_the_band_holds_a_firing_alert_and_ends_a_pending_one():
    assert run([2.1, 1.9])[1] == [PENDING, INACTIVE]
    assert run([2.1, 2.1, 1.9, 1.9, 1.9])[1][-1] == FIRING
    assert run([2.1, 2.1, 1.7, 1.9, 1.7])[1][-1] == FIRING, "the band starts the count of good ones again"


def test_a_failure_fires_at_once():
    assert run([2.1], Patience(for_evals=1))[2] == [FIRING]


def test_a_firing_alert_is_repeated_after_ten_runs_or_a_day():
    notices = run([2.1] * 13, Patience(for_evals=1))[2]
    assert [place for place, notice in enumerate(notices) if notice == REPEAT] == [10]
    assert run([2.1, 2.1], Patience(for_evals=1), hours=24.0)[2] == [FIRING, REPEAT]
    assert run([2.1, 2.1], Patience(for_evals=1), hours=23.9)[2] == [FIRING, None]


def test_the_peak_is_the_worst_value_of_the_episode():
    assert run([2.5, 2.1, 2.4])[0].peak == 2.5
    below = [Evaluated(outcome=BAD, value=value, at="t", is_worse_above=False) for value in (30.0, 20.0, 35.0)]
    state = AlertState()
    for seen in below:
        state, _ = advance(state, seen, Patience())
    assert state.peak == 20.0
