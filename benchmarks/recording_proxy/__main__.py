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
from functools import partial
from time import perf_counter
from typing import Any

import aiohttp

LATENCY_S = 0.05
IN_FLIGHT = 256
CALLS = (("not streamed", False, 1), ("streamed", True, 1), ("streamed, 8 at once", True, 8))
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


async def measure(engine: str, proxies: dict[str, str], options: argparse.Namespace) -> None:
    """Measure latency in turns, CPU per call, calls in flight and memory, and print them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def stats(name: str) -> dict[str, Any]:
            async with session.get(proxies[name]) as response:
                found: dict[str, Any] = await response.json()
                return found

        bases = {name: f"{(await stats(name))['base']}/q/" for name in proxies}
        print(
            "| calls | straight, ms | through the proxy, ms | its CPU, ms per call | minimal proxy, ms "
            "| its CPU, ms per call |"
        )
        print("|---|---|---|---|---|---|")
        for name, stream, concurrency in CALLS:
            took: dict[str, list[float]] = {"straight": [], **{kind: [] for kind in proxies}}
            cpu: dict[str, list[float]] = {kind: [] for kind in proxies}
            calls = options.calls // options.rounds
            for _ in range(options.rounds):  # in turns: a shared machine is slower now and faster then
                took["straight"] += await ask(session, engine, calls, concurrency, stream=stream)
                for kind, base in bases.items():
                    before = (await stats(kind))["cpu_s"]
                    took[kind] += await ask(session, base, calls, concurrency, stream=stream)
                    cpu[kind].append(1000 * ((await stats(kind))["cpu_s"] - before) / calls)
            cells = [f"{1000 * statistics.median(took[kind]):.1f}" for kind in took]
            spent = [f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in cpu.values()]
            print(f"| {name} | {cells[0]} | {cells[1]} | {spent[0]} | {cells[2]} | {spent[1]} |", flush=True)
        await ask(session, bases["proxy"], 4 * IN_FLIGHT, IN_FLIGHT, stream=True)
        async with session.get(f"{engine}/peak") as response:
            print(f"\nmost calls in flight at the engine: {await response.json()} of {IN_FLIGHT} asked for")
        await _memory(session, bases["proxy"], partial(stats, "proxy"), options.many)


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
        proxies = {kind: _start(stack, kind, engine) for kind in ("proxy", "bare")}
        asyncio.run(measure(engine, proxies, options))


def _start(stack: ExitStack, kind: str, argument: str) -> str:
    command = [sys.executable, "-m", "benchmarks.recording_proxy.servers", kind, argument]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.terminate)
    assert server.stdout is not None
    return server.stdout.readline().strip()


if __name__ == "__main__":
    main()
