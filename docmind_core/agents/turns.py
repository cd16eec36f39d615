"""A conversation in the parts that may only go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.agents.messages import USER
from docmind_core.agents.passages import NumberedPassage

SEARCH_TOOL = "search_tool"
LEFT_OUT = "Left out."
"""What a tool's result says once the context window had no room for its passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One message as the context window sees it; what a tool returned belongs to the message before it."""

    speaker: str
    text: str
    passages: tuple[NumberedPassage, ...] = ()
    """What `text` renders, when it renders passages: it may then be shortened by whole passages."""


def render_utterances(history: Sequence[Utterance]) -> str:
    """Return the conversation, oldest first, as `history.render_history` does."""
    return "\n\n".join(f"{each.speaker}: {each.text}" for each in history)


def turns(history: Sequence[Utterance]) -> list[tuple[Utterance, ...]]:
    """Split a conversation into turns: a user's message and everything until the next one."""
    found: list[list[Utterance]] = []
    for each in history:
        if each.speaker == USER or not found:
            found.append([])
        found[-1].append(each)
    return [tuple(turn) for turn in found]


def exchanges(history: Sequence[Utterance]) -> list[tuple[Utterance, ...]]:
    """Split a conversation into what may only go together: a message with the results of the tools it called."""
    found: list[list[Utterance]] = []
    for each in history:
        if each.speaker != SEARCH_TOOL or not found:
            found.append([])
        found[-1].append(each)
    return [tuple(exchange) for exchange in found]
