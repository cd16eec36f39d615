"""What a prompt is made of, in the parts that may be shortened and the parts that may not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from docmind_core.agents.history import Message, render_history
from docmind_core.agents.passages import NumberedPassage, render_numbered
from docmind_core.serving.chat import ChatRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextState:
    """The parts of one user prompt, in the order of the prompt.

    The guide's priorities, highest first: query, routing decision, execution plan, retrieval results, conversation.
    """

    query: str
    """Never shortened, nor is a message of the conversation that is the query."""
    tail: str
    """What the prompt ends with: the query where the prompt repeats it, and the task. Never shortened."""
    passages: tuple[NumberedPassage, ...] = ()
    history: tuple[Message, ...] = ()
    execution_plan: str = ""
    routing_decision: str = ""

    @property
    def all_passages(self) -> Mapping[str, str]:
        """Text by chunk id of every passage in the prompt, those in the conversation among them."""
        found = (*self.passages, *(passage for message in self.history for passage in message.passages))
        return {passage.hit.chunk.chunk_id: passage.hit.chunk.text for passage in found}

    def render(self) -> str:
        """Return the user prompt."""
        parts = [
            render_numbered(self.passages) if self.passages else "",
            render_history(self.history),
            self.execution_plan,
            self.routing_decision,
            self.tail,
        ]
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOutRequest(ChatRequest):
    """A request that knows the parts its user prompt was rendered from, so that it can be made to fit a window."""

    state: ContextState | None = field(default=None, repr=False)

    def with_state(self, state: ContextState) -> "LaidOutRequest":
        """Return the same request over another state."""
        kept = {each.name: getattr(self, each.name) for each in fields(self)}
        return LaidOutRequest(**{**kept, "state": state, "user": state.render()})


def laid_out(state: ContextState, *, system: str, max_tokens: int, **form: Any) -> LaidOutRequest:
    """Return the request over a state; `form` is what `ChatRequest` takes besides."""
    return LaidOutRequest(system=system, user=state.render(), max_tokens=max_tokens, state=state, **form)
