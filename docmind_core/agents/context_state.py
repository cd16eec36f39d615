"""What a prompt is made of, in the parts that may be shortened and the parts that may not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from docmind_core.agents.context import Message
from docmind_core.agents.passages import NumberedPassage, render_numbered, render_passage
from docmind_core.agents.transcript import SEARCH_TOOL, Utterance, render_history
from docmind_core.retrieval.search import Hit
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
    history: tuple[Utterance, ...] = ()
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


def laid_out(
    request: ChatRequest,
    query: str,
    *,
    history: Sequence[Message] = (),
    passages: Sequence[Hit | NumberedPassage] = (),
) -> ChatRequest:
    """Find the conversation and the passages that a rendered request is made of, in any order.

    Args:
        request: The request as it was written.
        query: What must stay whole, wherever it is.
        history: The conversation in it, if there is one.
        passages: The passages in it or in its conversation, under their numbers, or numbered from 1 in this order.

    Returns:
        A request with the same body; the given one when its prompt has other parts than these.
    """
    known = tuple(
        each if isinstance(each, NumberedPassage) else NumberedPassage(number=number, hit=each)
        for number, each in enumerate(passages, start=1)
    )
    said = tuple(_utterance(message, known) for message in history)
    layout: tuple[str, ...] = (request.user,)
    for place, text in ((HISTORY, render_history(said)), (PASSAGES, render_numbered(known) if known else "")):
        layout = _with_place(layout, place, text)
    state = ContextState(
        query=query,
        passages=known if PASSAGES in layout else (),
        history=said if HISTORY in layout else (),
        layout=layout,
    )
    if state.render() != request.user or layout == (request.user,):
        return request
    kept = {each.name: getattr(request, each.name) for each in fields(ChatRequest) if each.init}
    return LaidOutRequest(**{**kept, "state": state})


def _with_place(layout: tuple[str, ...], place: str, text: str) -> tuple[str, ...]:
    """Put a place where a text is at the edge of a part or between empty lines."""
    for position, part in enumerate(layout):
        before, found, after = part.partition(text) if text else (part, "", "")
        if found:
            around = (before.removesuffix("\n\n"), place, after.removeprefix("\n\n"))
            return (*layout[:position], *(each for each in around if each), *layout[position + 1 :])
    return layout


def _utterance(message: Message, known: Sequence[NumberedPassage]) -> Utterance:
    """Recognise the passages that a tool's result shows."""
    if message.speaker != SEARCH_TOOL:
        return Utterance(speaker=message.speaker, text=message.text)
    shown = tuple(passage for passage in known if render_passage(passage) in message.text)
    is_result = bool(shown) and render_numbered(shown) == message.text
    return Utterance(speaker=message.speaker, text=message.text, passages=shown if is_result else ())
