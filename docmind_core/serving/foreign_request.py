"""A request that a client other than ours sends to the model, recorded as it is."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from docmind_core.serving.chat import ChatRequest

CHAT, RESPONSES, EMBEDDINGS = "chat/completions", "responses", "embeddings"
ROUTES = (CHAT, RESPONSES, EMBEDDINGS)
"""Routes of the API, below `/v1/`, whose requests make the engine compute tokens."""
AGENT_HEADER, NODE_HEADER, CHECKPOINT_HEADER = "x-docmind-agent", "x-docmind-node", "x-docmind-checkpoint-ns"
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_UNLIMITED = 2**17
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_TEXTS = ("model", "input", "instructions", "user")
_AGENT_CHARACTERS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class ForeignRequest(ChatRequest):
    """One request; `user` is its whole body, since every text of the prompt is in it."""

    route: str
    asked: Mapping[str, Any]
    """The body, as the client sent it."""
    headers: Mapping[str, str]

    @property
    def limit(self) -> int | None:
        """Completion limit that the client set, tokens; None where it set none."""
        return _limit_of(self.asked)

    def asked_model(self, served: str) -> str | None:
        """Return the model that the client named; None where it named none."""
        found = self.asked.get("model")
        return found if isinstance(found, str) else None

    def digest(self, model: str) -> str:
        """Return the sha256 of route and body: equal requests have equal digests, in any process."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        canonical = _CANONICAL.encode(self.asked)
        return hashlib.sha256(f"{self.route} {canonical}".encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def streams(self) -> bool:
        """Whether the client wants the reply as a stream."""
        return self.asked.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the chunk with the usage itself."""
        options = self.asked.get("stream_options")
        return isinstance(options, Mapping) and options.get("include_usage") is True

    @property
    def named_agent(self) -> str | None:
        """The agent that the request's header names: the client's own, or what LangGraph knows of the caller."""
        return self.headers.get(AGENT_HEADER, "").strip()[:_AGENT_CHARACTERS_MAX] or None

    @cached_property
    def system_prompt(self) -> str:
        """The instructions of the request: system and developer messages, joined."""
        instructions = self.asked.get("instructions")
        found = [instructions] if isinstance(instructions, str) else []
        instructing = (message for message in self._messages() if message.get("role") in ("system", "developer"))
        return "\n".join([*found, *(_content_text(message.get("content")) for message in instructing)])

    @cached_property
    def tools(self) -> frozenset[str]:
        """Names of the tools that the model may call."""
        given = self.asked.get("tools")
        return frozenset(filter(None, map(_tool_name, given))) if isinstance(given, list) else frozenset()

    @property
    def parameters(self) -> dict[str, Any]:
        """What the client set besides model and messages: numbers, switches and words, and the names of tools."""
        plain = {name: value for name, value in self.asked.items() if isinstance(value, bool | int | float)}
        words = {name: value[:100] for name, value in self.asked.items() if isinstance(value, str)}
        found = {**plain, **{name: word for name, word in words.items() if name not in _TEXTS}}
        return {**found, "tools": sorted(self.tools)} if self.tools else found

    @property
    def fingerprint(self) -> str:
        """`fp:` and 8 hex digits of what an agent's requests have in common: system prompt and names of the tools."""
        parts = json.dumps([self.system_prompt, sorted(self.tools)], ensure_ascii=False)
        return f"fp:{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        for name in ("messages", "input"):
            given = self.asked.get(name)
            if isinstance(given, list):
                yield from (message for message in given if isinstance(message, Mapping))


def read_foreign_request(
    route: str, payload: bytes, headers: Mapping[str, str], *, window: int | None
) -> ForeignRequest:
    """Read a request as it came in.

    Raises:
        ValueError: If its body is not a JSON object.
    """
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ValueError("the body of the request is not JSON") from error
    if not isinstance(asked, dict):
        raise ValueError("the body of the request is not a JSON object")  # noqa: TRY004 - of a value, not of a caller
    copies, limit = asked.get("n"), _limit_of(asked)
    several = copies if isinstance(copies, int) and 1 <= copies <= 1024 else 1
    return ForeignRequest(
        system="",
        user=payload.decode("utf-8", "replace"),
        max_tokens=(limit if limit is not None else window or _UNLIMITED) * several,
        route=route,
        asked=asked,
        headers=headers,
    )


def _limit_of(asked: Mapping[str, Any]) -> int | None:
    found = next((asked[name] for name in _LIMITS if asked.get(name) is not None), None)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**31 else None


def with_usage_asked(request: ForeignRequest, payload: bytes) -> bytes:
    """Return the body to send: the client's own, and for a stream without it the wish for the usage chunk."""
    if request.route != CHAT or not request.streams or request.wants_usage:
        return payload
    options = request.asked.get("stream_options")
    given = options if isinstance(options, Mapping) else {}
    return json.dumps({**request.asked, "stream_options": {**given, "include_usage": True}}).encode()


def _content_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))


def _tool_name(tool: object) -> str | None:
    if not isinstance(tool, Mapping):
        return None
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else tool.get("name") or tool.get("type")
    return name if isinstance(name, str) else None
