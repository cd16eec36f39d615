"""Stand-ins for servers of the OpenAI API that are not vLLM, after their public documentation.

Each refuses with HTTP 400 what vLLM added to the API, as the strict ones do; the routes of its own answer as its own.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.engine_server import FakeEngine, Streams
from tests.fakes.plain_http import send

VLLM_FIELDS = ("structured_outputs", "continuous_usage_stats", "n")

LLAMA_CPP_METRICS = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 37
"""
TGI_METRICS = "# TYPE tgi_request_count counter\ntgi_request_count 3\n"
SGLANG_METRICS = '# TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total{model_name="m"} 9.0\n'

KINDS: dict[str, dict[str, Any]] = {
    "ollama": {
        "owner": "library",
        "fingerprint": "fp_ollama",
        "routes": {"/": "Ollama is running", "/api/version": {"version": "0.40.12"}},
    },
    "llama.cpp": {
        "owner": "llamacpp",
        "fingerprint": "b6123-0d2fd5c",
        "extra": {"meta": {"vocab_type": 2, "n_vocab": 49152, "n_ctx_train": 8192}},
        "routes": {"/health": {"status": "ok"}, "/metrics": LLAMA_CPP_METRICS, "/tokenize": {"tokens": []}},
    },
    "sglang": {
        "owner": "sglang",
        "fingerprint": None,
        "extra": {"root": "m", "max_model_len": 32768},
        "routes": {"/health": "", "/get_model_info": {"model_path": "m"}, "/metrics": SGLANG_METRICS},
    },
    "tgi": {
        "owner": "m",
        "fingerprint": "3.3.4-native",
        "routes": {"/health": "", "/info": {"model_id": "m", "version": "3.3.4"}, "/metrics": TGI_METRICS},
    },
}


@dataclass(slots=True, kw_only=True)
class PlainServer(FakeEngine):
    """One server on loopback, of a kind out of `KINDS`."""

    kind: str = "ollama"
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def _answer(self, streams: Streams, method: str, path: str, headers: dict[str, str], payload: bytes) -> bool:
        writer, kind = streams[1], KINDS[self.kind]
        if self.api_key and path.startswith("/v1/") and headers.get("authorization") != f"Bearer {self.api_key}":
            return send(writer, 401, {"error": {"message": "Invalid API Key", "type": "authentication_error"}})
        if (method, path) == ("POST", "/v1/chat/completions"):
            body = json.loads(payload)
            self.bodies.append(body)
            unknown = [name for name in VLLM_FIELDS if name in body or name in body["stream_options"]]
            if unknown:
                return send(writer, 400, {"error": {"message": f"unknown field {unknown[0]}"}})
            return await self._complete(streams, body)
        if path == "/v1/models":
            model = {
                "id": self.model,
                "object": "model",
                "created": 1,
                "owned_by": kind["owner"],
                **kind.get("extra", {}),
            }
            return send(writer, 200, {"object": "list", "data": [model]})
        found = path in kind["routes"]
        return send(writer, 200 if found else 404, kind["routes"].get(path, "404 page not found"))

    def _event(self, text: str, finish_reason: str | None, prompt_tokens: int, completion_tokens: int) -> str:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": self.model,
            "system_fingerprint": KINDS[self.kind]["fingerprint"],
        }
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        events = [{**chunk, "choices": [choice]}]
        if finish_reason and self.reports_usage:
            usage = {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            }
            events.append({**chunk, "choices": [], "usage": usage})
        return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


if __name__ == "__main__":
    asyncio.run(PlainServer().serve())
