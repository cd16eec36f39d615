"""The conversation of the naive supervisor, as one transcript, and the calls that read it.

It is rendered into a single user message: chat templates differ in what sequences of roles they allow, and a
transcript is accepted by every model that vLLM serves.
"""

from collections.abc import Sequence
from typing import Any

from docmind_core.agents.context import AgentContext
from docmind_core.agents.levers import Lever
from docmind_core.agents.messages import Message
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.serving.chat import ChatRequest


def render_history(history: Sequence[Message]) -> str:
    """Return the whole conversation, oldest turn first."""
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
