"""Processes that answer shards; they live as long as the process that started them works on the benchmark run."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from docmind_core.errors import WorkerLost
from docmind_core.runs.ray_workers import RayWorkers
from docmind_core.runs.shards import ShardReceipt, ShardSpec, run_shard
from docmind_core.suites.suite import Suite


class Workers(Protocol):
    """What answers shards, `count` at a time."""

    @property
    def count(self) -> int:
        """How many shards are answered at a time."""
        ...

    @property
    def bookings_stay(self) -> bool:
        """Whether all that a worker has booked is here when it is lost."""
        ...

    async def run(self, worker: int, spec: ShardSpec) -> ShardReceipt:
        """Answer a shard.

        Raises:
            WorkerLost: If what answered it is gone.
            DocMindError: What the shard raised.
        """
        ...


class LocalWorkers:
    """Processes on this machine, each of which can be replaced when it dies."""

    bookings_stay = True

    def __init__(self, count: int) -> None:
        """Prepare `count` processes; each begins with its first shard."""
        self.count = count
        self._pools: dict[int, ProcessPoolExecutor] = {}

    def __enter__(self) -> Self:
        """Return the workers themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; the shards have ended."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)

    async def run(self, worker: int, spec: ShardSpec) -> ShardReceipt:
        """Answer a shard in the worker of this number."""
        # A pool each: the death of a process breaks all of its pool.
        pool = self._pools.setdefault(worker, _new_pool())
        try:
            with _signals_left_to_us():
                answering = pool.submit(run_shard, spec)
            return await asyncio.wrap_future(answering)
        except BrokenProcessPool as error:
            self._pools.pop(worker).shutdown(wait=False)
            raise WorkerLost(
                f"the process that answered {spec.journal.name} died. If the machine is low on memory, lower "
                "`workers`; then resume the run."
            ) from error


@contextmanager
def open_workers(suite: Suite) -> Iterator[Workers | None]:
    """Yield what answers the shards of a suite; None where this process answers all queries itself.

    Raises:
        UsageError: If they are to be tasks of Ray, and it is not installed, or no cluster answers.
    """
    if suite.executor.kind == "ray":
        with RayWorkers(suite.workers, suite.executor.address, suite.executor.storage) as tasks:
            yield tasks
    elif suite.workers > 1:
        with LocalWorkers(suite.workers) as processes:
            yield processes
    else:
        yield None


@contextmanager
def _signals_left_to_us() -> Iterator[None]:
    """Block the signals that stop a run for what is started in the block: Ctrl-C reaches a terminal's whole group.

    A process inherits what is blocked, from its first instruction on. The main process stops its shards in order.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _begin_worker() -> None:
    """Let this process end when the main process is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
