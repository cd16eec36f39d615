"""The servers of the benchmark, each a process of its own: `benchmarks.recording_proxy.servers engine|proxy|bare`."""

import asyncio
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from docmind_core.runs.clock import read_anchor
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.query_tools import EngineBinding
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.runs.system_calls import CalledFor, SystemDesk
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.recording_proxy import RecordingProxy
from docmind_core.suites.systems import SystemSpec

WORDS = 16


async def serve_engine(latency: str) -> None:
    """Serve replies of 16 tokens that take `latency` seconds, in one piece or as a stream of 16 chunks."""
    usage = {"prompt_tokens": 200, "completion_tokens": WORDS, "total_tokens": 200 + WORDS}
    chunks = [{"choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]}] * WORDS
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in [*chunks, end])
    counted = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    message = {"role": "assistant", "content": " word" * WORDS}
    whole = json.dumps(
        {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    ).encode()
    running, peak = 0, 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal running, peak
        if request.path == "/peak":
            return web.json_response(peak)
        asked = json.loads(await request.read())
        running += 1
        peak = max(peak, running)
        try:
            await asyncio.sleep(float(latency))
            if not asked.get("stream"):
                return web.Response(body=whole, content_type="application/json")
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            wanted = (asked.get("stream_options") or {}).get("include_usage")
            await response.write(stream + (counted if wanted else b"") + b"data: [DONE]\n\n")
            await response.write_eof()
            return response
        finally:
            running -= 1

    await _serve(answer)


async def serve_proxy(engine: str) -> None:
    """Serve the recording proxy before `engine`, with a journal on disk; `/stats` says what it has used."""
    connection = EngineConnection(base_url=engine, model="fake-model", managed=False, max_model_len=8192)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.sqlite") as journal:
        async with ChatClient(connection, in_flight=1024) as client, RecordingProxy(client) as proxy:
            spec = SystemSpec(callable="a:b")
            seat = EngineBinding(client=client, model="fake-model", session="s1")
            clock = read_anchor()
            desk = SystemDesk(spec=spec, run_id="r.a", journal=journal, clock=clock, engine=seat)
            for number in range(64):
                trace = QueryTrace(key=QueryKey(run_id="r.a", query_id=f"q{number}", replicate=0), level="balanced")
                called = CalledFor(spec=spec, journal=journal, trace=trace, clock=clock, engine=seat, answered=True)
                desk.questions[f"{number:032x}"] = called
            token = proxy.open(desk)

            async def stats(_request: web.BaseRequest) -> web.StreamResponse:
                return _used(f"http://127.0.0.1:{proxy.port}/{token}")

            await _serve(stats)


async def serve_bare(engine: str) -> None:
    """Pass calls on and do nothing else: what the HTTP library alone costs. `/stats` says what it has used."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
            if request.method == "GET":
                return _used(f"http://{request.host}")
            payload = await request.read()
            async with session.post(engine + request.path, data=payload) as response:
                kind = {"Content-Type": response.headers["Content-Type"]}
                return web.Response(body=await response.read(), status=response.status, headers=kind)

        await _serve(pass_on)


def _used(base: str) -> web.Response:
    used = resource.getrusage(resource.RUSAGE_SELF)
    rss_mib = psutil.Process().memory_info().rss / 2**20
    return web.json_response({"cpu_s": used.ru_utime + used.ru_stime, "rss_mib": rss_mib, "base": base})


async def _serve(answer: Any) -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - a parent that is killed says nothing
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    kind, argument = sys.argv[1:]
    serve = {"engine": serve_engine, "proxy": serve_proxy, "bare": serve_bare}[kind]
    asyncio.run(serve(argument))
