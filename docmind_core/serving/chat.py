"""What is asked of the model and what comes back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from docmind_core.serving.reply_endings import LENGTH, STOP, ending_of
from docmind_core.serving.stream_times import NO_TIMES, StreamTimes
from docmind_core.serving.thinking import split_thinking
from docmind_core.serving.token_usage import NO_USAGE, TokenUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked example: a user's message as a call words it, and the reply that is wanted."""

    user: str
    assistant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One call of the model: a system prompt, a user prompt, and the form of the reply."""

    system: str
    user: str
    max_tokens: int
    examples: tuple[Example, ...] = ()
    """Sent as earlier turns, between the system prompt and the user prompt."""
    output: type[BaseModel] | None = None
    """Bounded fields, the decision first; the engine is constrained to its JSON schema."""
    choices: tuple[str, ...] = ()
    """The reply is exactly one of these."""
    seed: int = 0
    temperature: float = 0.0
    _digests: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def prompt_bytes(self) -> int:
        """Bytes of all texts that are sent as the prompt."""
        texts = [message["content"] for message in chat_messages(self.system, self.user, self.examples)]
        return len("".join(texts).encode("utf-8", "surrogatepass"))

    def body(self, model: str) -> dict[str, Any]:
        """Return the JSON body: always streamed, usage in every chunk, one completion."""
        body: dict[str, Any] = {
            "model": model,
            "messages": chat_messages(self.system, self.user, self.examples),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "n": 1,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        if self.output is not None:
            schema = {"name": self.output.__name__, "schema": _schema(self.output)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.choices:
            body["structured_outputs"] = {"choice": list(self.choices)}
        return body

    @property
    def limit(self) -> int | None:
        """Completion limit as the request has it, tokens; None where it has none."""
        return self.max_tokens

    def asked_model(self, served: str) -> str | None:
        """Return the model that is asked for, on an engine that serves `served`; None where none is named."""
        return served

    def digest(self, model: str) -> str:
        """Return the sha256 of the body: equal requests have equal digests, in any process."""
        if model not in self._digests:  # asked for when a call is looked up, counted and sent
            canonical = json.dumps(self.body(model), sort_keys=True, ensure_ascii=False)
            # A document may hold half a surrogate pair; what is sent then is its escape in JSON.
            self._digests[model] = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        return self._digests[model]


@cache
def _schema(form: type[BaseModel]) -> dict[str, Any]:
    return form.model_json_schema()


def chat_messages(system: str, user: str, examples: Sequence[Example] = ()) -> list[dict[str, str]]:
    """Return the messages of a prompt, in the order in which the model reads them."""
    turns = [message for each in examples for message in (("user", each.user), ("assistant", each.assistant))]
    return [{"role": role, "content": text} for role, text in (("system", system), *turns, ("user", user))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """A finished reply."""

    text: str
    """The answer; "" where the model wrote none. What it thought before is in `reasoning`."""
    finish_reason: str | None
    usage: TokenUsage | None
    usage_missing_because: str | None = None
    """Why there is no `usage`: `no_usage`, `implausible`, or `unreconciled` when the connection broke before it."""
    reasoning: str | None = None
    """What the model thought before, sent apart or between tags; None if it sent none."""
    refusal: str | None = None
    """What the engine sent as a refusal apart from the answer."""
    ended_because: str = STOP
    """One of `reply_endings.ENDINGS`."""
    output: BaseModel | None = None
    """The parsed reply, when a form was asked for and the text has it."""
    output_problem: str | None = None
    """Why there is no `output` (or why the text is not one of the choices)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStart:
    """An HTTP attempt that is about to be sent."""

    attempt: int
    request_hash: str
    max_tokens: int | None
    """Completion limit of the request; None where it has none."""
    model: str | None
    """None where the request names none."""
    scheduled_ns: int
    """When this attempt could have gone out: the call's beginning, or the end of the wait after the last one."""
    admitted_ns: int | None = None
    """When it had its place among the calls in flight; None when it needed none or had it at once."""
    sent_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How an HTTP attempt ended; times are monotonic nanoseconds."""

    attempt: int
    status: str
    """`finished`, `failed`, or `cut_off` when the engine may have computed more than the usage says."""
    ended_ns: int
    sent_ns: int | None = None
    """When the request went out, its beginning having been booked; None: as the start says."""
    times: StreamTimes = NO_TIMES
    usage: TokenUsage | None = None
    usage_missing_because: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    output_valid: bool | None = None
    error_type: str | None = None
    error_message: str | None = None
    reply: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    ended_because: str | None = None
    sent_on: tuple[str, bytes] | None = None
    """Content type and body that a client of the recording proxy was sent; None for a call of our own agents."""


class AttemptBook(Protocol):
    """Where attempts are booked, once each: an attempt is sent, and its answer used, when `kept` is done."""

    def begin(self, start: AttemptStart) -> None:
        """Book that an attempt goes out."""
        ...

    def end(self, end: AttemptEnd) -> None:
        """Book how it ended."""
        ...

    async def kept(self) -> None:
        """Return when all that was booked is durable."""
        ...


def read_reply(request: ChatRequest, text: str, finish_reason: str | None, usage: TokenUsage | None) -> ChatReply:
    """Parse a reply in the form that was asked for; only a reply that ended by itself counts as having it.

    Thinking is taken off here, so that no agent reads it, no form breaks on it and no scorer counts it.
    """
    text, reasoning = split_thinking(text)
    output: BaseModel | None = None
    problem: str | None = None
    if request.output is not None or request.choices:
        problem = _unfinished(finish_reason)
    if request.output is not None and problem is None:
        output, problem = _parse(request.output, text)
    elif request.choices and text not in request.choices:
        problem = f"not one of {', '.join(request.choices)}: {text[:80]!r}"
    return ChatReply(
        text=text,
        finish_reason=finish_reason,
        usage=usage,
        usage_missing_because=None if usage else NO_USAGE,
        reasoning=reasoning,
        ended_because=ending_of(text, finish_reason),
        output=output,
        output_problem=problem,
    )


def _unfinished(finish_reason: str | None) -> str | None:
    """Say why a reply is not whole: what is left of a cut one may have the form by chance."""
    if finish_reason == STOP:
        return None
    return "cut off by max_tokens" if finish_reason == LENGTH else f"not finished (finish_reason {finish_reason})"


def _parse(form: type[BaseModel], text: str) -> tuple[BaseModel | None, str | None]:
    try:
        return form.model_validate_json(text), None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or form.__name__
        return None, f"{where}: {first['msg']}"
