"""The engine's own counters, against which the ledger of model calls is balanced."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.metrics_text import Sample, read_samples
from docmind_core.serving.unreachable import unreachable

PREFIX = "vllm:"
RUNNING = "num_requests_running"
WAITING = "num_requests_waiting"
_GAUGES = (RUNNING, WAITING)
_SUMS = ("request_prefill_kv_computed_tokens_sum", "request_prefill_time_seconds_sum")
_BIRTH = ("vllm:prompt_tokens_created", "vllm:generation_tokens_created", "process_start_time_seconds")

_TIMEOUT_S = 15.0
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSnapshot:
    """All counters of one engine at one moment."""

    engine_session: str
    """Stays while the engine's process lives; another one after a restart, when the counters begin at 0 again."""
    values: Mapping[str, float]
    """By vLLM's name without `vllm:` and `_total`, summed over labels."""
    taken_at: datetime
    """UTC."""

    @property
    def idle(self) -> bool:
        """Whether no request was running or waiting: only then have all finished requests been counted."""
        return not self.values.get(RUNNING) and not self.values.get(WAITING)


async def read_counters(connection: EngineConnection) -> CounterSnapshot | None:
    """Scrape `/metrics` once; None when the engine offers none, or none of vLLM's.

    Raises:
        EngineUnreachable: If the engine does not answer at all.
    """
    async with open_client(connection) as client:
        return await _scrape(client, connection)


async def read_settled_counters(
    connection: EngineConnection, *, timeout_s: float = 5.0, pause_s: float = _PAUSE_S
) -> CounterSnapshot | None:
    """Scrape until nothing runs or waits and two scrapes agree; None as in `read_counters`.

    After `timeout_s` the last scrape is returned as it is: its `idle` says whether requests were still going on.
    """
    until = time.monotonic() + timeout_s
    async with open_client(connection) as client:
        before = await _scrape(client, connection)
        while before is not None:
            await asyncio.sleep(pause_s)
            latest = await _scrape(client, connection)
            settled = latest is not None and latest.idle and latest.values == before.values
            if settled or time.monotonic() >= until:
                return latest
            before = latest
    return None


def open_client(connection: EngineConnection) -> httpx.AsyncClient:
    """Return a client for the routes beside the calls."""
    return httpx.AsyncClient(headers=connection.headers, timeout=_TIMEOUT_S, trust_env=connection.uses_proxies)


async def _scrape(client: httpx.AsyncClient, connection: EngineConnection) -> CounterSnapshot | None:
    try:
        response = await client.get(f"{connection.base_url}/metrics")
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
        return name.removesuffix("_total")
    return name if name in _GAUGES or name in _SUMS else None


def _session(base_url: str, births: Mapping[str, float]) -> str:
    """Name the session by when the engine's counters began; without that, by the URL alone."""
    born = next((f"{births[name]!r}" for name in _BIRTH if name in births), "unknown")
    return hashlib.sha256(f"{base_url} {born}".encode()).hexdigest()[:16]
