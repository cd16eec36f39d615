"""Several engines that serve the same: asked whether they do, and called as one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self

from docmind_core.errors import EngineError, UsageError
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.places import Places
from docmind_core.serving.remote import EngineFacts, ask_engine, engine_url


def replica_urls(engine: str) -> tuple[str, ...]:
    """Return the URLs of an engine's replicas, which have commas between them, each as `engine_url` writes it.

    Raises:
        UsageError: If one is not the URL of an HTTP server, holds a key, or is named twice.
    """
    urls = tuple(engine_url(url) for url in engine.split(","))
    if twice := {url for url in urls if urls.count(url) > 1}:
        raise UsageError(f"{min(twice)} appears twice among the engine's URLs. List each replica once.")
    return urls


def ask_replicas(
    urls: Sequence[str], *, model: str | None, api_key: str | None, api_key_env: str | None
) -> EngineFacts:
    """Ask each replica what it serves, as `ask_engine` asks one, and return what all of them say.

    Raises:
        EngineError: If replicas are of no use; the message names each of them.
        UsageError: If they do not serve the same model, or not in the same way.
    """
    ask = partial(_asked, model=model, api_key=api_key, api_key_env=api_key_env)
    with ThreadPoolExecutor(len(urls)) as pool:  # one that never answers holds up no other
        answers = list(pool.map(ask, urls))
    failures = [answer for answer in answers if not isinstance(answer, EngineFacts)]
    if failures:
        raise failures[0] if len(failures) == 1 else type(failures[0])(" ".join(map(str, failures)))
    facts = [answer for answer in answers if isinstance(answer, EngineFacts)]
    for url, other in zip(urls[1:], facts[1:], strict=True):
        if differences := _differences(facts[0], other):
            raise UsageError(
                f"{urls[0]} and {url} are not replicas of the same engine: {', '.join(differences)}. "
                "All URLs of a list must serve the same model in the same way."
            )
    return facts[0]


def _asked(
    url: str, *, model: str | None, api_key: str | None, api_key_env: str | None
) -> EngineFacts | EngineError | UsageError:
    try:
        return ask_engine(url, model=model, api_key=api_key, api_key_env=api_key_env)
    except (EngineError, UsageError) as error:
        return error


def _differences(first: EngineFacts, other: EngineFacts) -> list[str]:
    compared = {
        "model": (first.model, other.model),
        "context window": (first.max_model_len, other.max_model_len),
        "version": (first.version, other.version),
        "dialect": (first.dialect.name, other.dialect.name),
    }
    return [f"{what} {_shown(one)} and {_shown(two)}" for what, (one, two) in compared.items() if one != two]


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


class ReplicaClients:
    """A chat client for each replica of an engine, with at most `in_flight` calls at a time on all of them together."""

    def __init__(self, connection: EngineConnection, *, in_flight: int) -> None:
        """Prepare to call each of `connection.replicas`."""
        self.slots = Places(in_flight)
        self.clients = tuple(ChatClient(replica, in_flight=self.slots) for replica in connection.replicas)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connection pools."""
        for client in self.clients:
            await self._open.enter_async_context(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close their connections."""
        await self._open.aclose()

    @property
    def requests_sent(self) -> tuple[int, ...]:
        """Chat requests that each replica's connection pool was given."""
        return tuple(client.requests_sent for client in self.clients)
