"""Calls whose reply came too late to be used: they go on, so that what the engine counted for them is booked."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from docmind_core.errors import RunError, StoreError
from docmind_core.runs.call_booking import CallBook
from docmind_core.serving.chat import ChatReply


@dataclass(slots=True, kw_only=True)
class LateCalls:
    """The late calls of one query. Each keeps its place among the calls in flight until it has ended."""

    _calls: list[asyncio.Task[ChatReply]] = field(default_factory=list)

    async def wait_for(self, call: Coroutine[Any, Any, ChatReply], book: CallBook) -> ChatReply:
        """Return the reply; when this wait is cancelled, the attempt under way goes on without it.

        No other attempt follows, and a call that was still waiting for its turn is withdrawn.
        """
        task = asyncio.create_task(call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._calls.append(task)
            if not book.give_up():
                task.cancel()
            raise

    async def settle(self, within_s: float) -> None:
        """Wait until all have ended, and cut off what has not `within_s` seconds.

        Raises:
            RunError: If one could not be booked.
        """
        if self._calls:
            await asyncio.wait(self._calls, timeout=max(0.0, within_s))
        await self.cancel()

    async def cancel(self) -> None:
        """Cut off all that go on; each is booked on return."""
        for call in self._calls:
            call.cancel()
        ends = await asyncio.gather(*self._calls, return_exceptions=True)
        self._calls.clear()
        for end in ends:
            if isinstance(end, RunError | StoreError):
                raise end
