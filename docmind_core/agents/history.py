"""The conversation of the naive supervisor, as one transcript.

It is rendered into a single user message: chat templates differ in what sequences of roles they allow, and a
transcript is accepted by every model that vLLM serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.agents.passages import NumberedPassage

USER = "user"
SEARCH_TOOL = "search_tool"
NOTHING_LEFT = "Nothing was found."
"""What the search tool says without passages."""
LEFT_OUT = "Left out."
"""What stands in place of passages that the context window had no room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; what a tool returned belongs to the message before it, which asked for it."""

    speaker: str
    text: str
    passages: tuple[NumberedPassage, ...] = ()
    """What `text` renders, when it renders passages: the context window may then shorten it by whole passages."""


def render_history(history: Sequence[Message]) -> str:
    """Return the whole conversation, oldest turn first."""
    return "\n\n".join(f"{message.speaker}: {message.text}" for message in history)


def turns(history: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Split a conversation into turns: a user's message and everything until the next one."""
    found: list[list[Message]] = []
    for message in history:
        if message.speaker == USER or not found:
            found.append([])
        found[-1].append(message)
    return [tuple(turn) for turn in found]


def exchanges(history: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Split a conversation into what may only go together: a message with the results of the tools it called."""
    found: list[list[Message]] = []
    for message in history:
        if message.speaker != SEARCH_TOOL or not found:
            found.append([])
        found[-1].append(message)
    return [tuple(exchange) for exchange in found]
