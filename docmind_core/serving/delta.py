"""What one chunk of a chat completion adds to the reply, in the dialects of OpenAI-compatible servers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_REASONING, _REASONING_TOO = "reasoning_content", "reasoning"
"""vLLM, SGLang and DeepSeek; OpenRouter, Ollama and newer vLLM, which sends both with the same text."""


class Delta(NamedTuple):
    """What a chunk adds; "" where it adds nothing of the kind. A tuple, since there is one per chunk."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_text: str = ""
    """Names and arguments of tool calls."""
    finish_reason: str | None = None

    @property
    def has_token(self) -> bool:
        """Whether the chunk brings something that the model wrote."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_text)


def read_delta(chunk: Mapping[str, Any], *, whole_allowed: bool) -> Delta:
    """Read a chunk; one without choices adds nothing.

    Args:
        chunk: The chunk, or a whole completion.
        whole_allowed: Whether a `message` counts as a delta does: some servers end a stream with all of it again.

    Raises:
        TypeError, AttributeError, KeyError: If it does not have the form of a chat completion.
    """
    choices = chunk.get("choices") or []
    if not isinstance(choices, list):
        raise TypeError("choices is not a list")
    for choice in choices:
        if (choice.get("index") or 0) == 0:
            break
    else:
        return Delta()
    delta = choice.get("delta") or (choice.get("message") if whole_allowed else None) or {}
    text, thought = _content(delta.get("content"))
    return Delta(
        text,
        _text(delta.get(_REASONING)) or _text(delta.get(_REASONING_TOO)) or thought,
        _text(delta.get("refusal")),
        _tool_text(delta) if "tool_calls" in delta or "function_call" in delta else "",
        _text(choice.get("finish_reason")) or None,
    )


def _content(content: object) -> tuple[str, str]:
    """Return the text and the thinking of a content; Mistral's reasoning models send a list of typed parts."""
    if not isinstance(content, list):
        return _text(content), ""
    text, thought = "", ""
    for part in content:
        if part["type"] == "thinking":
            thought += _content(part["thinking"])[0]
        elif part["type"] in ("text", "output_text"):
            text += _text(part["text"])
    return text, thought


def _tool_text(delta: Mapping[str, Any]) -> str:
    calls = [call.get("function") for call in delta.get("tool_calls") or [] if isinstance(call, Mapping)]
    found = [call for call in [*calls, delta.get("function_call")] if isinstance(call, Mapping)]
    return "".join(f"{call.get('name') or ''}{call.get('arguments') or ''}" for call in found)


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} instead of text")
    return value
