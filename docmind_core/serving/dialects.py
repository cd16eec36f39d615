"""How servers of the OpenAI API differ: the body of a request, and the routes for counters, tokens and the cache."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.thinking import split_thinking

CHOICE = "choice"
"""Field of the object in which a server without `structured_outputs` is asked for one of several words."""


class Dialect(Protocol):
    """What a kind of server is asked, and how; frozen and equal by value."""

    @property
    def name(self) -> str:
        """As `runs.dialect` has it."""
        ...

    @property
    def choices(self) -> str:
        """How one of several words is asked for: `structured_outputs` or `json_schema`."""
        ...

    @property
    def metrics_route(self) -> str | None:
        """Where vLLM's counters are read; None: the ledger has nothing to be balanced against."""
        ...

    @property
    def tokenize_route(self) -> str | None:
        """Where a prompt's tokens are counted, chat template included; None: they are not."""
        ...

    @property
    def reset_route(self) -> str | None:
        """Where the prefix cache is emptied; None: its state is unknown."""
        ...

    @property
    def cached_unsaid(self) -> str:
        """Why a usage without cached tokens lacks them: a reason from the list in docs/metrics.md."""
        ...

    def body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        """Return the JSON body of a chat completion."""
        ...

    def reply_text(self, request: ChatRequest, text: str) -> str:
        """Return the reply as vLLM would have written it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Vllm:
    """A vLLM server: everything is offered, on routes of its own."""

    choices: str = "structured_outputs"
    """`json_schema` for one whose gateway drops `structured_outputs`."""
    name: str = "vllm"
    metrics_route: str | None = "/metrics"
    tokenize_route: str | None = "/tokenize"
    reset_route: str | None = "/reset_prefix_cache"
    cached_unsaid: str = "flag_off"

    def body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        """Return the body: always streamed, with usage in every chunk."""
        body = request.body(model)
        return _choice_as_object(request, body) if self.choices == "json_schema" else body

    def reply_text(self, request: ChatRequest, text: str) -> str:
        """Return the reply, a choice without the object around it."""
        return _chosen(request, text) if self.choices == "json_schema" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainOpenai:
    """A server of the OpenAI API and no more, as Ollama, llama.cpp, SGLang and TGI are.

    Usage comes with the last chunk alone, so that a stream that was cut off has none. Whether `response_format` is
    honoured is found out by a probe.
    """

    name: str = "plain_openai"
    choices: str = "json_schema"
    metrics_route: str | None = None
    tokenize_route: str | None = None
    reset_route: str | None = None
    cached_unsaid: str = "not_supported"

    def body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        """Return the body without what vLLM added to the API; strict servers refuse fields that they don't know."""
        body = _choice_as_object(request, request.body(model))
        del body["n"]  # 1 is the default everywhere, and some know no other
        return {**body, "stream_options": {"include_usage": True}}

    def reply_text(self, request: ChatRequest, text: str) -> str:
        """Return the reply, a choice without the object around it."""
        return _chosen(request, text)


VLLM = Vllm()
PLAIN_OPENAI = PlainOpenai()


def _choice_as_object(request: ChatRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for one of several words as a JSON object with one field: grammars of a bare string are rarely supported."""
    if not request.choices:
        return body
    schema = {
        "type": "object",
        "properties": {CHOICE: {"type": "string", "enum": list(request.choices)}},
        "required": [CHOICE],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": CHOICE, "schema": schema}}
    return {**{name: value for name, value in body.items() if name != "structured_outputs"}, "response_format": form}


def _chosen(request: ChatRequest, text: str) -> str:
    if not request.choices:
        return text
    said, _ = split_thinking(text)
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, dict) or not isinstance(found.get(CHOICE), str):
        return text
    return text.removesuffix(said) + found[CHOICE] if text.endswith(said) else str(found[CHOICE])
