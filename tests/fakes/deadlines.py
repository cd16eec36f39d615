"""Deadlines that pass when a stand-in keeps a caller waiting, and never because the machine is slow."""

import asyncio
from contextlib import suppress

from docmind_core.telemetry.loop_lag import Deadline

SHORT_S = 60.0
"""A test that needs a deadline to pass sets a shorter one; the defaults of suites and clients are longer."""


class Deadlines:
    """Takes the place of the clock of `Deadline`."""

    def __init__(self) -> None:
        self.running: list[tuple[asyncio.AbstractEventLoop, Deadline]] = []

    async def enter(self, deadline: Deadline) -> Deadline:
        """Stand for `Deadline.__aenter__`: no timer is set."""
        await deadline._scope.__aenter__()
        if deadline._seconds is not None and deadline._seconds < SHORT_S:
            self.running.append((asyncio.get_running_loop(), deadline))
        return deadline

    def pass_now(self) -> None:
        """Let every short deadline that is running pass; from any thread."""
        running, self.running = self.running, []
        for loop, deadline in running:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_end, loop, deadline)


def _end(loop: asyncio.AbstractEventLoop, deadline: Deadline) -> None:
    with suppress(RuntimeError):  # its block has ended
        deadline._scope.reschedule(loop.time())
