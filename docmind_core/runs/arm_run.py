"""The queries of one arm, a fixed number at a time (closed loop)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from time import monotonic

from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.progress import ArmProgress, RunObserver, sum_of_known
from docmind_core.runs.query_row import AskedQuery
from docmind_core.runs.query_run import ArmSetting, run_query
from docmind_core.runs.query_tools import Completes, EngineBinding
from docmind_core.runs.resuming import Earlier
from docmind_core.serving.chat import AttemptBook, ChatReply, ChatRequest
from docmind_core.serving.places import IN_FLIGHT_MAX
from docmind_core.suites.plain_values import places_at_first
from docmind_core.tables.definitions import WARM_UP_BLOCK
from docmind_core.telemetry.loop_lag import lag_peak_reader

EarlierQueries = Mapping[tuple[str, int], Earlier]
"""Work of earlier processes on unfinished queries, by query and replicate."""

SECONDS_BETWEEN_LOOKS = 1.0
"""How often observers are notified that an arm is still running; each decides what to show."""


@dataclass(slots=True, kw_only=True)
class ArmTally:
    """What this process has done of an arm so far; the clock runs while it works on the arm."""

    arm: str
    total: int
    done_before: int
    failed: int
    done_here: int = 0
    calls: int = 0
    completion_tokens: int | None = 0
    by_query: bool = False
    """Whether calls are counted when their query has ended, as those of a user's system are."""
    lag_s: float = 0.0
    """Largest lag of the event loop in the last second, seconds."""
    _worked_s: float = 0.0
    _since_s: float | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run the clock; it stops while the arm waits for other arms between its shares of two blocks."""
        self._since_s = monotonic()
        try:
            yield
        finally:
            self._worked_s, self._since_s = self._elapsed_s, None

    def add(self, row: Row) -> None:
        """Count a query that has ended."""
        self.done_here += 1
        self.failed += row["status"] == "failed"
        if self.by_query:
            self.calls += row["calls"]
            self.completion_tokens = sum_of_known([self.completion_tokens, row.get("completion_tokens")])
        elif row.get("completion_tokens") is None:  # an attempt was cut off: what it generated is in no reply
            self.completion_tokens = None

    def add_call(self, reply: ChatReply) -> None:
        """Count a call that has finished."""
        self.calls += 1
        self.completion_tokens = sum_of_known(
            [self.completion_tokens, reply.usage.completion_tokens if reply.usage else None]
        )

    @property
    def _elapsed_s(self) -> float:
        return self._worked_s + (monotonic() - self._since_s if self._since_s is not None else 0.0)

    @property
    def progress(self) -> ArmProgress:
        """Progress of the arm."""
        return ArmProgress(
            arm=self.arm,
            done=self.done_before + self.done_here,
            total=self.total,
            failed=self.failed,
            done_here=self.done_here,
            completion_tokens=self.completion_tokens,
            elapsed_s=self._elapsed_s,
            calls=self.calls,
            lag_s=self.lag_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountedCalls:
    """Passes calls on to the engine and counts those that finish."""

    client: Completes
    tally: ArmTally

    async def complete(self, request: ChatRequest, book: AttemptBook) -> ChatReply:
        reply = await self.client.complete(request, book)
        self.tally.add_call(reply)
        return reply


def open_tally(journal: Journal, run_id: str, arm: str, total: int) -> ArmTally:
    """Begin to count what this process does of an arm, after what earlier ones finished of its `total` queries."""
    before = journal.totals(run_id)
    return ArmTally(arm=arm, total=total, done_before=before.queries, failed=before.failed)


def unanswered(
    journal: Journal, run_id: str, queries: Sequence[AskedQuery], replicates: Sequence[int]
) -> list[tuple[AskedQuery, int]]:
    """Return the queries that have no finished row yet, each with its replicate; the first replicates come first."""
    finished = journal.finished_keys(run_id)
    pairs = ((query, replicate) for replicate in replicates for query in queries)
    return [(query, replicate) for query, replicate in pairs if (query.query_id, replicate) not in finished]


async def run_queries(
    setting: ArmSetting,
    todo: Sequence[tuple[AskedQuery, int]],
    earlier: EarlierQueries,
    *,
    tally: ArmTally,
    observer: RunObserver,
    after_query: Callable[[], None] = lambda: None,
) -> None:
    """Answer the queries of `todo`, and do `after_query` when the row of one is written.

    Raises:
        EngineUnreachable: If the engine is gone; what is finished stays finished.
    """

    def counted(engine: EngineBinding) -> EngineBinding:
        return replace(engine, client=_CountedCalls(client=engine.client, tally=tally))

    def ended(row: Row) -> None:
        after_query()
        tally.add(row)
        observer.query_finished(tally.progress)

    with tally.working():
        async with _reporting_regularly(tally, observer):
            await _answer_all(setting.bound(counted), todo, earlier, ended)


async def warm_up(setting: ArmSetting, queries: Sequence[AskedQuery], replicate: int, earlier: EarlierQueries) -> None:
    """Answer the warm-up queries, except those already answered on the same engine.

    The caches of the lever `result_cache` are left out: the measured queries would find there what these left.

    Raises:
        EngineUnreachable: If the engine is gone.
    """
    finished = setting.journal.finished_keys(setting.run_id, warm_up=True)
    todo = [(query, replicate) for query in queries if (query.query_id, replicate) not in finished]
    await _answer_all(replace(setting, block=WARM_UP_BLOCK, caches=None), todo, earlier, lambda row: None)


async def _answer_all(
    setting: ArmSetting,
    todo: Sequence[tuple[AskedQuery, int]],
    earlier: EarlierQueries,
    ended: Callable[[Row], None],
) -> None:
    waiting = iter(todo)

    async def answer_next() -> bool:
        query, replicate = (None, 0) if setting.winds_down() else next(waiting, (None, 0))
        if query is None:
            return False
        with setting.at_one_replica() as placed:
            row, _ = await run_query(placed, query, replicate, earlier.get((query.query_id, replicate)))
        ended(row)
        return True

    async def work() -> None:
        is_left = True
        while is_left:
            async with setting.gate or nullcontext():
                is_left = await answer_next()

    most = IN_FLIGHT_MAX * max(1, len(setting.replicas))
    at_once = most if setting.gate else places_at_first(setting.suite.concurrency)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(todo))):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise _first_error(errors) from errors


@asynccontextmanager
async def _reporting_regularly(tally: ArmTally, observer: RunObserver) -> AsyncIterator[None]:
    """Report progress to the observer while the block runs: all queries may be in progress for minutes."""
    lag_peak = lag_peak_reader()

    async def tell() -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            tally.lag_s = lag_peak() if lag_peak else 0.0
            observer.still_running(tally.progress)

    reporting = asyncio.create_task(tell())
    try:
        yield
    finally:
        reporting.cancel()
        with suppress(asyncio.CancelledError):
            await reporting
        tally.lag_s = 0.0


def _first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first_error(first) if isinstance(first, BaseExceptionGroup) else first
