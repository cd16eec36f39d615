"""A balancer over stand-in engines: one URL, and each request goes to one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.fakes.engine_server import FakeEngine, Streams

_TURNS = count()


@dataclass(slots=True, kw_only=True)
class Balancer(FakeEngine):
    """Answers from one of `replicas` after the other, or from the one that `choose` names for a path."""

    replicas: Sequence[FakeEngine] = field(default_factory=lambda: (FakeEngine(), FakeEngine()))
    choose: Callable[[str], int] = lambda path: next(_TURNS)

    async def _answer(self, streams: Streams, method: str, path: str, headers: dict[str, str], payload: bytes) -> bool:
        replica = self.replicas[self.choose(path) % len(self.replicas)]
        return await replica._answer(streams, method, path, headers, payload)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [body for replica in self.replicas for body in replica.requests]
