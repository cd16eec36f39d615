"""The engine's count of one attempt, taken only where it can be true."""

from collections.abc import Mapping
from dataclasses import dataclass

COUNT_MAX = 2**31 - 1
"""What the tables hold; no engine has counted so many tokens of one call."""
NO_USAGE, IMPLAUSIBLE, UNRECONCILED = "no_usage", "implausible", "unreconciled"
_TEMPLATE_TOKENS_MAX = 2**15
"""More than any chat template adds to the texts of a request."""
_SPECIAL_TOKENS_MAX = 8
"""End tokens and the like, which some servers count and which `max_tokens` need not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """The engine's own count for one attempt."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    """None when the engine does not say, or says what can't be; that is not 0."""
    cached_implausible: bool = False
    """True where the engine's count of cached tokens is negative, no whole number, or more than the prompt."""


NO_TOKENS = TokenUsage(prompt_tokens=0, completion_tokens=0, cached_tokens=0)
"""For attempts that the engine refused or never saw: it computed nothing, which is a measured 0."""


class ImplausibleUsage(ValueError):
    """A count that can't be."""


def read_usage(found: object) -> TokenUsage | None:
    """Read an engine's `usage` object; None when it is absent or lacks a count.

    A count is read where it is whole: `12`, `12.0` and `"12"` are twelve.

    Raises:
        ImplausibleUsage: If a count is not a whole number, negative or infinite, or if a prompt has no tokens.
    """
    counts = read_counts(found)
    if counts is None or not isinstance(found, Mapping):
        return None
    prompt, completion = counts
    try:
        cached, implausible = _cached(found.get("prompt_tokens_details"), prompt), False
    except ImplausibleUsage:
        cached, implausible = None, True
    return TokenUsage(
        prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached, cached_implausible=implausible
    )


def read_counts(found: object) -> tuple[int, int] | None:
    """Read the tokens of prompt and completion alone, as `read_usage` does."""
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise ImplausibleUsage
    prompt, completion = found.get("prompt_tokens"), found.get("completion_tokens")
    if prompt is None or completion is None:
        return None
    prompt, completion = _count(prompt), _count(completion)
    if prompt == 0:
        raise ImplausibleUsage
    return prompt, completion


def can_be_true(
    usage: TokenUsage, *, prompt_bytes: int, max_tokens: int, reply_bytes: int, window: int | None = None
) -> bool:
    """Return whether a reply of this size can have cost this.

    A token of a text is at least one byte of it (half of one where a tokenizer lengthens the text first). Special
    tokens and thinking that is not shown have no text, so the completion may reach `max_tokens` whatever is shown.

    Args:
        usage: What the engine says.
        prompt_bytes: UTF-8 bytes of the request's texts.
        max_tokens: Limit of the request.
        reply_bytes: UTF-8 bytes of everything the model wrote: thinking, answer, tool calls.
        window: Context window of the engine, if known.
    """
    if usage.completion_tokens == 0 and reply_bytes > 0:
        return False
    if usage.completion_tokens > max(max_tokens, reply_bytes) + _SPECIAL_TOKENS_MAX:
        return False
    return usage.prompt_tokens <= min(2 * prompt_bytes + _TEMPLATE_TOKENS_MAX, window or COUNT_MAX)


def _cached(details: object, prompt_tokens: int) -> int | None:
    if details is None:
        return None
    if not isinstance(details, Mapping):
        raise ImplausibleUsage
    found = details.get("cached_tokens")
    if found is None:
        return None
    cached = _count(found)
    if cached > prompt_tokens:
        raise ImplausibleUsage
    return cached


def _count(value: object) -> int:
    if type(value) is int and 0 <= value <= COUNT_MAX:  # almost always, and once or twice per chunk
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(COUNT_MAX)):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= COUNT_MAX:
        raise ImplausibleUsage
    return value
