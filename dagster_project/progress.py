"""How a run that was started from the UI or by a schedule tells of its progress: a few lines in its log."""

import time
from collections.abc import Callable
from typing import Protocol

from docmind_core.runs.progress import ArmProgress, RunObserver

SECONDS_BETWEEN_LINES = 30.0
QUERIES_BETWEEN_LINES = 50
LAG_SHOWN_S = 0.25
"""Below it the event loop is only at work."""


class Log(Protocol):
    """The one method needed of Dagster's logger."""

    def info(self, msg: object, /) -> None:
        """Write one line."""


class ObserverFactory:
    """Makes the observer of a run: its log by default; the command line puts its own in this place."""

    def create(self, log: Log) -> RunObserver:
        """Return the observer of one run's progress."""
        return LogObserver(log)


class GivenObserver(ObserverFactory):
    """Hands on one observer, made elsewhere."""

    def __init__(self, observer: RunObserver) -> None:
        self._observer = observer

    def create(self, log: Log) -> RunObserver:
        """Return the observer that was given; the log stays quiet."""
        return self._observer


class LogObserver:
    """Writes a line at most every 30 s or every 50 queries: each costs Dagster several milliseconds."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._last_line_s = clock()
        self._last_done = 0

    def announce(self, text: str) -> None:
        """Write what happens now."""
        self._log.info(text)

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """Write which arm begins, and how much of it an earlier attempt has done."""
        self._last_line_s, self._last_done = self._clock(), done
        self._log.info(f"{arm}: {total - done} of {total} queries to do")

    def still_running(self, progress: ArmProgress) -> None:
        """Write a line when one is due."""
        self.query_finished(progress)

    def query_finished(self, progress: ArmProgress) -> None:
        """Write a line when one is due."""
        now = self._clock()
        queries = progress.done - self._last_done
        if queries >= QUERIES_BETWEEN_LINES or now - self._last_line_s >= SECONDS_BETWEEN_LINES:
            self._last_line_s, self._last_done = now, progress.done
            self._log.info(describe(progress))

    def arm_finished(self, progress: ArmProgress) -> None:
        """Write how the arm ended."""
        self._log.info(f"{describe(progress)}, finished")


def describe(progress: ArmProgress) -> str:
    """Return one line, for example `tuned: 12/20, 1 failed, 57 calls, 34.5 tokens/s, 1:05 left`."""
    parts = [f"{progress.arm}: {progress.done}/{progress.total}"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.calls and progress.done < progress.total:
        parts.append(f"{progress.calls:,} {'call' if progress.calls == 1 else 'calls'}")
    if progress.tokens_per_s is not None:
        parts.append(f"{progress.tokens_per_s:.1f} tokens/s")
    elif progress.completion_tokens is None:
        parts.append("unknown tokens/s")
    if progress.eta_s is not None and progress.done < progress.total:
        parts.append(f"{duration(progress.eta_s)} left")
    if progress.lag_s >= LAG_SHOWN_S:
        parts.append(f"platform overloaded: {progress.lag_s:.1f} s late")
    return ", ".join(parts)


def duration(seconds: float | None) -> str:
    """Return minutes and seconds, with hours when there are any: `1:05`, `2:01:05`; a dash for an unknown time."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
