"""What a call through the recording proxy costs, against the same call sent straight to the engine.

Usage: python -m benchmarks.recording_proxy [--calls 400] [--rounds 5] [--many 100000]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import aiohttp

LATENCY_S = 0.05
IN_FLIGHT = 256
CALLS = (("in one piece", False, 1), ("streamed", True, 1), ("streamed, 8 at once", True, 8))
BODY = {
    "model": "fake-model",
    "messages": [{"role": "system", "content": "You answer."}, {"role": "user", "content": "word " * 200}],
    "max_tokens": 64,
}


async def ask(session: aiohttp.ClientSession, base: str, calls: int, concurrency: int, *, stream: bool) -> list[float]:
    """Return the seconds of each of `calls` calls, `concurrency` at a time."""
    slots, seconds = asyncio.Semaphore(concurrency), []
    body = {**BODY, "stream": stream}

    async def one(number: int) -> None:
        async with slots:
            began = perf_counter()
            url = base.replace("/q/", f"/q/{number % 64:032x}")
            async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                text = await response.text()
            seconds.append(perf_counter() - began)
            if response.status != 200 or "word" not in text:
                raise RuntimeError(f"HTTP {response.status}: {text[:200]}")

    await asyncio.gather(*(one(number) for number in range(calls)))
    return seconds


async def measure(engine: str, stats: str, options: argparse.Namespace) -> None:
    """Measure latency in turns, CPU per call, calls in flight and memory, and print them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def proxy_stats() -> dict[str, Any]:
            async with session.get(stats) as response:
                found: dict[str, Any] = await response.json()
                return found

        proxied = f"{(await proxy_stats())['base']}/q/"
        print("| calls | straight, ms | through the proxy, ms | added | CPU of the proxy, ms a call |")
        print("|---|---|---|---|---|")
        for name, stream, concurrency in (
            ("in one piece", False, 1),
            ("streamed", True, 1),
            ("streamed, 8 at once", True, 8),
        ):
            straight, through, cpu_ms = [], [], []
            for _ in range(options.rounds):  # in turns: a shared machine is slower now and faster then
                straight += await ask(session, engine, options.calls // options.rounds, concurrency, stream=stream)
                before = (await proxy_stats())["cpu_s"]
                calls = options.calls // options.rounds
                through += await ask(session, proxied, calls, concurrency, stream=stream)
                cpu_ms.append(1000 * ((await proxy_stats())["cpu_s"] - before) / calls)
            ours, theirs = statistics.median(through) * 1000, statistics.median(straight) * 1000
            cpu = f"{statistics.median(cpu_ms):.2f} ({min(cpu_ms):.2f} to {max(cpu_ms):.2f})"
            print(f"| {name} | {theirs:.2f} | {ours:.2f} | {100 * (ours / theirs - 1):+.1f} % | {cpu} |")
        await ask(session, proxied, 4 * IN_FLIGHT, IN_FLIGHT, stream=True)
        async with session.get(f"{engine}/peak") as response:
            print(f"\nmost calls in flight at the engine: {await response.json()} of {IN_FLIGHT} asked for")
        await _memory(session, proxied, proxy_stats, options.many)


async def _memory(session: aiohttp.ClientSession, proxied: str, proxy_stats: Any, many: int) -> None:
    print("\n| calls so far | RSS of the proxy, MiB |\n|---|---|")
    for step in range(6):
        print(f"| {step * many // 5:,} | {(await proxy_stats())['rss_mib']:.1f} |", flush=True)
        if step < 5:
            await ask(session, proxied, many // 5, 64, stream=step % 2 == 0)


def main() -> None:
    """Start both servers and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=100_000)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, calls of {1000 * LATENCY_S:g} ms\n")
    with ExitStack() as stack:
        engine = _start(stack, "engine", str(LATENCY_S))
        asyncio.run(measure(engine, _start(stack, "proxy", engine), options))


def _start(stack: ExitStack, kind: str, argument: str) -> str:
    command = [sys.executable, "-m", "benchmarks.recording_proxy.servers", kind, argument]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.terminate)
    assert server.stdout is not None
    return server.stdout.readline().strip()


if __name__ == "__main__":
    main()
