"""The engine's gauge of its KV cache, of its fullest replica, read from a thread while an arm runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx

from docmind_core.serving.body_limit import body_limit
from docmind_core.serving.connection import EngineConnection, http_options
from docmind_core.serving.counters import read_samples

GAUGES = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""Its name today, and before vLLM 0.10: a share in [0, 1] under either."""
_TIMEOUT_S = 1.0


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
        headers=connection.headers, timeout=_TIMEOUT_S, **http_options(connection.base_url), event_hooks=body_limit()
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
    return max((sample.value for sample in read_samples(text) if sample.name in GAUGES), default=None)
