"""The state machine of one alert: it counts evaluations, not minutes, and never guesses.

Rules: Prometheus's `for` and `keep_firing_for`, counted in benchmark runs. Missing data never fires and never resolves.
"""

from dataclasses import dataclass, replace

INACTIVE, PENDING, FIRING, RESOLVED = "inactive", "pending", "firing", "resolved"
OK, BAD, BAND, NO_DATA = "ok", "bad", "band", "nodata"
REPEAT = "repeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many evaluations in a row it takes."""

    for_evals: int = 2
    """Bad ones before an alert fires."""
    keep_evals: int = 2
    """Good ones before a firing alert resolves."""
    repeat_runs: int = 10
    """Evaluations after which a firing alert is sent again."""
    repeat_hours: float = 24.0
    """Hours after which a firing alert is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where one alert stands between two evaluations."""

    state: str = INACTIVE
    first_seen: str | None = None
    """UTC time of the evaluation that opened the episode; None outside one."""
    bad_streak: int = 0
    ok_streak: int = 0
    runs_since_notice: int = 0
    notified_at: str | None = None
    """UTC time of the last notice of this episode."""
    peak: float | None = None
    """Worst value of the episode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One evaluation, as the machine sees it."""

    outcome: str
    value: float | None
    at: str
    """UTC time, ISO 8601."""
    hours_since_notice: float | None = None
    is_worse_above: bool = True


def advance(before: AlertState, seen: Evaluated, patience: Patience) -> tuple[AlertState, str | None]:
    """Return the state after one evaluation, and what to tell people: `firing`, `resolved`, `repeat` or None."""
    if seen.outcome == NO_DATA:
        return before, None
    if before.state == FIRING:
        return _while_firing(before, seen, patience)
    if seen.outcome != BAD:
        return AlertState(), None
    opened = before if before.state == PENDING else AlertState(first_seen=seen.at)
    streak = opened.bad_streak + 1
    peak = worst(opened.peak, seen)
    if streak < patience.for_evals:
        return replace(opened, state=PENDING, bad_streak=streak, peak=peak), None
    return (
        AlertState(state=FIRING, first_seen=opened.first_seen, bad_streak=streak, notified_at=seen.at, peak=peak),
        FIRING,
    )


def _while_firing(before: AlertState, seen: Evaluated, patience: Patience) -> tuple[AlertState, str | None]:
    runs = before.runs_since_notice + 1
    if seen.outcome == OK:
        if before.ok_streak + 1 >= patience.keep_evals:
            return AlertState(state=RESOLVED), RESOLVED
        return replace(before, ok_streak=before.ok_streak + 1, runs_since_notice=runs), None
    held = replace(before, ok_streak=0, runs_since_notice=runs)
    if seen.outcome == BAND:
        return held, None
    held = replace(held, bad_streak=before.bad_streak + 1, peak=worst(before.peak, seen))
    hours = seen.hours_since_notice
    if runs >= patience.repeat_runs or (hours is not None and hours >= patience.repeat_hours):
        return replace(held, runs_since_notice=0, notified_at=seen.at), REPEAT
    return held, None


def worst(peak: float | None, seen: Evaluated) -> float | None:
    """Return the worse of the peak so far and the value seen."""
    if seen.value is None or peak is None:
        return seen.value if peak is None else peak
    return max(peak, seen.value) if seen.is_worse_above else min(peak, seen.value)
