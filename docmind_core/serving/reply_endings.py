"""How a reply ended. It is an answer only if it ended by itself with text, or was cut by our own limit."""

STOP, LENGTH, CONTENT_FILTER, TOOL_CALLS = "stop", "length", "content_filter", "tool_calls"

_SAME_REASON = {
    **dict.fromkeys(("eos", "eos_token", "end_turn", "stop_sequence", "complete"), STOP),
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length"), LENGTH),
    **dict.fromkeys(("function_call", "tool_use"), TOOL_CALLS),
    **dict.fromkeys(("safety", "recitation", "prohibited_content"), CONTENT_FILTER),
}
"""What other servers call the finish reasons of OpenAI's API."""

MAX_TOKENS, THINKING, REFUSAL, EMPTY, UNFINISHED = "max_tokens", "thinking", "refusal", "empty", "unfinished"
FAILED, NO_CALL = "failed", "no_call"

ENDINGS: dict[str, str] = {
    STOP: "completed with text",
    MAX_TOKENS: "text cut off at max_tokens",
    THINKING: "no text: thinking used up max_tokens",
    CONTENT_FILTER: "stopped by the server's content filter",
    TOOL_CALLS: "called a tool instead of answering",
    REFUSAL: "refused by the server (a refusal instead of text)",
    EMPTY: "completed without text",
    UNFINISHED: "the server did not confirm that the text is complete (no finish_reason, or an unknown one)",
}
"""Of a reply, what each value of `ended_because` means."""

QUERY_ENDINGS: dict[str, str] = {
    **ENDINGS,
    NO_CALL: "answered without a model call: no passage was found, or a local cache had the answer",
    FAILED: "the query failed before an answer was requested or complete; see error_type",
}
"""Of a query: how the reply that should have been its answer ended, and two more."""

ANSWERED = frozenset({STOP, MAX_TOKENS, NO_CALL})
"""Endings whose text is an answer: a text cut at max_tokens is what the model says within that limit, and counted."""

EMPTIED = frozenset({THINKING, TOOL_CALLS, REFUSAL, EMPTY})
"""Endings without any text of the answer."""

CUT = frozenset({MAX_TOKENS, THINKING, CONTENT_FILTER})
"""Endings that a limit or a filter made, not the model."""

ADVICE: dict[str, str] = {
    MAX_TOKENS: "raise answer_max_tokens",
    THINKING: "raise answer_max_tokens, or turn thinking off in the server",
    CONTENT_FILTER: "turn the server's content filter off, or remove these queries",
    TOOL_CALLS: "start the server without automatic tool calls: no tools are offered in the request",
    REFUSAL: "read `reply` in llm_calls: the model or the server refuses these questions",
    EMPTY: "check the model's chat template and stop words: generation stops before any text",
    UNFINISHED: "check proxies between here and the server: they should pass finish_reason on",
}
"""What to change so that more queries are answered."""


def finish_reason_of(sent: str | None) -> str | None:
    """Return a server's finish reason by its name in OpenAI's API; one that is unknown there stays as it is."""
    if not sent:
        return None
    return _SAME_REASON.get(sent.lower(), sent.lower())


def ending_of(text: str, finish_reason: str | None, *, refused: bool = False, called_tools: bool = False) -> str:
    """Return how a reply ended, a key of `ENDINGS`.

    Args:
        text: The answer, without thinking.
        finish_reason: As `finish_reason_of` returns it.
        refused: Whether the server sent a refusal.
        called_tools: Whether the model called a tool.
    """
    if finish_reason in (CONTENT_FILTER, TOOL_CALLS):
        return finish_reason
    if text.strip():
        return {STOP: STOP, LENGTH: MAX_TOKENS}.get(finish_reason or "", UNFINISHED)
    if refused:
        return REFUSAL
    if called_tools:
        return TOOL_CALLS
    return THINKING if finish_reason == LENGTH else EMPTY
