"""Progress of a benchmark run, and its observers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmProgress:
    """Progress of one arm; counts include what an earlier, interrupted process finished."""

    arm: str
    done: int
    total: int
    failed: int
    done_here: int
    """Queries finished by this process."""
    completion_tokens: int | None
    """Generated for the calls finished by this process; None once the engine did not say it of one of them."""
    elapsed_s: float | None
    """Seconds of this process on the arm; None for an ended arm that several processes worked on."""
    calls: int = 0
    """Calls finished by this process, including those of queries in progress."""
    lag_s: float = 0.0
    """Largest lag of the platform itself since an observer was last informed."""

    @property
    def eta_s(self) -> float | None:
        """Seconds until the arm ends at the pace so far; None before the first query has finished."""
        if self.done_here == 0 or self.elapsed_s is None:
            return None
        return (self.total - self.done) * self.elapsed_s / self.done_here

    @property
    def tokens_per_s(self) -> float | None:
        """Completion tokens per second of wall time; None before the first call or query has finished, or unknown."""
        begun = self.done_here > 0 or self.calls > 0
        if not begun or not self.elapsed_s or self.elapsed_s <= 0 or self.completion_tokens is None:
            return None
        return self.completion_tokens / self.elapsed_s


def sum_of_known(counts: Iterable[int | None]) -> int | None:
    """Return the sum, or None when one of the counts is not known."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


class RunObserver(Protocol):
    """Follows a benchmark run: a terminal, a Dagster log, or a test."""

    def announce(self, text: str) -> None:
        """Announce in one line what happens now."""
        ...

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """An arm begins; `done` queries were finished earlier."""
        ...

    def query_finished(self, progress: ArmProgress) -> None:
        """A query has ended, answered or failed."""
        ...

    def still_running(self, progress: ArmProgress) -> None:
        """Another second has passed; nothing need have ended in it."""
        ...

    def arm_finished(self, progress: ArmProgress) -> None:
        """All queries of an arm have ended and its tables are published."""
        ...


class SilentObserver:
    """Follows nothing."""

    def announce(self, text: str) -> None:
        """Say nothing."""

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """Say nothing."""

    def query_finished(self, progress: ArmProgress) -> None:
        """Say nothing."""

    def still_running(self, progress: ArmProgress) -> None:
        """Say nothing."""

    def arm_finished(self, progress: ArmProgress) -> None:
        """Say nothing."""
