"""Splits an arm's share of a block into shards for worker processes, and follows their progress."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from docmind_core.errors import WorkerLost
from docmind_core.runs.arm_run import SECONDS_BETWEEN_LOOKS, ArmTally
from docmind_core.runs.bench import Bench
from docmind_core.runs.blocks import cut_into_blocks
from docmind_core.runs.progress import sum_of_known
from docmind_core.runs.query_run import ArmSetting
from docmind_core.runs.resuming import code_hash
from docmind_core.runs.shard_journals import (
    absorb_leftovers,
    absorb_shard,
    seed_shard,
    shards_folder,
    stop_file,
    wind_down_file,
)
from docmind_core.runs.shards import ShardCounts, ShardReceipt, ShardSpec, read_progress, this_host
from docmind_core.runs.workers import Workers

QUERIES_A_SHARD = 2000
"""At most: what a shard has answered is absorbed, folded and asked again as one."""

QueryPlaces = Sequence[tuple[str, int]]
"""Query ids and replicates."""


def cut_into_shards(todo: QueryPlaces, workers: int) -> tuple[QueryPlaces, ...]:
    """Split queries into contiguous, equally large shards, the same number for each worker, none empty."""
    rounds = -(-len(todo) // (QUERIES_A_SHARD * workers))
    return cut_into_blocks(todo, min(len(todo), rounds * workers))


def divided(concurrency: int, workers: int) -> tuple[int, ...]:
    """Return the calls that each worker may have in flight: together what the suite allows for its engine."""
    return tuple(concurrency // workers + (number < concurrency % workers) for number in range(workers))


async def answer_in_shards(
    bench: Bench,
    setting: ArmSetting,
    todo: QueryPlaces,
    tally: ArmTally,
    after_look: Callable[[], None],
) -> WorkerLost | None:
    """Answer the queries of `todo` in the worker processes and write their rows to the journal.

    `after_look` is done about once a second. Stopped, or when a shard fails, the workers first finish what is running.

    Returns:
        How a worker was lost: the others have answered what they had begun then, and what is left may be asked again.

    Raises:
        EngineUnreachable: If the engine is gone; what is finished stays finished.
    """
    assert bench.workers is not None
    if not todo:
        return None
    absorb_leftovers(bench.settings, bench.inputs.benchmark_run, bench.journal)
    shards = cut_into_shards(todo, bench.workers.count)
    fan = _FanOut(bench=bench, workers=bench.workers, setting=setting, tally=tally, waiting=enumerate(shards, start=1))
    assert isinstance(setting.suite.concurrency, int)
    places = divided(setting.suite.concurrency, min(len(shards), bench.workers.count))
    with tally.working():
        following = asyncio.create_task(fan.follow(after_look))
        try:
            await fan.answer(places)
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            tally.lag_s = 0.0
            absorb_leftovers(bench.settings, bench.inputs.benchmark_run, bench.journal)
    if fan.lost:  # it had done more than it had said
        totals = bench.journal.totals(setting.run_id)
        tally.done_here, tally.failed = totals.queries - tally.done_before, totals.failed
    return fan.lost


@dataclass(slots=True, kw_only=True)
class _FanOut:
    bench: Bench
    workers: Workers
    setting: ArmSetting
    tally: ArmTally
    waiting: Iterator[tuple[int, QueryPlaces]]
    """Shards that no worker has begun, by number."""
    lost: WorkerLost | None = None
    _running: dict[int, Path] = field(default_factory=dict)
    _seen: dict[int, ShardCounts] = field(default_factory=dict)
    _stopping: bool = False

    async def answer(self, places: Sequence[int]) -> None:
        """Let each worker answer one shard after the other; the first error stops all of them, in order."""
        tasks = [asyncio.create_task(self._work(worker, part)) for worker, part in enumerate(places)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            if any(not task.done() for task in tasks):
                self._stopping = True
                stop_file(self._path(0)).touch()
                await asyncio.wait(tasks)
            errors = [error for task in tasks if task.done() and (error := task.exception())]
        if errors:
            raise errors[0]

    async def follow(self, after_look: Callable[[], None]) -> None:
        """Tell the observer of the progress while workers answer."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            found = {number: read_progress(path) for number, path in self._running.items()}
            known = {number: counts for number, counts in found.items() if counts is not None}
            for number, counts in known.items():
                self._count(number, counts)
            self.tally.lag_s = max((counts.lag_s for counts in known.values()), default=0.0)
            if known:
                self.bench.note_lag(self.tally.lag_s)
            after_look()
            self.bench.observer.still_running(self.tally.progress)

    async def _work(self, worker: int, places: int) -> None:
        for number, queries in self.waiting:
            path = self._path(number)
            seed_shard(self.bench.journal, path, self.setting.run_id, queries, self.setting.budgets)
            self._running[number] = path
            try:
                receipt = await self.workers.run(worker, self._spec(path, places))
            except WorkerLost as error:
                self.bench.requests_lost, self.lost = True, error
                self.bench.bookings_lost |= not self.workers.bookings_stay
                wind_down_file(path).touch()
                return
            except BaseException:
                self.bench.requests_lost = True
                raise
            finally:
                del self._running[number]
            self._settle(number, path, receipt)
            if self._stopping or self.lost:
                return

    def _settle(self, number: int, path: Path, receipt: ShardReceipt) -> None:
        self._count(number, receipt.counts)
        self.bench.note_lag(receipt.counts.lag_max_s)
        self.bench.hosts.add(receipt.host)
        if receipt.requests_sent is None:
            self.bench.requests_lost = True
        else:
            self.bench.requests_of_shards.update(dict(enumerate(receipt.requests_sent)))
        absorb_shard(self.bench.journal, path)

    def _count(self, number: int, now: ShardCounts) -> None:
        """Add what a shard has done since it was looked at last."""
        before, tally = self._seen.get(number, ShardCounts()), self.tally
        tally.done_here += now.done - before.done
        tally.failed += now.failed - before.failed
        tally.calls += now.calls - before.calls
        grown = sum_of_known([now.completion_tokens, -(before.completion_tokens or 0)])
        tally.completion_tokens = sum_of_known([tally.completion_tokens, grown])
        self._seen[number] = now

    def _path(self, number: int) -> Path:
        folder = shards_folder(self.bench.settings, self.bench.inputs.benchmark_run)
        return folder / f"{self.setting.arm.name}.{self.setting.block}.{number}.sqlite"

    def _spec(self, path: Path, places: int) -> ShardSpec:
        bench, inputs = self.bench, self.bench.inputs
        sessions = (placed.engine.session for placed in self.setting.at_each_replica())
        return ShardSpec(
            home=bench.settings.home,
            benchmark_run=inputs.benchmark_run,
            arm=self.setting.arm.name,
            block=self.setting.block,
            journal=path,
            places=places,
            connection=replace(inputs.connection, api_key=None),
            sessions=tuple(session and bench.counted_as(session) for session in sessions),
            counts_tokens=bench.counts is not None,
            made_of=(code_hash(), inputs.query_set.query_set_hash, inputs.index_hash),
            clock=bench.clock,
            host=this_host(),
        )
