"""The validator of the arm `tuned`: it checks an answer against passages, at THOROUGH against all that were read.

Its prompt begins as the synthesizer's does: the same system prompt, then passages in the same order under the same
numbers. What is said about passages is said to it too; the rules of a check are in its task. It has no worked examples,
which come between the two: the engine's prefix cache has its system prompt alone.
"""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents.context import VALIDATOR, AgentContext, ArmAnswer
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.levers import Lever
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS, Supported
from docmind_core.agents.passages import NumberedPassage, numbered, render_numbered
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.text_overlap import content_words
from docmind_core.agents.transcript import after_earlier_turns
from docmind_core.agents.tuned_state import TunedState, said_before
from docmind_core.serving.chat import ChatRequest

UNCHECKED = "unchecked"
"""The verdict where none was given: it accepts the answer and claims nothing."""
UNCITED_CHECKED = 1
"""Passages shown to the validator when an answer cites none: the one that shares most words with it."""


async def validate(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check the answer; a refusal claims nothing and costs no call, and at FAST no answer costs one."""
    draft, context = state["result"], runtime.context
    if LEVEL_EFFORT[context.level].checks == "nothing":
        return {"supported": UNCHECKED}
    if draft.abstained:
        return {"supported": Supported.YES.value}
    shown = _checked_passages(draft, context)
    parts = [render_numbered(shown), f"Question: {state['question']}", f"Answer: {draft.text}"]
    if Lever.PREFIX_ORDER not in context.levers:
        parts = [*parts[1:], parts[0]]
    task = read_prompt("check_task")
    request = ChatRequest(
        system=read_prompt("answer"),
        user=after_earlier_turns("\n\n".join([*filter(None, [said_before(state, context)]), *parts, task]), context),
        max_tokens=CHOICE_MAX_TOKENS,
        choices=tuple(verdict.value for verdict in Supported),
        seed=context.seed,
    )
    request = laid_out(request, state["question"], history=context.earlier, passages=shown)
    reply = await context.tools.ask(VALIDATOR, "check", request)
    return {"supported": UNCHECKED if reply.output_problem else reply.text}


def _checked_passages(draft: ArmAnswer, context: AgentContext) -> tuple[NumberedPassage, ...]:
    """Return what an answer is checked against, as the synthesizer read it: in its order, under its numbers."""
    read = numbered(draft.passages)
    if LEVEL_EFFORT[context.level].checks == "all" or Lever.CONTEXT_ISOLATION not in context.levers:
        return read
    cited = tuple(passage for passage in read if passage.hit.chunk.chunk_id in draft.citations)
    if cited:
        return cited
    words = content_words(draft.text)
    by_overlap = sorted(read, key=lambda passage: -len(words & content_words(passage.hit.chunk.text)))
    return tuple(sorted(by_overlap[:UNCITED_CHECKED], key=lambda passage: passage.number))
