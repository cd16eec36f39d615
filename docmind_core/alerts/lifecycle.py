"""The state machine of one alert, which counts evaluations instead of minutes.

Rules: Prometheus's `for` and `keep_firing_for`, counted in benchmark runs. Missing data never fires
and never resolves; an episode without data for long enough ends as `expired`.
"""

from dataclasses import dataclass, replace

INACTIVE, PENDING, FIRING, RESOLVED = "inactive", "pending", "firing", "resolved"
EXPIRED = "expired"
"""Ended because nothing is known of its series any more: neither good nor bad."""
CLOSED = "closed"
"""Ended by a person, with a reason."""
ENDED = (RESOLVED, EXPIRED, CLOSED)
OK, BAD, BAND, NO_DATA = "ok", "bad", "band", "nodata"
GONE = "gone"
"""No outcome of an evaluation: the series is not configured any more, so its open episode expires."""
REPEAT = "repeat"

NO_DATA_EVALS = 5
"""Evaluations without data in a row that end an episode."""
REPEAT_AFTER = (3, 7, 14, 30)
"""Evaluations since an alert began to fire after which it is sent again; then the distance doubles each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many evaluations in a row it takes."""

    for_evals: int = 2
    """Bad ones before an alert fires."""
    keep_evals: int = 2
    """Good ones before a firing alert resolves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """The state of one alert between two evaluations."""

    state: str = INACTIVE
    first_seen: str | None = None
    """UTC time of the evaluation that opened the episode; None outside one."""
    bad_streak: int = 0
    ok_streak: int = 0
    nodata_streak: int = 0
    evals_firing: int = 0
    """Evaluations with data since it began to fire."""
    repeat_at: int = REPEAT_AFTER[0]
    """Value of `evals_firing` at which it is sent again, or at the next bad evaluation after it."""
    peak: float | None = None
    """Worst value of the episode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One evaluation, as the machine sees it."""

    outcome: str
    value: float | None
    at: str
    """UTC time, ISO 8601."""
    is_worse_above: bool = True


def advance(before: AlertState, seen: Evaluated, patience: Patience) -> tuple[AlertState, str | None]:
    """Return the state after one evaluation, and the notice due: `firing`, `resolved`, `expired`, `repeat` or None."""
    if seen.outcome == NO_DATA:
        return _without_data(before)
    before = replace(before, nodata_streak=0)
    if before.state == FIRING:
        return _while_firing(before, seen, patience)
    if seen.outcome != BAD:
        return AlertState(), None
    opened = before if before.state == PENDING else AlertState(first_seen=seen.at)
    streak = opened.bad_streak + 1
    peak = worst(opened.peak, seen)
    if streak < patience.for_evals:
        return replace(opened, state=PENDING, bad_streak=streak, peak=peak), None
    return AlertState(state=FIRING, first_seen=opened.first_seen, bad_streak=streak, peak=peak), FIRING


def ended(before: AlertState, state: str) -> tuple[AlertState, str | None]:
    """End an open episode as `expired` or `closed`; a notice is due only if its firing was reported."""
    if before.state not in {PENDING, FIRING}:
        return before, None
    return AlertState(state=state), state if before.state == FIRING else None


def _without_data(before: AlertState) -> tuple[AlertState, str | None]:
    if before.state not in {PENDING, FIRING}:
        return before, None
    streak = before.nodata_streak + 1
    return ended(before, EXPIRED) if streak >= NO_DATA_EVALS else (replace(before, nodata_streak=streak), None)


def _while_firing(before: AlertState, seen: Evaluated, patience: Patience) -> tuple[AlertState, str | None]:
    before = replace(before, evals_firing=before.evals_firing + 1)
    if seen.outcome == OK:
        if before.ok_streak + 1 >= patience.keep_evals:
            return AlertState(state=RESOLVED), RESOLVED
        return replace(before, ok_streak=before.ok_streak + 1), None
    held = replace(before, ok_streak=0)
    if seen.outcome == BAND:
        return held, None
    held = replace(held, bad_streak=before.bad_streak + 1, peak=worst(before.peak, seen))
    if held.evals_firing < held.repeat_at:
        return held, None
    return replace(held, repeat_at=next_repeat(held.evals_firing)), REPEAT


def next_repeat(evals_firing: int) -> int:
    """Return the first of `REPEAT_AFTER`, then 60, 120, 240 …, that lies after `evals_firing`."""
    later = REPEAT_AFTER[-1]
    while later <= evals_firing:
        later *= 2
    return next((after for after in REPEAT_AFTER if after > evals_firing), later)


def worst(peak: float | None, seen: Evaluated) -> float | None:
    """Return the worse of the peak so far and the value seen."""
    if seen.value is None or peak is None:
        return seen.value if peak is None else peak
    return max(peak, seen.value) if seen.is_worse_above else min(peak, seen.value)
