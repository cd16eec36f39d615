"""All queries of one arm, a fixed number at a time (closed loop)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from time import monotonic

from docmind_core.runs.journal import Row
from docmind_core.runs.journal_entries import CallMatch
from docmind_core.runs.progress import ArmProgress, RunObserver, sum_of_known
from docmind_core.runs.query_row import AskedQuery
from docmind_core.runs.query_run import ArmSetting, run_query
from docmind_core.runs.query_tools import Completes, finished_calls
from docmind_core.serving.chat import AttemptBook, ChatReply, ChatRequest

SECONDS_BETWEEN_LOOKS = 1.0
"""How often an observer is told that an arm is still running; it decides itself what to show of it."""


@dataclass(slots=True, kw_only=True)
class _Tally:
    arm: str
    total: int
    done_before: int
    failed: int
    started_s: float = field(default_factory=monotonic)
    done_here: int = 0
    calls: int = 0
    completion_tokens: int | None = 0

    def add(self, row: Row) -> None:
        self.done_here += 1
        self.failed += row["status"] == "failed"
        if row.get("completion_tokens") is None:  # an attempt was cut off: what it generated is in no reply
            self.completion_tokens = None

    def add_call(self, reply: ChatReply) -> None:
        self.calls += 1
        self.completion_tokens = sum_of_known(
            [self.completion_tokens, reply.usage.completion_tokens if reply.usage else None]
        )

    @property
    def progress(self) -> ArmProgress:
        return ArmProgress(
            arm=self.arm,
            done=self.done_before + self.done_here,
            total=self.total,
            failed=self.failed,
            done_here=self.done_here,
            completion_tokens=self.completion_tokens,
            elapsed_s=monotonic() - self.started_s,
            calls=self.calls,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountedCalls:
    """Passes calls on to the engine and counts those that finish."""

    client: Completes
    tally: _Tally

    async def complete(self, request: ChatRequest, book: AttemptBook) -> ChatReply:
        reply = await self.client.complete(request, book)
        self.tally.add_call(reply)
        return reply


async def run_arm(
    setting: ArmSetting,
    queries: Sequence[AskedQuery],
    observer: RunObserver,
    *,
    after_query: Callable[[], None] = lambda: None,
) -> ArmProgress:
    """Answer every query that has no finished row yet, and do `after_query` when the row of one is written.

    Raises:
        EngineUnreachable: If the engine is gone; what is finished stays finished.
    """
    finished = setting.journal.finished_keys(setting.run_id)
    todo = [
        (query, replicate)
        for replicate in range(setting.suite.replicates)
        for query in queries
        if (query.query_id, replicate) not in finished
    ]
    tally = _Tally(
        arm=setting.arm.name,
        total=len(queries) * setting.suite.replicates,
        done_before=len(finished),
        failed=_failed_before(setting),
    )
    observer.arm_started(setting.arm.name, done=len(finished), total=tally.total)
    recorded = finished_calls(setting.journal.attempts(setting.run_id))
    waiting = iter(todo)
    engine = replace(setting.engine, client=_CountedCalls(client=setting.engine.client, tally=tally))
    setting = replace(setting, engine=engine)
    try:
        async with _told_regularly(tally, observer), asyncio.TaskGroup() as group:
            for _ in range(min(setting.suite.concurrency, len(todo))):
                group.create_task(_work(setting, waiting, recorded, tally, observer, after_query))
    except BaseExceptionGroup as errors:
        raise _first_error(errors) from errors
    return tally.progress


def _failed_before(setting: ArmSetting) -> int:
    finished = setting.journal.finished_rows(setting.run_id)
    return sum(row["status"] == "failed" for rows in finished for row in rows["query_runs"])


@asynccontextmanager
async def _told_regularly(tally: _Tally, observer: RunObserver) -> AsyncIterator[None]:
    """Tell the observer of the progress while the block runs: all queries may be under way for minutes."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            observer.still_running(tally.progress)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


async def _work(
    setting: ArmSetting,
    waiting: Iterator[tuple[AskedQuery, int]],
    recorded: Mapping[tuple[str, int], Mapping[CallMatch, deque[Row]]],
    tally: _Tally,
    observer: RunObserver,
    after_query: Callable[[], None],
) -> None:
    for query, replicate in waiting:
        row, _ = await run_query(setting, query, replicate, recorded.get((query.query_id, replicate), {}))
        after_query()
        tally.add(row)
        observer.query_finished(tally.progress)


def _first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first_error(first) if isinstance(first, BaseExceptionGroup) else first
