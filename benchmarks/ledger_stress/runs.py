"""Randomised benchmark runs on stand-in engines, each with one kind of fault that is not a booking error."""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from docmind_core.errors import EngineUnreachable
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.fakes.balancer import Balancer
from tests.fakes.engine_server import FakeEngine, Until, plain_reply

SOUND = frozenset({"balanced"})
"""States of an undisturbed run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What happens to a run besides its own calls."""

    name: str
    allowed: frozenset[str]
    """The states that its ledger may have; any other is a false alarm, or a fault that went by."""
    serve: Callable[[random.Random], Any]
    """Yields the engine."""
    resumes: bool = False
    """Whether the run dies of it and is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One run that has ended."""

    settings: Settings
    run_ids: tuple[str, ...]


def play(trouble: Trouble, rng: random.Random, query_set: Path, home: Path) -> Played:
    """Run a benchmark with `trouble`, and resume it where that ends it."""
    settings = Settings(home=home)
    arms = rng.sample(["single_pass", "naive_supervisor", "tuned", "single_agent"], 1)
    with trouble.serve(rng) as engine:
        suite = Suite(
            name="stress",
            query_set=str(query_set),
            engine=engine.url,
            arms=tuple(arms),
            limit=rng.randint(2, 5),
            concurrency=rng.randint(1, 4),
            level=rng.choice(["fast", "balanced"]),
        )
        key = freeze_benchmark_run(suite, settings)
        with suppress(EngineUnreachable):
            execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
        if trouble.resumes:
            engine.faults.clear()
            engine.healthy = True
            engine.restarted()
            execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    return Played(settings=settings, run_ids=tuple(f"{key}.{arm}" for arm in arms))


class Restarting(FakeEngine):
    """A stand-in that can restart: counters at 0 and a new start time."""

    def restarted(self) -> None:
        """Restart."""
        self.counters.clear()
        self.born = (self.born or 0.0) + 60.0


def _reply(rng: random.Random) -> Callable[[dict[str, Any]], str]:
    longest = rng.randint(1, 30)

    def reply(body: dict[str, Any]) -> str:
        text = plain_reply(body)
        return " ".join(["word"] * longest) if text.startswith("a short") else text

    return reply


def _used(rng: random.Random) -> dict[str, float]:
    return {name: float(rng.randint(0, 5000)) for name in ("prompt_tokens", "generation_tokens", "request_success")}


def _undisturbed(rng: random.Random) -> FakeEngine:
    return FakeEngine(reply=_reply(rng), counters=_used(rng))


def _cutting(rng: random.Random) -> FakeEngine:
    faults = [None] * 4 + [rng.choice(["cut", "drop", "error", 500, 429, "cut"]) for _ in range(2)]
    rng.shuffle(faults)
    return FakeEngine(reply=_reply(rng), counters=_used(rng), faults=deque(["cut", *faults]))


def _dying(rng: random.Random) -> FakeEngine:
    engine = Restarting(reply=_reply(rng), counters=_used(rng), healthy=False)
    engine.faults = deque([None] * rng.randint(1, 4) + ["drop"] * 40)
    return engine


def _balanced_over_replicas(rng: random.Random) -> FakeEngine:
    replicas = [
        FakeEngine(reply=_reply(rng), counters=_used(rng), born=1_700_000_000.0 + rng.random())
        for _ in range(rng.randint(2, 4))
    ]
    if rng.random() < 0.3:
        for replica in replicas:
            replica.born = None
    return Balancer(replicas=replicas, **({"choose": lambda path: rng.randrange(9)} if rng.random() < 0.5 else {}))


@contextmanager
def _set_back(rng: random.Random) -> Iterator[FakeEngine]:
    """An engine that is started again in the middle of the run, between two calls."""
    engine = Restarting(reply=_reply(rng), counters=dict.fromkeys(_used(rng), 9000000.0))
    if rng.random() < 0.5:
        engine.born = None
    restart_at = rng.randint(2, 3)

    def fault_of(body: dict[str, Any]) -> None:
        if len(engine.requests) == restart_at:
            engine.counters.clear()
            if engine.born is not None:
                engine.born += 60.0

    engine.fault_of = fault_of
    with engine:
        yield engine


@contextmanager
def _shared(rng: random.Random) -> Iterator[FakeEngine]:
    """An engine that another client also uses during the run."""
    engine = FakeEngine(reply=_reply(rng), counters=_used(rng))
    engine.faults = deque([Until(3)])  # the first call ends when the others' are there, too
    body = {
        "model": "fake-model",
        "messages": [{"role": "user", "content": "of others " * rng.randint(1, 50)}],
        "max_tokens": 16,
    }

    def ask() -> None:
        engine.wait_for_call()
        for _ in range(rng.randint(3, 6)):
            httpx.post(f"{engine.url}/v1/chat/completions", json=body, timeout=30.0, trust_env=False)

    with ExitStack() as stack:
        stack.enter_context(engine)
        others = threading.Thread(target=ask)
        others.start()
        stack.callback(others.join)
        yield engine


UNDISTURBED = Trouble(name="none", allowed=SOUND, serve=_undisturbed)
CUT_OFF = Trouble(name="cut-off calls", allowed=frozenset({"balanced", "unreconciled"}), serve=_cutting)
TROUBLES = (
    UNDISTURBED,
    CUT_OFF,
    Trouble(
        name="dead engine, resumed",
        allowed=frozenset({"balanced", "unreconciled", "not_exclusive"}),
        serve=_dying,
        resumes=True,
    ),
    Trouble(name="foreign traffic", allowed=frozenset({"balanced", "not_exclusive"}), serve=_shared),
    Trouble(name="counters reset", allowed=frozenset({"balanced", "not_exclusive"}), serve=_set_back),
    Trouble(name="balancer", allowed=frozenset({"not_exclusive"}), serve=_balanced_over_replicas),
)
