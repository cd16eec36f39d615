"""The messages by which a supervisor and its agents hand control to each other."""

import re

from docmind_core.agents.context import AGENTS, SUPERVISOR
from docmind_core.agents.messages import Message

ROUTING_TASK = "choose_"
"""How the supervisor's calls begin that pick who acts next."""
_TRANSFERRING = "Transferring"
_BACK = f"{_TRANSFERRING} back to {SUPERVISOR}."
_LINE = re.compile(
    rf"^(?:{SUPERVISOR}: {_TRANSFERRING} to [a-z_+ ]+\.|(?:{'|'.join(AGENTS)}): {re.escape(_BACK)})$", re.MULTILINE
)


def transfer_to(agents: str) -> Message:
    """Return the supervisor's message that gives control to those it chose."""
    return Message(speaker=SUPERVISOR, text=f"{_TRANSFERRING} to {agents}.")


def hand_back_from(agent: str) -> Message:
    """Return an agent's message that gives control back."""
    return Message(speaker=agent, text=_BACK)


def handoff_lines(prompt: str) -> list[str]:
    """Return the hand-off messages that a prompt shows, each verbatim."""
    return _LINE.findall(prompt) if _TRANSFERRING in prompt else []
