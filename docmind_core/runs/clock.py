"""One anchor between the wall clock and the monotonic clock, per process."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns

from docmind_core.metrics.signs import signed

NOTABLE_JUMP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnchor:
    """A moment read on both clocks: durations come from the monotonic one, timestamps from this."""

    wall: datetime
    monotonic_ns: int

    def utc(self, at_ns: int) -> datetime:
        """Return the UTC time of a monotonic stamp of this process."""
        return self.wall + timedelta(microseconds=(at_ns - self.monotonic_ns) / 1000)

    def now(self) -> datetime:
        """Return the UTC time derived from the anchor; it advances evenly even if the wall clock is changed."""
        return self.utc(monotonic_ns())

    def jumped_s(self) -> float:
        """Return how far the wall clock has moved against this one since the anchor; slewing is a few milliseconds."""
        return (read_wall_clock() - self.now()).total_seconds()


def read_wall_clock() -> datetime:
    """Return what the machine says the time is; it may be set at any moment."""
    return datetime.now(UTC)


def read_anchor() -> ClockAnchor:
    """Read both clocks now."""
    return ClockAnchor(wall=read_wall_clock(), monotonic_ns=monotonic_ns())


def clock_notice(jumped_s: float) -> str | None:
    """Say what a jump of the wall clock means for the times of a run; None below a second."""
    if abs(jumped_s) < NOTABLE_JUMP_S:
        return None
    return (
        f"the system clock jumped by {signed(jumped_s, '+,.0f')} s during this run (it was changed, or the machine "
        "slept); durations are not affected, and timestamps continue from the clock at the start of the run"
    )
