"""Tokens per second of the embedded engine through the platform, divided by those of a raw replay of the same requests.

On a shared machine the time of the same replay varies by 15 %. The number of steps that the engine needs for the same
tokens doesn't depend on that; it needs more, with fewer requests in each, where it has to wait for calls.

Usage: python -m benchmarks.engine_throughput [--arms single_pass:24,tuned:12,naive_supervisor:2] [--concurrency 4]
       [--repetitions 5] [--home DIR]
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import read_gauges
from docmind_core.serving.dialects import Vllm
from docmind_core.serving.engine import EngineRequest, engine_status, open_engine, start_engine_detached, stop_engine
from docmind_core.serving.engine_preparation import reset_prefix_cache
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows

PROFILE = "cpu-smollm2"
STEPS = ("vllm:iteration_tokens_total_count",)
Body = dict[str, Any]
ASKED = """
select sum(prompt_tokens)::bigint, sum(completion_tokens)::bigint, count(*),
    (select epoch(max(q.ended_at) - min(q.started_at)) from query_runs as q join runs using (run_id)
        where benchmark_run = '{key}'),
    (select any_value(prefix_cache_state) from runs where benchmark_run = '{key}'),
    (select any_value(state) from ledger_balance where benchmark_run = '{key}')
from llm_calls join runs using (run_id) where benchmark_run = '{key}' and llm_calls.status = 'finished'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What was asked and generated, and how long that took."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    wall_s: float
    steps: int
    """Forward passes of the engine, each for all requests that are running."""

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second."""
        return self.completion_tokens / self.wall_s


def suite_of(arm: str, queries: int, concurrency: int) -> Suite:
    """Return a suite of one arm, without a warm-up, which the replay hasn't either."""
    return Suite(
        name="throughput",
        query_set="python-reference",
        arms=(arm,),
        limit=queries,
        concurrency=concurrency,
        warmup=0,
        engine=PROFILE,
    )


def steps_of(connection: EngineConnection) -> int:
    """Return how many steps the engine has made since its start."""
    text = httpx.get(f"{connection.base_url}/metrics", timeout=60).text
    return int(sum(sample.value for sample in read_gauges(text, STEPS)))


def through_platform(settings: Settings, connection: EngineConnection, suite: Suite) -> Speed:
    """Run the arm; the time is that from its first query's start to its last query's end.

    Raises:
        SystemExit: If its cache was not emptied before, a call is missing or the ledger isn't balanced.
    """
    key = freeze_benchmark_run(suite, settings)
    before = steps_of(connection)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    steps = steps_of(connection) - before
    ((prompt, completion, calls, wall_s, cache, ledger),) = query_rows(settings, ASKED.format(key=key))[1]
    if (cache, ledger) != ("reset", "balanced"):
        raise SystemExit(f"{key}: prefix cache {cache}, ledger {ledger}")
    return Speed(prompt_tokens=prompt, completion_tokens=completion, calls=calls, wall_s=wall_s, steps=steps)


@contextmanager
def recorded_bodies() -> Iterator[list[Body]]:
    """Keep the bodies that are sent in the block, in their order."""
    bodies: list[Body] = []
    original = Vllm.body

    def body(self: Vllm, request: ChatRequest, model: str) -> Body:
        bodies.append(original(self, request, model))
        return bodies[-1]

    Vllm.body = body  # type: ignore[method-assign]
    try:
        yield bodies
    finally:
        Vllm.body = original  # type: ignore[method-assign]


async def replayed(connection: EngineConnection, bodies: Sequence[Body], concurrency: int) -> Speed:
    """Send the bodies with so many in flight at any time, and read of each stream no more than its last usage.

    A query's calls need not wait for each other here, so that the engine is never idle.
    """
    if not await reset_prefix_cache(connection):
        raise SystemExit("the engine did not empty its prefix cache")
    usages: list[dict[str, int]] = []
    waiting = iter(bodies)
    async with aiohttp.ClientSession(connection.base_url, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for body in waiting:
                async with session.post("/v1/chat/completions", json=body) as response:
                    response.raise_for_status()
                    lines = [line async for line in response.content if line.startswith(b"data: {")]
                usages.append(json.loads(lines[-1][6:])["usage"])

        before, began_s = steps_of(connection), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        wall_s = time.perf_counter() - began_s
    return Speed(
        prompt_tokens=sum(usage["prompt_tokens"] for usage in usages),
        completion_tokens=sum(usage["completion_tokens"] for usage in usages),
        calls=len(usages),
        wall_s=wall_s,
        steps=steps_of(connection) - before,
    )


@contextmanager
def engine_at_work(settings: Settings) -> Iterator[None]:
    """Start the engine for the block, unless `docmind engine start` has."""
    if engine_status(settings) is not None:
        yield
        return
    start_engine_detached(PROFILE, settings, print)
    try:
        yield
    finally:
        stop_engine(settings, print)


def measure(settings: Settings, arm: str, queries: int, options: argparse.Namespace) -> None:
    """Print a line for each pair of an arm, and the row of the table."""
    suite = suite_of(arm, queries, options.concurrency)
    with open_engine(EngineRequest(engine=PROFILE), settings, lambda _: None) as connection:
        with recorded_bodies() as bodies:
            through_platform(settings, connection, suite)  # also warms up: grammars are compiled by it
        pairs: list[tuple[Speed, Speed]] = []
        for repetition in range(options.repetitions):
            replay_first = repetition % 2 == 1
            before = asyncio.run(replayed(connection, bodies, options.concurrency)) if replay_first else None
            ours = through_platform(settings, connection, suite)
            raw = before or asyncio.run(replayed(connection, bodies, options.concurrency))
            pairs.append((ours, raw))
            print(
                f"{arm}: platform {ours.wall_s:.1f} s, {ours.completion_tokens} tokens of {ours.calls} calls "
                f"({ours.prompt_tokens} of prompts); replay {raw.wall_s:.1f} s, {raw.completion_tokens} of {raw.calls} "
                f"({raw.prompt_tokens}); ratio {ours.tokens_per_s / raw.tokens_per_s:.3f}, "
                f"steps {ours.steps} and {raw.steps}, "
                f"load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    speeds = [statistics.median(speed.tokens_per_s for speed in side) for side in zip(*pairs, strict=True)]
    steps = " and ".join(str(statistics.median_low(speed.steps for speed in side)) for side in zip(*pairs, strict=True))
    ratios = sorted(ours.tokens_per_s / raw.tokens_per_s for ours, raw in pairs)
    print(
        f"| {arm} | {queries} | {pairs[0][0].calls} | {speeds[0]:.1f} | {speeds[1]:.1f} | "
        f"{statistics.median(ratios):.3f} | {ratios[0]:.3f} to {ratios[-1]:.3f} | {steps} |",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", default="single_pass:24,tuned:12,naive_supervisor:2", help="ARM:QUERIES, with commas")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--home", type=Path, help="of an engine that runs, or with its model; by default a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(home=options.home or Path(name))
        with engine_at_work(settings):
            print("| arm | queries | calls | tokens/s, platform | tokens/s, replay | ratio, median | spread | steps |")
            for arm, _, queries in (entry.partition(":") for entry in options.arms.split(",")):
                measure(settings, arm, int(queries), options)


if __name__ == "__main__":
    main()
