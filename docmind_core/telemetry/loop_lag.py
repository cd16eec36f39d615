"""How late this process's own event loop is, deadlines that leave that time out, and fewer pauses for garbage."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary

PERIOD_S = 0.05
"""How often the loop is asked for its lateness."""
EXTENSION_MIN_S = 0.01
"""Less lag than this moves no deadline: a timer is always a little late."""
YOUNG_OBJECTS = 10_000
"""New objects that start a collection; Python's own 700 is reached several times a query."""


class LoopLag:
    """Measures how late the callbacks of one event loop run: time in which replies wait for the platform."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare to measure `loop`."""
        self.total_s = 0.0
        """Seconds of lateness since the beginning."""
        self._loop = loop
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._peaks: list[list[float]] = []

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._loop.time() + PERIOD_S
        # A plain callback, not a task: it runs before any timer that was due after it.
        self._timer = self._loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    def peak_reader(self) -> Callable[[], float]:
        """Return what tells the largest lateness in seconds since it was asked last; any thread may ask."""
        peak = [0.0]
        self._peaks.append(peak)

        def read() -> float:
            found, peak[0] = peak[0], 0.0
            return max(found, self._loop.time() - self._due, 0.0)  # the loop may be busy at this moment

        return read

    def _tick(self) -> None:
        late_s = max(0.0, self._loop.time() - self._due)
        self.total_s += late_s
        for peak in self._peaks:
            peak[0] = max(peak[0], late_s)
        self.start()


_MEASURED: "WeakKeyDictionary[asyncio.AbstractEventLoop, LoopLag]" = WeakKeyDictionary()


@contextmanager
def measured_loop() -> Iterator[LoopLag]:
    """Measure the running event loop during the block; deadlines in it then leave its lag out."""
    loop = asyncio.get_running_loop()
    lag = _MEASURED[loop] = LoopLag(loop)
    lag.start()
    try:
        yield lag
    finally:
        lag.stop()
        del _MEASURED[loop]


def lag_peak_reader() -> Callable[[], float] | None:
    """Return a new reader of the running loop's largest lateness; None where nothing measures it."""
    lag = _MEASURED.get(asyncio.get_running_loop())
    return lag.peak_reader() if lag else None


class Deadline:
    """`asyncio.timeout` in time that the event loop kept: what it was late by is added to the end.

    Without `measured_loop` around it, and with None for no limit, it is `asyncio.timeout`.
    """

    def __init__(self, seconds: float | None) -> None:
        """Allow so many seconds from the entry of the block on."""
        self._seconds = seconds
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._lag: LoopLag | None = None
        self._lag_counted_s = 0.0

    def expired(self) -> bool:
        """Return whether this deadline, and no other, has ended the block."""
        return self._scope.expired()

    async def __aenter__(self) -> Self:
        """Start the clock."""
        await self._scope.__aenter__()
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._lag = _MEASURED.get(loop)
            self._lag_counted_s = self._lag.total_s if self._lag else 0.0
            self._until = loop.time() + self._seconds
            self._timer = loop.call_at(self._until, self._end_or_extend)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the clock.

        Raises:
            TimeoutError: If it has run out.
        """
        if self._timer is not None:
            self._timer.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def _end_or_extend(self) -> None:
        loop = asyncio.get_running_loop()
        owed_s = self._lag.total_s - self._lag_counted_s if self._lag else 0.0
        if owed_s < EXTENSION_MIN_S:
            self._scope.reschedule(loop.time())
            return
        self._lag_counted_s += owed_s
        self._until += owed_s
        self._timer = loop.call_at(self._until, self._end_or_extend)


@contextmanager
def short_collections() -> Iterator[None]:
    """Leave what is alive now out of every collection during the block: imported modules, the index, the queries.

    Visiting them took 0.14 s at a time, a third of the processor time of `tuned` and a fifth of `naive_supervisor`'s.
    What becomes garbage in the block is collected as ever.
    """
    thresholds = gc.get_threshold()
    gc.freeze()  # without a collection first, which takes as long as those that are saved in a short run
    gc.set_threshold(YOUNG_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
