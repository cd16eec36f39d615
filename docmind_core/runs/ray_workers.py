"""Shards as tasks of a Ray cluster."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from docmind_core.errors import DocMindError, UsageError, WorkerLost
from docmind_core.runs.input_check import refuse_missing_ray
from docmind_core.runs.shard_store import Place
from docmind_core.runs.shards import ShardReceipt, ShardSpec, run_shard
from docmind_core.runs.stored_shards import StoredShard, in_store, run_stored_shard


class RayWorkers:
    """Tasks on a Ray cluster, as many at a time as the suite has workers."""

    def __init__(self, count: int, address: str | None, storage: str | None = None) -> None:
        """Prepare `count` tasks at a time on the cluster at `address`, by default that of RAY_ADDRESS.

        With `storage`, nodes share that folder of an object store instead of the home.
        """
        self.count = count
        self._storage = storage
        self.bookings_stay = storage is None
        self._stored: set[str] = set()
        self._address = address
        refuse_missing_ray()
        import ray  # noqa: PLC0415 - an extra, and it takes a second

        self._ray: Any = ray
        self._task: Any = None
        self._ours = False

    def __enter__(self) -> Self:
        """Connect to the cluster, unless this process has.

        Raises:
            UsageError: If no cluster answers.
        """
        if not self._ray.is_initialized():
            with _signals_kept():
                try:
                    self._ray.init(address=self._address or "auto", log_to_driver=False)
                except (ConnectionError, RuntimeError, ValueError) as error:
                    where = self._address or "RAY_ADDRESS or on this machine"
                    raise UsageError(
                        f"executor: no Ray cluster is reachable at {where} ({str(error).splitlines()[0]}). "
                        "Start one: ray start --head"
                    ) from error
            self._ours = True
        # One task a shard: it costs nothing next to 2,000 queries, and Ray needs no memory for what it returns. Of a
        # retry by Ray we would not hear: the ledger begins a new session when a worker is lost.
        how = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        self._task = self._ray.remote(**how)(run_stored_shard if self._storage else run_shard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster, and nothing in the store."""
        for home in self._stored:
            with suppress(OSError):
                Place(home).remove()
        if self._ours:
            self._ray.shutdown()

    async def run(self, worker: int, spec: ShardSpec) -> ShardReceipt:
        """Answer a shard on whatever node has room."""
        del worker
        if self._storage is None:
            return await self._answered(spec, spec)
        async with in_store(self._storage, spec) as stored:
            self._stored.add(stored.home)
            return await self._answered(stored, spec)

    async def _answered(self, given: ShardSpec | StoredShard, spec: ShardSpec) -> ShardReceipt:
        try:
            receipt: ShardReceipt = await asyncio.wrap_future(self._task.remote(given).future())
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, DocMindError) else error) from None
        except self._ray.exceptions.RayError as error:
            raise WorkerLost(
                f"Ray failed to process {spec.journal.name} ({type(error).__name__}). Check the cluster (ray status), "
                "then resume the run."
            ) from error
        return receipt


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the handlers of signals: Ray's own would end this process in the middle of a write."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
