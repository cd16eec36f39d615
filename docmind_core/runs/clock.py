"""One anchor between the wall clock and the monotonic clock, per process."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnchor:
    """A moment read on both clocks: durations come from the monotonic one, timestamps from this."""

    wall: datetime
    monotonic_ns: int

    def utc(self, at_ns: int) -> datetime:
        """Return the UTC time of a monotonic stamp of this process."""
        return self.wall + timedelta(microseconds=(at_ns - self.monotonic_ns) / 1000)


def read_anchor() -> ClockAnchor:
    """Read both clocks now."""
    return ClockAnchor(wall=datetime.now(UTC), monotonic_ns=monotonic_ns())
