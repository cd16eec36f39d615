"""CPU time that one streamed call costs each client, against the stand-in engine in a process of its own.

Usage: python -m benchmarks.http_client [--calls 300] [--concurrency 16] [--rounds 3]
aiohttp and openai come with the embedded engine (make install).
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import httpx
import openai

BODY = {
    "model": "fake-model",
    "messages": [{"role": "user", "content": "word " * 200}],
    "max_tokens": 64,
    "stream": True,
    "stream_options": {"include_usage": True, "continuous_usage_stats": True},
}
Ask = Callable[[], Awaitable[int]]


async def with_httpx(url: str, calls: int, concurrency: int) -> None:
    """Stream through one pooled httpx client."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:

        async def ask() -> int:
            usage = 0
            async with client.stream("POST", "/v1/chat/completions", json=BODY) as response:
                async for line in response.aiter_lines():
                    usage = _usage(line) or usage
            return usage

        await _repeat(ask, calls, concurrency)


async def with_aiohttp(url: str, calls: int, concurrency: int) -> None:
    """Stream through one aiohttp session."""
    async with aiohttp.ClientSession(url) as session:

        async def ask() -> int:
            usage = 0
            async with session.post("/v1/chat/completions", json=BODY) as response:
                async for line in response.content:
                    usage = _usage(line.decode().rstrip()) or usage
            return usage

        await _repeat(ask, calls, concurrency)


async def with_openai(url: str, calls: int, concurrency: int) -> None:
    """Stream through one client of the openai SDK."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:

        async def ask() -> int:
            usage = 0
            async for chunk in await client.chat.completions.create(**BODY):  # type: ignore[call-overload]
                usage = chunk.usage.completion_tokens if chunk.usage else usage
            return usage

        await _repeat(ask, calls, concurrency)


CLIENTS = {"httpx": with_httpx, "aiohttp": with_aiohttp, "openai": with_openai}


def _usage(line: str) -> int | None:
    if not line.startswith("data: {"):
        return None
    usage = json.loads(line[6:]).get("usage")
    return int(usage["completion_tokens"]) if usage else None


async def _repeat(ask: Ask, calls: int, concurrency: int) -> None:
    slots = asyncio.Semaphore(concurrency)

    async def one() -> int:
        async with slots:
            return await ask()

    counts = await asyncio.gather(*(one() for _ in range(calls)))
    if set(counts) != {4}:
        raise SystemExit(f"wrong usage: {set(counts)}")


def _cpu_ms_per_call(name: str, url: str, calls: int, concurrency: int) -> float:
    asyncio.run(CLIENTS[name](url, 20, concurrency))
    before = resource.getrusage(resource.RUSAGE_SELF)
    asyncio.run(CLIENTS[name](url, calls, concurrency))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls


def main() -> None:
    """Measure the clients in turn, round by round, and print medians with their range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.fakes.engine_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            found: dict[str, list[float]] = {name: [] for name in CLIENTS}
            for _ in range(options.rounds):
                for name in CLIENTS:
                    found[name].append(_cpu_ms_per_call(name, url, options.calls, options.concurrency))
        finally:
            server.terminate()
    load = os.getloadavg()[0]
    print(f"{options.calls} calls, concurrency {options.concurrency}, {options.rounds} rounds, load {load:.1f}")
    print("| client | CPU ms per call, median (min–max) | × httpx |\n|---|---|---|")
    base = statistics.median(found["httpx"])
    for name, values in found.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} ({min(values):.2f}–{max(values):.2f}) | {median / base:.2f} |")


if __name__ == "__main__":
    main()
