"""What a prompt is made of, in the parts that may be shortened and the parts that may not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from docmind_core.agents.context import AgentContext, Message
from docmind_core.agents.levers import Lever
from docmind_core.agents.passages import NumberedPassage, render_numbered
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.transcript import render_history
from docmind_core.serving.chat import ChatRequest

PASSAGES, HISTORY, PLAN, ROUTE = "\0passages", "\0history", "\0plan", "\0route"
"""Places in a layout; everything else in one is text that is never shortened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextState:
    """The parts of one user prompt.

    The guide's priorities, highest first: query, routing decision, execution plan, retrieval results, conversation.
    """

    query: str
    """Never shortened, nor is a message of the conversation that is the query."""
    tail: str = ""
    """What the prompt ends with: the query where the prompt repeats it, and the task. Never shortened."""
    passages: tuple[NumberedPassage, ...] = ()
    history: tuple[Message, ...] = ()
    execution_plan: str = ""
    routing_decision: str = ""
    layout: tuple[str, ...] = (PASSAGES, HISTORY, PLAN, ROUTE)
    """The order of the parts before the tail."""

    @property
    def all_passages(self) -> tuple[NumberedPassage, ...]:
        """Every passage in the prompt, those in the conversation among them."""
        return (*self.passages, *(passage for each in self.history for passage in each.passages))

    @property
    def shown(self) -> Mapping[str, str]:
        """Text by chunk id as the prompt shows it; a chunk that another passage represents has that one's text."""
        texts: dict[str, str] = {}
        for passage in self.all_passages:
            chunk = passage.hit.chunk
            for chunk_id in (chunk.chunk_id, *passage.same_as):
                # A chunk found by two searches may be cut in one of its places.
                texts[chunk_id] = max(texts.get(chunk_id, ""), chunk.text, key=len)
        return texts

    def render(self) -> str:
        """Return the user prompt."""
        places = {
            PASSAGES: render_numbered(self.passages) if self.passages else "",
            HISTORY: render_history(self.history),
            PLAN: self.execution_plan,
            ROUTE: self.routing_decision,
        }
        parts = [*(places.get(part, part) for part in self.layout), self.tail]
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOutRequest(ChatRequest):
    """A request that knows the parts its user prompt was rendered from, so that it can be made to fit a window."""

    state: ContextState | None = field(default=None, repr=False)

    def with_state(self, state: ContextState) -> "LaidOutRequest":
        """Return the same request over another state."""
        kept = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return LaidOutRequest(**{**kept, "state": state, "user": state.render()})


def laid_out(state: ContextState, **form: Any) -> ChatRequest:
    """Return the request for a prompt in parts; `form` is the rest of it. With no part to shorten it is a plain one."""
    if not state.passages and not state.history:
        return ChatRequest(user=state.render(), **form)
    return LaidOutRequest(user=state.render(), state=state, **form)


def reading_request(prompt: str, reads: ContextState, task: str, context: AgentContext, **form: Any) -> ChatRequest:
    """Lay out a call that reads `reads`: the role first, or with `prefix_order` what all calls have in common."""
    if Lever.PREFIX_ORDER in context.levers:
        system, reads = read_prompt("shared"), replace(reads, layout=(*reads.layout, read_prompt(prompt)))
    else:
        system = read_prompt(prompt)
    return laid_out(replace(reads, tail=task), system=system, seed=context.seed, **form)
