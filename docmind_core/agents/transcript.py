"""A conversation of user, assistant and agents: its messages, the text that it is in a prompt, and its parts.

It is rendered into a single user message: chat templates differ in what sequences of roles they allow, and a
transcript is accepted by every model that vLLM serves.
"""

import re
from collections.abc import Sequence

from docmind_core.agents.context import AGENTS, SUPERVISOR, USER, Message

SEARCH_TOOL = "search_tool"
LEFT_OUT = "Left out."
"""What a tool's result says once the context window had no room for its passages."""
ROUTING_TASK = "choose_"
"""How the supervisor's calls begin that pick who acts next."""

_TRANSFERRING = "Transferring"
_BACK = f"{_TRANSFERRING} back to {SUPERVISOR}."
_HANDOFF = re.compile(
    rf"^(?:{SUPERVISOR}: {_TRANSFERRING} to [a-z_+ ]+\.|(?:{'|'.join(AGENTS)}): {re.escape(_BACK)})$", re.MULTILINE
)


def render_history(history: Sequence[Message]) -> str:
    """Return the whole conversation, oldest message first."""
    return "\n\n".join(f"{message.speaker}: {message.text}" for message in history)


def turns(history: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Split a conversation into turns: a user's message and everything until the next one."""
    found: list[list[Message]] = []
    for each in history:
        if each.speaker == USER or not found:
            found.append([])
        found[-1].append(each)
    return [tuple(turn) for turn in found]


def exchanges(history: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Split a conversation into what may only go together: a message with the results of the tools it called."""
    found: list[list[Message]] = []
    for each in history:
        if each.speaker != SEARCH_TOOL or not found:
            found.append([])
        found[-1].append(each)
    return [tuple(exchange) for exchange in found]


def transfer_to(agents: str) -> Message:
    """Return the supervisor's message that gives control to those it chose."""
    return Message(speaker=SUPERVISOR, text=f"{_TRANSFERRING} to {agents}.")


def hand_back_from(agent: str) -> Message:
    """Return an agent's message that gives control back."""
    return Message(speaker=agent, text=_BACK)


def handoff_lines(prompt: str) -> list[str]:
    """Return the hand-off messages that a prompt shows, each verbatim."""
    return _HANDOFF.findall(prompt) if _TRANSFERRING in prompt else []
