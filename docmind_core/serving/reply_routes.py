"""Replies of the routes that are not chat completions: embeddings, and the Responses API."""

import json
from collections.abc import Mapping
from typing import Any

from docmind_core.errors import OutputInvalid
from docmind_core.serving.chat import ChatReply
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.event_stream import EventStream
from docmind_core.serving.foreign_request import EMBEDDINGS, ForeignRequest
from docmind_core.serving.reply_endings import LENGTH, STOP, TOOL_CALLS, ending_of
from docmind_core.serving.token_usage import IMPLAUSIBLE, NO_USAGE, ImplausibleUsage, TokenUsage, read_usage

_ENDED = frozenset({"response.completed", "response.incomplete"})


def read_other_reply(request: ForeignRequest, streamed: StreamedReply, body: bytes) -> ChatReply:
    """Return what a whole body says, as JSON or as a stream of events; when it came is not known within it.

    Raises:
        OutputInvalid: If it can't be read, or did not end by itself.
    """
    streamed.times = streamed.times.with_token(streamed.clock_ns(), of_answer=True).in_one_piece()
    try:
        found = _last_response(body) if body.lstrip()[:1] != b"{" else json.loads(body)
        if request.route == EMBEDDINGS:
            return _reply(
                "", STOP, {"completion_tokens": 0, **(found.get("usage") or {})} if found.get("usage") else None
            )
        return _response(found)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise OutputInvalid(f"the engine's reply to {request.route} can't be read ({type(error).__name__})") from error


def _last_response(body: bytes) -> Mapping[str, Any]:
    for event in EventStream().feed(body):
        if event.name in _ENDED or event.data.startswith('{"type":"response.'):
            chunk = json.loads(event.data)
            if chunk.get("type") in _ENDED:
                found: Mapping[str, Any] = chunk["response"]
                return found
    raise ValueError("no response.completed")


def _response(found: Mapping[str, Any]) -> ChatReply:
    said, called = "", False
    for item in found.get("output") or []:
        called = called or item.get("type") == "function_call"
        if item.get("type") == "message":
            said += "".join(part.get("text") or "" for part in item.get("content") or [])
    usage = found.get("usage")
    counted = None
    if isinstance(usage, Mapping):
        counted = {
            "prompt_tokens": usage.get("input_tokens"),
            "completion_tokens": usage.get("output_tokens"),
            "prompt_tokens_details": usage.get("input_tokens_details"),
        }
    reason = TOOL_CALLS if called else STOP if found.get("status") == "completed" else LENGTH
    return _reply(said, reason, counted)


def _reply(text: str, reason: str, usage: Mapping[str, Any] | None) -> ChatReply:
    counted: TokenUsage | None = None
    because: str | None = NO_USAGE
    try:
        counted = read_usage(usage)
    except ImplausibleUsage:
        because = IMPLAUSIBLE
    return ChatReply(
        text=text,
        finish_reason=reason,
        usage=counted,
        usage_missing_because=None if counted else because,
        ended_because=ending_of(text, reason),
    )
