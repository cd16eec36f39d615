"""A stand-in engine for clients that are not ours: replies in one piece too, tool calls, usage only where asked for."""

import json
from dataclasses import dataclass
from typing import Any

from tests.fakes.engine_server import FakeEngine, Streams
from tests.fakes.plain_http import begin_stream, end_stream, send, send_chunk


@dataclass(slots=True, kw_only=True)
class OpenaiEngine(FakeEngine):
    """`reply` may return a list of tool calls, as (name, arguments), instead of a text."""

    async def _stream(self, streams: Streams, body: dict[str, Any], prompt_tokens: int, fault: Any) -> bool:
        said = self.reply(body)
        tokens = len(said.split()) if isinstance(said, str) else 7
        self._count("prompt_tokens", prompt_tokens)
        self._count("generation_tokens", tokens)
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        if not body.get("stream"):
            if fault == "cut":
                return False
            self._count("request_success", 1)
            choice = {"index": 0, "message": _message(said), "finish_reason": _reason(said)}
            return send(streams[1], 200, {**_frame(body, "chat.completion"), "choices": [choice], "usage": usage})
        return self._stream_pieces(streams, body, said, usage, fault)

    def _stream_pieces(self, streams: Streams, body: dict[str, Any], said: Any, usage: Any, fault: Any) -> bool:
        writer, frame = streams[1], _frame(body, "chat.completion.chunk")
        begin_stream(writer)
        for delta in _deltas(said):
            send_chunk(writer, _event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}))
            if fault == "cut":
                return False
        self._count("request_success", 1)
        end = {"index": 0, "delta": {}, "finish_reason": _reason(said)}
        send_chunk(writer, _event({**frame, "choices": [end]}))
        if (body.get("stream_options") or {}).get("include_usage"):
            send_chunk(writer, _event({**frame, "choices": [], "usage": usage}))
        send_chunk(writer, "data: [DONE]\n\n")
        return end_stream(writer)


def _frame(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body.get("model") or "fake-model"}


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


def _reason(said: Any) -> str:
    return "stop" if isinstance(said, str) else "tool_calls"


def _calls(said: Any) -> list[dict[str, Any]]:
    return [
        {"index": n, "id": f"call-{name}-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(said)
    ]


def _message(said: Any) -> dict[str, Any]:
    if isinstance(said, str):
        return {"role": "assistant", "content": said}
    return {"role": "assistant", "content": None, "tool_calls": _calls(said)}


def _deltas(said: Any) -> list[dict[str, Any]]:
    if not isinstance(said, str):
        return [{"role": "assistant", "content": None, "tool_calls": _calls(said)}]
    words = said.split(" ")
    return [{"content": word if number == 0 else f" {word}"} for number, word in enumerate(words)]
