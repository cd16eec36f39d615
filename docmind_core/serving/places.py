"""Places among the calls in flight, and how many an engine can use, by its own gauges."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

import httpx

from docmind_core.errors import UsageError
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import KV_CACHE_GAUGES, PREFIX, RUNNING, WAITING, open_client, read_gauges
from docmind_core.telemetry.loop_lag import lag_peak_reader

WAITING_SHARE_MAX = 0.1
"""vLLM holds a request for one step before it begins it: a few are waiting at any moment."""
KV_USAGE_MAX = 0.95
"""Above it the engine soon takes running requests back (preemption) and computes them again."""
LAG_MAX_S = 0.25
DECREASE = 0.75
IN_FLIGHT_MAX = 256
"""vLLM works on 128 or 256 requests at once by default."""
READING_S = 1.0
"""Between two readings of the gauges, each a request of the size of `/metrics`."""


class Places:
    """As many at a time as `limit` says at that moment; first come, first served. For one event loop."""

    def __init__(self, limit: int) -> None:
        """Offer `limit` places."""
        self.limit = limit
        self.taken = 0
        self._most_taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def locked(self) -> bool:
        """Return whether the next caller has to wait."""
        return self.taken >= self.limit or bool(self._waiting)

    def set_limit(self, limit: int) -> None:
        """Offer more, or fewer: those beyond are not given again when they become free."""
        self.limit = limit
        self._give()

    def most_taken(self) -> int:
        """Return the most that were taken at a time since the last call."""
        found, self._most_taken = self._most_taken, self.taken
        return found

    async def __aenter__(self) -> None:
        """Wait for a place and take it."""
        if not self.locked():
            self._take()
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._free()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place back."""
        self._free()

    def _take(self) -> None:
        self.taken += 1
        self._most_taken = max(self._most_taken, self.taken)

    def _free(self) -> None:
        self.taken -= 1
        self._give()

    def _give(self) -> None:
        while self._waiting and self.taken < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._take()
                place.set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """What an engine says of its work at one moment."""

    running: float
    waiting: float
    """Of several replicas, at the one where the most wait."""
    kv_usage: float | None
    """Share of the KV cache in use, of the fullest one."""


async def read_load(client: httpx.AsyncClient, connection: EngineConnection) -> EngineLoad | None:
    """Read the gauges once; None when the engine does not answer or does not have them."""
    if connection.dialect.metrics_route is None:
        return None
    try:
        response = await client.get(f"{connection.base_url}{connection.dialect.metrics_route}")
    except httpx.HTTPError:
        return None
    return load_of(response.text) if response.is_success else None


def load_of(text: str) -> EngineLoad | None:
    """Read a scrape; None when it does not say how many requests wait. Several engines are added up."""
    found: dict[str, float] = {}
    for sample in read_gauges(text, (*KV_CACHE_GAUGES, PREFIX + RUNNING, PREFIX + WAITING)):
        if sample.name in KV_CACHE_GAUGES:
            found["kv"] = max(found.get("kv", 0.0), sample.value)
        else:
            name = sample.name.removeprefix(PREFIX)
            found[name] = found.get(name, 0.0) + sample.value
    if WAITING not in found:
        return None
    return EngineLoad(running=found.get(RUNNING, 0.0), waiting=found[WAITING], kv_usage=found.get("kv"))


@asynccontextmanager
async def load_reader(connection: EngineConnection) -> AsyncIterator[Callable[[], Awaitable[EngineLoad | None]]]:
    """Yield a function that reads the gauges of all replicas once; None when one does not answer or has none."""
    async with AsyncExitStack() as stack:
        clients = [(await stack.enter_async_context(open_client(each)), each) for each in connection.replicas]

        async def read() -> EngineLoad | None:
            found = await asyncio.gather(*(read_load(*each) for each in clients))
            loads = [load for load in found if load is not None]
            return _of_all(loads) if len(loads) == len(clients) else None

        yield read


def _of_all(loads: Sequence[EngineLoad]) -> EngineLoad:
    usages = [load.kv_usage for load in loads if load.kv_usage is not None]
    return EngineLoad(
        running=sum(load.running for load in loads),
        waiting=max(load.waiting for load in loads),
        kv_usage=max(usages, default=None),
    )


@dataclass(slots=True, kw_only=True)
class AdaptiveLimit:
    """Finds how many calls an engine works on at once: up by addition, down by multiplication.

    It doubles until the engine first makes calls wait. A reading after a decrease is not judged: what is in flight has
    to fall first.
    """

    limit: int
    most: int = IN_FLIGHT_MAX
    replicas: int = 1
    """Engines that share the calls evenly, so that the slowest of them sets the limit."""
    _doubles: bool = True
    _settling: bool = False

    def judge(self, load: EngineLoad, *, most_taken: int, lag_s: float) -> int:
        """Return the limit from now on.

        Args:
            load: What the engine says.
            most_taken: The most calls in flight since the last reading: a limit that was not reached is not raised.
            lag_s: By how much this platform was late since then, seconds: more calls would only make it later.
        """
        full = load.kv_usage is not None and load.kv_usage > KV_USAGE_MAX
        if load.waiting > max(1.0, WAITING_SHARE_MAX * self.limit / self.replicas) or full or lag_s > LAG_MAX_S:
            self._doubles = False
            if not self._settling:
                self.limit = max(1, int(self.limit * DECREASE))
            self._settling = not self._settling
            return self.limit
        self._settling = False
        if most_taken >= self.limit:
            self.limit = min(self.most, self.limit * 2 if self._doubles else self.limit + 1)
        return self.limit


async def refuse_without_gauges(connection: EngineConnection) -> None:
    """Refuse `concurrency: auto` for an engine without queue gauges: latency alone can't distinguish load from length.

    Raises:
        UsageError: With what to write instead.
    """
    for replica in connection.replicas:
        async with open_client(replica) as client:
            if await read_load(client, replica) is None:
                raise UsageError(
                    f"concurrency: auto needs the gauges of a vLLM server (vllm:{WAITING} on /metrics), but "
                    f"{replica.base_url} does not have them. Set a number, such as concurrency: 8."
                )


@asynccontextmanager
async def adapting(connection: EngineConnection, limit: AdaptiveLimit, calls: Places) -> AsyncIterator[Places]:
    """While the block runs, keep the limit of `calls` at what the engine can use; yields places for as many queries."""
    queries, lag_peak = Places(limit.limit), lag_peak_reader()

    async def adapt() -> None:
        async with load_reader(connection) as read:
            while True:
                await asyncio.sleep(READING_S)
                load = await read()
                most_taken, lag_s = calls.most_taken(), lag_peak() if lag_peak else 0.0
                if load is None:  # too busy to answer, or gone, which its calls find out
                    continue
                limit.judge(load, most_taken=most_taken, lag_s=lag_s)
                for places in (calls, queries):
                    places.set_limit(limit.limit)

    calls.set_limit(limit.limit)
    task = asyncio.create_task(adapt())
    try:
        yield queries
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
