"""Whether an engine keeps a reply to the form that was asked for: some take the request and ignore it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, create_model

from docmind_core.errors import DocMindError, RequestRejected
from docmind_core.serving.chat import AttemptEnd, AttemptStart, ChatReply, ChatRequest
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.dialects import Vllm
from docmind_core.serving.retrying import RetryPolicy

PROBE_SYSTEM = "You are a friendly guide. Answer in plain words."
"""System prompt of every probe."""
_QUESTIONS = (
    ("What is the capital of France?", ("zx81", "qk47")),
    ("Say hello to a new colleague.", ("vr20", "hb66")),
    ("Why is the sky blue?", ("jd35", "wt92")),
    ("Name three fruits.", ("mu13", "pf58")),
)
"""Nothing in a question leads to the words of its form: a model that is not held to them writes something else.

Several, because a server that keeps to the form only sometimes is one that ignores it.
"""
_MAX_TOKENS = 64
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FormCheck:
    """How an engine took requests for a form; each reply either has it, has not, or was cut too early to tell."""

    kept: int
    broken: int
    unknown: int
    example: str | None = None
    """The first reply that broke the form, or why it was refused."""

    @property
    def honoured(self) -> bool | None:
        """Whether every reply had the form; None when none could be judged."""
        if self.broken:
            return False
        return True if self.kept else None

    @property
    def text(self) -> str:
        """Say it in a few words."""
        asked = self.kept + self.broken + self.unknown
        if self.honoured is None:
            return f"unknown: none of {asked} replies could be judged"
        if self.honoured:
            return f"honoured in {self.kept} of {asked} replies"
        return f"ignored in {self.broken} of {asked} replies"


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredOutput:
    """What an engine makes of the two ways of asking for a form."""

    schema: FormCheck
    choices: FormCheck
    """As its dialect asks for one of several words; of a vLLM server, `structured_outputs`."""


class _Unbooked:
    """A probe is made before any run: it belongs to none."""

    def begin(self, start: AttemptStart) -> None:
        pass

    def end(self, end: AttemptEnd) -> None:
        pass

    async def kept(self) -> None:
        pass


@lru_cache(maxsize=8)
def probe_structured_output(connection: EngineConnection) -> StructuredOutput:
    """Ask an engine for replies in a form that no model would write by itself; once in a process for each engine.

    Not for the event loop: it waits.
    """
    return asyncio.run(_probe(connection))


def with_choices_it_honours(connection: EngineConnection, found: StructuredOutput) -> EngineConnection:
    """Return the connection, asking for choices as JSON where a vLLM server's gateway drops `structured_outputs`."""
    if isinstance(connection.dialect, Vllm) and found.choices.honoured is False and found.schema.honoured:
        return replace(connection, dialect=Vllm(choices="json_schema"))
    return connection


async def _probe(connection: EngineConnection) -> StructuredOutput:
    schema_requests = [_schema_request(question, words) for question, words in _QUESTIONS]
    choice_requests = [_choice_request(question, words) for question, words in _QUESTIONS]
    async with ChatClient(
        connection, in_flight=len(_QUESTIONS), call_timeout_s=_TIMEOUT_S, retry=RetryPolicy(attempts=1)
    ) as client:
        schema = await _check(client, schema_requests)
        native = connection.dialect.choices != "json_schema"
        return StructuredOutput(schema=schema, choices=await _check(client, choice_requests) if native else schema)


async def _check(client: ChatClient, requests: Sequence[ChatRequest]) -> FormCheck:
    replies = await asyncio.gather(
        *(client.complete(request, _Unbooked()) for request in requests), return_exceptions=True
    )
    for reply in replies:
        if isinstance(reply, BaseException) and not isinstance(reply, DocMindError):
            raise reply
    kept = [_keeps(request, reply) for request, reply in zip(requests, replies, strict=True)]
    broken = [_said(reply) for keeps, reply in zip(kept, replies, strict=True) if keeps is False]
    return FormCheck(
        kept=kept.count(True), broken=len(broken), unknown=kept.count(None), example=broken[0] if broken else None
    )


def _keeps(request: ChatRequest, reply: ChatReply | BaseException) -> bool | None:
    """Whether a reply has the form; None when it was cut before that could be seen, or did not come."""
    if isinstance(reply, BaseException):
        return False if isinstance(reply, RequestRejected) else None
    if reply.output_problem is None:
        return True
    begun = reply.text.strip()
    if reply.finish_reason == "length":
        # Thinking, or blanks that a grammar allows, may have used up the tokens.
        beginnings = request.choices or ("{",)
        if not begun or any(word.startswith(begun[:1]) for word in beginnings):
            return None
    return False


def _said(reply: ChatReply | BaseException) -> str:
    return str(reply)[:200] if isinstance(reply, BaseException) else repr(reply.text[:60])


def _schema_request(question: str, words: tuple[str, ...]) -> ChatRequest:
    word: Any = Literal[words]
    form: type[BaseModel] = create_model("probe", word=(word, ...))
    return ChatRequest(system=PROBE_SYSTEM, user=question, max_tokens=_MAX_TOKENS, output=form)


def _choice_request(question: str, words: tuple[str, ...]) -> ChatRequest:
    return ChatRequest(system=PROBE_SYSTEM, user=question, max_tokens=_MAX_TOKENS, choices=words)
