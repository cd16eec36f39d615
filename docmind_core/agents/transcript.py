"""A conversation of user, assistant and agents: its messages, the text that it is in a prompt, and its parts.

It is rendered into a single user message: chat templates differ in what sequences of roles they allow, and a
transcript is accepted by every model that vLLM serves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docmind_core.agents.context import AGENTS, SUPERVISOR, USER, AgentContext, Message
from docmind_core.agents.levers import Lever
from docmind_core.agents.passages import NumberedPassage
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.serving.chat import ChatRequest

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance(Message):
    """One message as the context window sees it; what a tool returned belongs to the message before it."""

    passages: tuple[NumberedPassage, ...] = ()
    """What `text` renders, when it renders passages: it may then be shortened by whole passages."""


def render_history(history: Sequence[Message]) -> str:
    """Return the whole conversation, oldest message first."""
    return "\n\n".join(f"{message.speaker}: {message.text}" for message in history)


def after_earlier_turns(text: str, context: AgentContext) -> str:
    """Return a text preceded by the earlier turns of user and assistant, if any."""
    return "\n\n".join(filter(None, [render_history(context.earlier), text]))


def reading_request(prompt: str, reads: str, task: str, context: AgentContext, **form: Any) -> ChatRequest:
    """Lay out a call that reads `reads`: the role first, or with `prefix_order` what all calls have in common."""
    if Lever.PREFIX_ORDER in context.levers:
        system, user = read_prompt("shared"), f"{reads}\n\n{read_prompt(prompt)}\n\n{task}"
    else:
        system, user = read_prompt(prompt), f"{reads}\n\n{task}"
    return ChatRequest(system=system, user=user, seed=context.seed, **form)


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


def transfer_to(agents: str) -> Message:
    """Return the supervisor's message that gives control to those it chose."""
    return Message(speaker=SUPERVISOR, text=f"{_TRANSFERRING} to {agents}.")


def hand_back_from(agent: str) -> Message:
    """Return an agent's message that gives control back."""
    return Message(speaker=agent, text=_BACK)


def handoff_lines(prompt: str) -> list[str]:
    """Return the hand-off messages that a prompt shows, each verbatim."""
    return _HANDOFF.findall(prompt) if _TRANSFERRING in prompt else []
