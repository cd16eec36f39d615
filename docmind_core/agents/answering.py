"""The answer call: the same instruction, passages and limit in every arm."""

from collections.abc import Sequence

from docmind_core.agents.context import AgentContext, ArmAnswer
from docmind_core.agents.context_state import HISTORY, PASSAGES, ContextState, laid_out
from docmind_core.agents.passages import numbered, split_citations
from docmind_core.agents.prompt_files import answer_examples, read_prompt
from docmind_core.agents.refusals import REFUSAL_SENTENCE, is_refusal
from docmind_core.retrieval.search import Hit
from docmind_core.serving.chat import ChatRequest


def answer_request(
    question: str,
    passages: Sequence[Hit],
    context: AgentContext,
    *,
    question_first: bool = False,
    history: str = "",
) -> ChatRequest:
    """Lay out the answer call: what is stable first, the question after the passages, the task last.

    The worked examples are turns of their own: inside the user message a small model copies their answers.

    `question_first` and `history` (what other agents said, put before the passages) are for `tuned-LEVER`.
    """
    asked = f"Question: {question}"
    state = ContextState(
        query=question,
        history=context.earlier,
        passages=numbered(passages),
        layout=(HISTORY, history, *((asked, PASSAGES) if question_first else (PASSAGES, asked))),
        tail="Task: answer the question.",
    )
    return laid_out(
        state,
        system=read_prompt("answer"),
        examples=answer_examples(),
        max_tokens=context.answer_max_tokens,
        seed=context.seed,
    )


def read_answer(
    text: str,
    passages: Sequence[Hit],
    candidates: Sequence[Hit],
    *,
    reasoning: str | None = None,
    fallback_because: str | None = None,
) -> ArmAnswer:
    """Read the model's text once, before anything judges it: citation marks come off, then refusals are decided.

    Thinking is off already (`serving.thinking`): `reasoning` is what it was. Scorers see what this returns.
    """
    answer, citations = split_citations(text, passages)
    return ArmAnswer(
        text=answer,
        reasoning=reasoning,
        abstained=is_refusal(answer),
        citations=citations,
        passages=tuple(passages),
        candidates=tuple(candidates),
        fallback_because=fallback_because,
    )


def nothing_found(*, fallback_because: str | None = None) -> ArmAnswer:
    """Return the answer to a question for which no passage was found: no call is spent on it."""
    return read_answer(REFUSAL_SENTENCE, (), (), fallback_because=fallback_because)


async def answer_in_one_pass(
    question: str, context: AgentContext, *, agent: str, task: str, fallback_because: str | None = None
) -> ArmAnswer:
    """Search once with the question, then answer in one call."""
    candidates = await context.tools.search(context.strategy, question, context.depth)
    passages = candidates[: context.depth.final_k]
    if not passages:
        return nothing_found(fallback_because=fallback_because)
    reply = await context.tools.ask(agent, task, answer_request(question, passages, context))
    return read_answer(reply.text, passages, candidates, reasoning=reply.reasoning, fallback_because=fallback_because)
