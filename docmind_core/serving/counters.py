"""The engine's own counters, against which the ledger of model calls is balanced, and the gauge of its KV cache."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import httpx

from docmind_core.serving.body_limit import async_body_limit, body_limit
from docmind_core.serving.connection import EngineConnection, http_options, unreachable

PREFIX = "vllm:"
RUNNING = "num_requests_running"
WAITING = "num_requests_waiting"
_GAUGES = (RUNNING, WAITING)
_SUMS = (
    *("request_prefill_kv_computed_tokens_sum", "request_prefill_time_seconds_sum"),
    "request_queue_time_seconds_sum",
)
_BIRTH = ("vllm:prompt_tokens_created", "vllm:generation_tokens_created", "process_start_time_seconds")

BY_SOURCE = "prompt_tokens_by_source"
"""Prompt tokens by where they came from; each source is a counter of its own here, `prompt_tokens_by_source:SOURCE`."""

_TIMEOUT_S = 15.0
_PAUSE_S = 0.1
_LOOKS = 4
"""Scrapes on new connections that look for several engines: of two, chosen at random, one stays unseen in 1 of 16."""
_SAMPLE = re.compile(r'([A-Za-z_:][\w:]*)(?:\{((?:[^"}]|"(?:\\.|[^"\\])*")*)\})?\s+(\S+)')
_SOURCE = re.compile(r'(?:^|,)\s*source="([^"\\]*)"')
_TYPE = re.compile(r"# TYPE (\S+) (\S+)")

KV_CACHE_GAUGES = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""Its name today, and before vLLM 0.10: a share in [0, 1] under either."""
_GAUGE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSnapshot:
    """All counters of one engine at one moment."""

    engine_session: str
    """Stays while the engine's process lives; another one after a restart, when the counters begin at 0 again."""
    values: Mapping[str, float]
    """By vLLM's name without `vllm:` and `_total`, summed over labels but for `prompt_tokens_by_source`."""
    taken_at: datetime
    """UTC."""
    engines_seen: int = 1
    """Above 1 a balancer over replicas answers at the URL: its counters are of one or the other."""

    @property
    def idle(self) -> bool:
        """Whether no request was running or waiting: only then have all finished requests been counted."""
        return not self.values.get(RUNNING) and not self.values.get(WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of a scrape; of its labels only `source` is kept."""

    name: str
    kind: str
    """What the `# TYPE` line of the sample's family says: counter, gauge, histogram, ...; `untyped` without one."""
    value: float
    source: str | None = None
    """The label `source`, under which vLLM says where prompt tokens came from."""


async def read_settled_counters(
    connection: EngineConnection, *, timeout_s: float = 5.0, pause_s: float = _PAUSE_S, looks: int = _LOOKS
) -> CounterSnapshot | None:
    """Scrape until nothing runs or waits and two scrapes agree; None when the engine offers no counters of vLLM's.

    After `timeout_s` the last scrape is returned as it is: its `idle` says whether requests were still running. An
    engine that others run may be several: then the scrapes disagree although nothing runs, which is found out here, on
    `looks` new connections.

    Raises:
        EngineUnreachable: If the engine does not answer at all.
    """
    if connection.dialect.metrics_route is None:
        return None
    until = time.monotonic() + timeout_s
    async with open_client(connection) as client:
        seen: list[CounterSnapshot] = []
        while (latest := await _scrape(client, connection)) is not None:
            seen.append(latest)
            settled = len(seen) > 1 and latest.idle and latest.values == seen[-2].values
            if settled or engines_seen(seen) > 1 or (len(seen) > 1 and time.monotonic() >= until):
                return latest if connection.managed else await _of_one_engine(client, connection, seen, looks)
            await asyncio.sleep(pause_s)
    return None


async def _of_one_engine(
    client: httpx.AsyncClient, connection: EngineConnection, seen: list[CounterSnapshot], looks: int
) -> CounterSnapshot:
    """Scrape a few times more, each time on a new connection: a balancer may hold one connection to one replica."""
    settled = seen[-1]
    for _ in range(looks):
        if engines_seen(seen) > 1:
            break
        if (latest := await _scrape(client, connection, {"Connection": "close"})) is not None:
            seen.append(latest)
    count = engines_seen(seen)
    if count == 1:
        return settled
    # No start time names the session: the next reading may be of the other one.
    return replace(settled, engine_session=session_without_counters(connection.base_url), engines_seen=count)


def engines_seen(scrapes: Sequence[CounterSnapshot]) -> int:
    """Return of how many engines scrapes within a moment are, at least: by their start times, else by their counters.

    No engine restarts within a second, and no counter of one goes back.
    """
    sessions = len({scrape.engine_session for scrape in scrapes})
    went_back = any(_went_back(one, other) for one, other in pairwise(scrapes))
    return max(sessions, 2 if went_back else 1)


def _went_back(earlier: CounterSnapshot, later: CounterSnapshot) -> bool:
    return any(value < earlier.values.get(name, value) for name, value in later.values.items() if name not in _GAUGES)


def open_client(connection: EngineConnection) -> httpx.AsyncClient:
    """Return a client for all routes other than the calls."""
    return httpx.AsyncClient(
        headers=connection.headers,
        timeout=_TIMEOUT_S,
        **http_options(connection.base_url),
        event_hooks=async_body_limit(),
    )


async def _scrape(
    client: httpx.AsyncClient, connection: EngineConnection, headers: Mapping[str, str] | None = None
) -> CounterSnapshot | None:
    try:
        response = await client.get(f"{connection.base_url}{connection.dialect.metrics_route}", headers=headers)
    except httpx.HTTPError as error:
        raise unreachable(connection, f"stopped answering ({str(error) or type(error).__name__})") from error
    return counters_of(response.text, base_url=connection.base_url) if response.is_success else None


def counters_of(text: str, *, base_url: str) -> CounterSnapshot | None:
    """Read the text of `/metrics`; None when it holds no counter of vLLM."""
    values: dict[str, float] = {}
    births: dict[str, float] = {}
    for sample in read_samples(text):
        name = _counter_name(sample)
        if name is not None:
            values[name] = values.get(name, 0.0) + sample.value
        if sample.name in _BIRTH:
            births[sample.name] = min(sample.value, births.get(sample.name, sample.value))
    if not values:
        return None
    return CounterSnapshot(engine_session=_session(base_url, births), values=values, taken_at=datetime.now(UTC))


def _counter_name(sample: Sample) -> str | None:
    if not sample.name.startswith(PREFIX) or sample.name.endswith("_created"):
        return None
    name = sample.name.removeprefix(PREFIX)
    if sample.kind == "counter":
        name = name.removesuffix("_total")
        return f"{name}:{sample.source}" if name == BY_SOURCE and sample.source else name
    return name if name in _GAUGES or name in _SUMS else None


def session_without_counters(base_url: str) -> str:
    """Return the name of the session of whatever answers at a URL, which no restart changes."""
    return _session(base_url, {})


def _session(base_url: str, births: Mapping[str, float]) -> str:
    """Name the session by when the engine's counters began; without that, by the URL alone."""
    born = next((f"{births[name]!r}" for name in _BIRTH if name in births), "unknown")
    return hashlib.sha256(f"{base_url} {born}".encode()).hexdigest()[:16]


def read_samples(text: str) -> Iterator[Sample]:
    """Yield every sample of a scrape in the Prometheus text format; lines that are not samples are skipped."""
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        declared = _TYPE.match(line)
        if declared:
            kinds[declared[1]] = declared[2]
            continue
        found = None if line.startswith("#") else _SAMPLE.match(line)
        if found is None:
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        source = _SOURCE.search(found[2] or "")
        yield Sample(
            name=found[1], kind=_kind(found[1], kinds), value=value, source=source[1] if source is not None else None
        )


def _kind(name: str, kinds: dict[str, str]) -> str:
    """Families are declared with the sample's name or, in OpenMetrics and for histograms, without its suffix."""
    if name in kinds:
        return kinds[name]
    stem = re.sub(r"_(total|created|sum|count|bucket)$", "", name)
    return kinds.get(stem, "untyped")


@contextmanager
def kv_cache_gauge(connection: EngineConnection) -> Iterator[Callable[[], float | None]]:
    """Yield a function that scrapes the gauge of each replica once; None when one does not answer or has none."""
    with ExitStack() as stack:
        clients = [(stack.enter_context(_open_client(replica)), replica) for replica in connection.replicas]

        def read() -> float | None:
            usages = [_scraped(client, replica) for client, replica in clients]
            known = [usage for usage in usages if usage is not None]
            return max(known) if len(known) == len(usages) else None

        yield read


def _open_client(connection: EngineConnection) -> httpx.Client:
    return httpx.Client(
        headers=connection.headers,
        timeout=_GAUGE_TIMEOUT_S,
        **http_options(connection.base_url),
        event_hooks=body_limit(),
    )


def _scraped(client: httpx.Client, connection: EngineConnection) -> float | None:
    if connection.dialect.metrics_route is None:
        return None
    try:
        response = client.get(f"{connection.base_url}{connection.dialect.metrics_route}")
    except httpx.HTTPError:
        return None
    return kv_cache_usage_of(response.text) if response.is_success else None


def kv_cache_usage_of(text: str) -> float | None:
    """Return the share in use of the fullest KV cache in a scrape; None without the gauge."""
    return max((sample.value for sample in read_gauges(text, KV_CACHE_GAUGES)), default=None)


def read_gauges(text: str, names: tuple[str, ...]) -> Iterator[Sample]:
    """Yield the samples of a few gauges, 20 times as fast as all samples: gauges are read while calls are in flight."""
    lines = [line for line in text.splitlines() if line.startswith(names)]
    return (sample for sample in read_samples("\n".join(lines)) if sample.name in names)
