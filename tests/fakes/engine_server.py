"""A stand-in for a vLLM server: the same routes and counters, replies made up, faults on demand.

It runs in a thread of its own (`FakeEngine` is a context manager) or as a process:
`python -m tests.fakes.engine_server --port 8123`.
"""

import argparse
import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.fakes.engine_faults import ENGINE_DIED, Finish, Raw, Refusal, Stream, Until
from tests.fakes.example_replies import plain_reply
from tests.fakes.loop_server import LoopServer
from tests.fakes.plain_http import begin_stream, end_stream, read_request, send, send_chunk

PROBE_SYSTEM = "You are a friendly guide. Answer in plain words."

Reply = Callable[[dict[str, Any]], str]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True, kw_only=True)
class FakeEngine(LoopServer):
    """One server on loopback.

    `faults` are taken one per chat request, oldest first: `None` (answer), an HTTP status or a `Refusal`, `"drop"`
    (close without a word), `"cut"` (close in the middle of the stream), `"garbage"`, `"hang"`, `"error"` (an error
    inside the stream), `Raw` (these lines as the stream), `Stream` (these bytes as the stream), `Finish` (another
    finish_reason), `Until` (answer when so many requests have come).
    """

    when_waiting: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Called when a client is kept waiting: by a fault `"hang"` or `Until`, or by a `/health` that never answers."""

    reply: Reply = plain_reply
    model: str = "fake-model"
    api_key: str | None = None
    offers_metrics: bool = True
    offers_tokenize: bool = True
    reports_usage: bool = True
    keeps_forms: Callable[[dict[str, Any]], bool] = lambda body: True
    """Whether a probe's reply has the form that was asked for."""
    healthy: bool | None = True
    """None: `/health` never answers."""
    offers_health: bool = True
    dead: bool = False
    """The server answers, its core does not: error events in the streams, HTTP 503 from `/health`."""
    latency_s: float = 0.0
    window: int = 8192
    faults: deque[Any] = field(default_factory=deque)
    fault_of: Callable[[dict[str, Any]], Any] = lambda body: None
    """The fault of a request when there are no `faults`: the same request meets the same one."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)
    resets: int = 0
    reset_answers: deque[Any] = field(default_factory=deque)
    """What `/reset_prefix_cache` answers, oldest first; then that it has been done."""
    running: int = 0
    peak_running: int = 0
    begun: int = 0
    born: float | None = field(default_factory=lambda: datetime.now(UTC).timestamp())
    _called: threading.Condition = field(default_factory=threading.Condition)

    def wait_for_call(self, number: int = 1) -> None:
        """Wait until so many chat requests have arrived; not from the thread of the client's loop."""
        with self._called:
            assert self._called.wait_for(lambda: self.begun >= number, timeout=300), f"{number} requests never came"

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader):
                if not await self._answer((reader, writer), *request):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, streams: Streams, method: str, path: str, headers: dict[str, str], payload: bytes) -> bool:
        """Answer one request; False closes the connection."""
        writer = streams[1]
        if self.api_key and path.startswith("/v1/") and headers.get("authorization") != f"Bearer {self.api_key}":
            return send(writer, 401, {"error": f"Unauthorized: {headers.get('authorization')}"})
        if (method, path) == ("POST", "/v1/chat/completions"):
            return await self._complete(streams, json.loads(payload))
        if path == "/metrics" and self.offers_metrics:
            return send(writer, 200, self._metrics_text())
        if (method, path) == ("POST", "/reset_prefix_cache"):
            self.resets += 1
            return send(writer, 200, self.reset_answers.popleft() if self.reset_answers else {"success": True})
        routes: dict[str, Any] = {
            "/version": {"version": "0.32.0+fake"},
            "/v1/models": {"data": [{"id": self.model, "max_model_len": self.window}]},
        }
        if path == "/tokenize" and self.offers_tokenize:
            routes[path] = {"count": _prompt_tokens(json.loads(payload)), "max_model_len": self.window}
        if path == "/health" and self.offers_health:
            return await self._health(streams)
        return send(writer, 200, routes[path]) if path in routes else send(writer, 404, {"error": "not found"})

    async def _complete(self, streams: Streams, body: dict[str, Any]) -> bool:
        if body["messages"][0]["content"] == PROBE_SYSTEM:
            return self._answer_probe(streams[1], body)
        self.requests.append(body)
        return await self._chat(streams, body)

    def _answer_probe(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> bool:
        begin_stream(writer)
        text = plain_reply(body) if self.keeps_forms(body) else "Hello! How can I help?"
        send_chunk(writer, self._event(text[:3], None, _prompt_tokens(body), 2))
        send_chunk(writer, self._event(text[3:], "stop", _prompt_tokens(body), 6))
        send_chunk(writer, "data: [DONE]\n\n")
        return end_stream(writer)

    async def _health(self, streams: Streams) -> bool:
        if self.healthy is None:
            self.when_waiting()
            return bool(await streams[0].read(1))  # until the client gives up
        return send(streams[1], 200 if self.healthy and not self.dead else 503, "")

    async def _chat(self, streams: Streams, body: dict[str, Any]) -> bool:
        reader, writer = streams
        fault = self.faults.popleft() if self.faults else self.fault_of(body)
        if self.dead:
            fault = Raw(f"{ENGINE_DIED}\n\ndata: [DONE]\n\n")
        if isinstance(fault, int):
            fault = Refusal(fault, {"Retry-After": "0"})
        if isinstance(fault, Refusal):
            return send(writer, fault.status, fault.text or {"error": f"planted {fault.status}"}, fault.headers)
        if fault == "drop":
            return False
        prompt_tokens = _prompt_tokens(body)
        if prompt_tokens + body.get("max_tokens", 0) > self.window:
            return send(writer, 400, {"error": f"the prompt of {prompt_tokens} tokens is longer than the window"})
        self.running += 1
        with self._called:
            self.begun += 1
            self._called.notify_all()
        self.peak_running = max(self.peak_running, self.running)
        try:
            if fault == "hang":
                self.when_waiting()
                return bool(await reader.read(1))  # until the client gives up
            if isinstance(fault, Until):
                self.when_waiting()
                await asyncio.to_thread(self.wait_for_call, fault.requests)
                fault = fault.then
            await asyncio.sleep(self.latency_s)
            return await self._stream(streams, body, prompt_tokens, fault)
        finally:
            self.running -= 1

    async def _planted_stream(self, streams: Streams, fault: Stream) -> bool:
        reader, writer = streams
        for piece in fault.pieces:
            send_chunk(writer, piece)
        while fault.ends == "never":
            send_chunk(writer, fault.pieces[-1])
            await writer.drain()
        if fault.ends == "hang":
            return bool(await reader.read(1))  # until the client gives up
        return end_stream(writer) if fault.ends == "well" else False

    async def _stream(self, streams: Streams, body: dict[str, Any], prompt_tokens: int, fault: Any) -> bool:
        writer = streams[1]
        begin_stream(writer)
        planted = {
            "garbage": "<html>not an event stream</html>\n\n",
            "error": 'data: {"error": {"message": "planted"}}\n\n',
        }
        if isinstance(fault, Stream):
            return await self._planted_stream(streams, fault)
        if isinstance(fault, Raw) or fault in planted:
            send_chunk(writer, fault if isinstance(fault, Raw) else planted[fault])
            return end_stream(writer)
        whole = self.reply(body).split(" ")
        words = whole[: body.get("max_tokens")]
        self._count("prompt_tokens", prompt_tokens)
        for number, word in enumerate(words, start=1):
            self._count("generation_tokens", 1)
            text = word if number == 1 else f" {word}"
            send_chunk(writer, self._event(text, None, prompt_tokens, number))
            await writer.drain()
            if fault == "cut" and number == (len(words) + 1) // 2:
                return False
        reason = "stop" if len(words) == len(whole) else "length"
        reason = fault.reason if isinstance(fault, Finish) else reason
        send_chunk(writer, self._event("", reason, prompt_tokens, len(words)))
        send_chunk(writer, "data: [DONE]\n\n")
        self._count("request_success", 1)
        return end_stream(writer)

    def _event(self, text: str, finish_reason: str | None, prompt_tokens: int, completion_tokens: int) -> str:
        event: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}
        if self.reports_usage:
            event["usage"] = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
            if finish_reason:
                event["usage"]["prompt_tokens_details"] = {"cached_tokens": 0}
        return f"data: {json.dumps(event)}\n\n"

    def _count(self, counter: str, amount: float) -> None:
        self.counters[counter] = self.counters.get(counter, 0.0) + amount

    def _metrics_text(self) -> str:
        names = ("prompt_tokens", "generation_tokens", "request_success", "prompt_tokens_cached")
        lines = []
        for name in names:
            lines += [f"# TYPE vllm:{name} counter"]
            lines += [f'vllm:{name}_total{{model_name="{self.model}"}} {self.counters.get(name, 0.0)}']
        for name, value in (("running", self.running), ("waiting", 0)):
            lines += [f"# TYPE vllm:num_requests_{name} gauge", f"vllm:num_requests_{name} {float(value)}"]
        lines += [f"vllm:prompt_tokens_created {self.born}"] if self.born is not None else []
        return "\n".join(lines) + "\n"


def _prompt_tokens(body: dict[str, Any]) -> int:
    """Count words, in messages as in a plain prompt: this engine's tokens."""
    texts = (
        [body["prompt"]] if "prompt" in body else [str(message.get("content") or "") for message in body["messages"]]
    )
    return sum(len(text.split()) for text in texts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--served-model-name", default="fake-model")
    options, _ = parser.parse_known_args()  # a profile's launcher adds what a vLLM server would take
    asyncio.run(FakeEngine(port=options.port, latency_s=options.latency_s, model=options.served_model_name).serve())
