"""Asks the requests of a file as a peer does, and prints the processor time; needs nothing of this project.

Usage: python peers.py KIND URL REQUESTS CALLS CONCURRENCY (a kind of `KINDS`)
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

Body = dict[str, Any]
Ask = Callable[[Body], Awaitable[str]]
MODEL = "fake-model"
_OF_VLLM = ("structured_outputs",)
"""What the SDK takes as `extra_body` only."""


def in_queries(bodies: list[Body], calls: int) -> Iterator[list[Body]]:
    """Yield the requests of each query: they are asked one after the other."""
    for start in range(0, len(bodies), calls):
        yield bodies[start : start + calls]


async def answer_all(ask: Ask, queries: list[list[Body]], concurrency: int) -> None:
    """Ask so many queries at a time."""
    waiting = iter(queries)

    async def work() -> None:
        for query in waiting:
            for body in query:
                await ask(body)

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def with_sdk(url: str, queries: list[list[Body]], concurrency: int, *, streamed: bool) -> float:
    """Ask through the openai SDK, and return the processor time in seconds, without start-up."""
    import openai

    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600) as client:

        async def ask(body: Body) -> str:
            extra = {name: body[name] for name in _OF_VLLM if name in body}
            plain = {name: value for name, value in body.items() if name not in (*_OF_VLLM, "stream", "stream_options")}
            if not streamed:
                whole = await client.chat.completions.create(**plain, extra_body=extra)
                return whole.choices[0].message.content or ""
            stream = await client.chat.completions.create(
                **plain, extra_body=extra, stream=True, stream_options=body["stream_options"]
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return "".join(pieces)

        return await timed(ask, queries, concurrency)


async def with_aiohttp(url: str, queries: list[list[Body]], concurrency: int) -> float:
    """Stream through one aiohttp session: the least that Python can do."""
    import aiohttp

    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(body: Body) -> str:
            pieces = []
            async with session.post("/v1/chat/completions", json=body) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        pieces += [each["delta"].get("content") or "" for each in json.loads(line[6:])["choices"]]
            return "".join(pieces)

        return await timed(ask, queries, concurrency)


async def timed(ask: Ask, queries: list[list[Body]], concurrency: int) -> float:
    """Ask one query to open the connections, then all; return the processor time of these."""
    await answer_all(ask, queries[:1], 1)
    began = time.process_time()
    await answer_all(ask, queries, concurrency)
    return time.process_time() - began


def with_inspect(url: str, queries: list[list[Body]], concurrency: int) -> float:
    """Ask as a task of Inspect AI: a sample for each query, whose solver generates for each request."""
    from inspect_ai import Task
    from inspect_ai import eval as run_eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
    from inspect_ai.solver import Generate, TaskState, solver

    roles = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}

    @solver
    def ask_each() -> Any:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            for body in queries[int(state.sample_id)]:
                messages = [roles[said["role"]](content=said["content"]) for said in body["messages"]]
                state.output = await get_model().generate(
                    messages, config=GenerateConfig(max_tokens=body["max_tokens"])
                )
            return state

        return solve

    def run(count: int) -> None:
        samples = [Sample(id=number, input="question") for number in range(count)]
        with tempfile.TemporaryDirectory() as logs:
            (log,) = run_eval(
                Task(dataset=MemoryDataset(samples), solver=ask_each()),
                model=f"openai/{MODEL}",
                model_base_url=f"{url}/v1",
                model_args={"api_key": "none", "responses_api": False},
                max_connections=concurrency,
                max_samples=concurrency,
                display="none",
                log_dir=logs,
            )
        if log.status != "success":
            raise SystemExit(f"inspect_ai: {log.error}")

    return _cpu_s(run, len(queries))


def _cpu_s(run: Callable[[int], None], count: int) -> float:
    run(1)
    began = time.process_time()
    run(count)
    return time.process_time() - began


KINDS = ("sdk", "sdk_streamed", "aiohttp", "inspect")


def main() -> None:
    """Print the seconds."""
    kind, url, path, calls, concurrency = sys.argv[1:]
    bodies = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    queries = list(in_queries(bodies, int(calls)))
    if kind == "inspect":
        seconds = with_inspect(url, queries, int(concurrency))
    elif kind == "aiohttp":
        seconds = asyncio.run(with_aiohttp(url, queries, int(concurrency)))
    else:
        seconds = asyncio.run(with_sdk(url, queries, int(concurrency), streamed=kind == "sdk_streamed"))
    print(json.dumps({"cpu_s": seconds, "queries": len(queries)}))


if __name__ == "__main__":
    main()
