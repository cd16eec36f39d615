"""Calls whose reply came too late to be used: they still run to the end, so that their tokens are recorded."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from docmind_core.errors import RunError, StoreError
from docmind_core.runs.call_booking import CallBook
from docmind_core.runs.journal import Row
from docmind_core.serving.chat import ChatReply
from docmind_core.tables.definitions import INTERRUPTED

LATE = "late"
"""Role of the calls that a user's system made after its answer."""

_BILLED = (("prompt_tokens", "completion_tokens", "billed_tokens"), "tokens_missing_because")
_CACHED = (("cached_tokens", "prefill_computed_tokens"), "cached_missing_because")


@dataclass(slots=True, kw_only=True)
class LateCalls:
    """The late calls of one query. Each keeps its place among the calls in flight until it has ended."""

    _calls: list[asyncio.Task[Any]] = field(default_factory=list)

    def adopt(self, calls: Iterable[asyncio.Task[Any]]) -> None:
        """Take over calls that are still in flight after their query was answered."""
        self._calls.extend(calls)

    async def wait_for(self, call: Coroutine[Any, Any, ChatReply], book: CallBook) -> ChatReply:
        """Return the reply; if this wait is cancelled, the attempt in flight continues.

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
        """Cut off all that are still running; each is booked on return."""
        for call in self._calls:
            call.cancel()
        ends = await asyncio.gather(*self._calls, return_exceptions=True)
        self._calls.clear()
        for end in ends:
            if isinstance(end, RunError | StoreError):
                raise end


def with_late_calls(row: Row, calls: Iterable[Row]) -> Row:
    """Return a row of `query_runs` including what the system spent on the query after its answer.

    Args:
        row: As it was booked with the answer.
        calls: All attempts of the query.
    """
    late = [call for call in calls if call["role"] == LATE and call["phase"] != INTERRUPTED]
    if not late:
        return row
    finished = sum(call["status"] == "finished" for call in late)
    added: Row = {
        "calls": row["calls"] + finished,
        "attempts": row["attempts"] + len(late),
        "failures": row["failures"] + len(late) - finished,
    }
    for columns, because in (_BILLED, _CACHED):
        reasons = [each.get(because) for each in (row, *late) if each.get(because)]
        added[because] = reasons[0] if reasons else None
        for column in columns:
            counts = [row.get(column), *(call.get(column) for call in late)]
            added[column] = None if reasons or None in counts else sum(counts)
    return {**row, **added}
