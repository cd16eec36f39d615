"""What a system of agents has to beat: one search and one call, no model at all, and one model with the same tokens.

`single_pass` searches with the question and answers in one call.
`extractive` answers with the best sentence of the passages found and makes no call: the floor.
`single_pass@budget` makes as many single passes as the tokens of `tuned` on the same query allow, and answers with
what most of them say: what the same money buys without agents. Its first pass is that of `single_pass`, greedy; the
others are drawn at a temperature, or they would be the same (self-consistency, https://arxiv.org/abs/2203.11171).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass, answer_request, nothing_found, read_answer
from docmind_core.agents.context import EXTRACTIVE, SINGLE_PASS, AgentContext, ArmAnswer
from docmind_core.agents.decisions import VoteRecord
from docmind_core.agents.graph_nodes import Node, in_time
from docmind_core.agents.passage_choice import best_sentences
from docmind_core.agents.refusals import is_refusal
from docmind_core.errors import BudgetUnknown
from docmind_core.query_sets.normalising import normalised
from docmind_core.serving.chat import ChatReply, ChatRequest

PASSES_MAX = 25
TEMPERATURE = 0.7
"""Of the second pass and those after it."""


class SinglePassState(TypedDict, total=False):
    """A question and its answer."""

    question: str
    result: ArmAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class OneStep:
    """One node by itself, asked as a compiled graph is: LangGraph takes longer to walk to it than all else it does."""

    agent: str
    node: Node

    async def ainvoke(
        self, state: Mapping[str, Any], _config: object = None, *, context: AgentContext
    ) -> dict[str, Any]:
        """Return the state with what the node answered."""
        with context.tools.agent_span(self.agent, node=self.agent, checkpoint_ns=""):
            return {**state, **await in_time(self.agent, self.node, state, Runtime(context=context))}


async def answer(state: SinglePassState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search with the question and answer it in one call."""
    result = await answer_in_one_pass(state["question"], runtime.context, agent=SINGLE_PASS, task="answer")
    return {"result": result}


async def extract(state: SinglePassState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer with the best sentence of the passages that a single pass would read."""
    context, question = runtime.context, state["question"]
    candidates = await context.tools.search(context.strategy, question, context.depth)
    passages = candidates[: context.depth.final_k]
    if not passages:
        return {"result": nothing_found()}
    best = best_sentences(question, passages)[0]
    answer = ArmAnswer(
        text=best.text,
        abstained=is_refusal(best.text),
        citations=(best.hit.chunk.chunk_id,),
        passages=passages,
        candidates=candidates,
    )
    return {"result": answer}


async def vote(state: SinglePassState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search once, ask as often as the budget allows, and return what most passes say.

    Raises:
        BudgetUnknown: If the tokens that `tuned` spent on this query are unknown.
    """
    context, question = runtime.context, state["question"]
    if context.budget_tokens is None:
        raise BudgetUnknown("the tokens of tuned on this query are unknown, so there is no budget for single passes.")
    candidates = await context.tools.search(context.strategy, question, context.depth)
    passages = candidates[: context.depth.final_k]
    if not passages:
        return {"result": nothing_found()}
    replies = await _passes(answer_request(question, passages, context), context)
    answers = [read_answer(reply.text, passages, candidates, reasoning=reply.reasoning) for reply in replies]
    chosen, votes = majority([_ballot(answer) for answer in answers])
    for number, (reply, answer) in enumerate(zip(replies, answers, strict=True)):
        context.tools.record_vote(
            VoteRecord(
                task=_task(number),
                answer=answer.text,
                votes=votes[number],
                chosen=number == chosen,
                temperature=TEMPERATURE if number else 0.0,
                billed_tokens=_tokens(reply),
                budget_tokens=context.budget_tokens,
            )
        )
    return {"result": replace(answers[chosen], answered_by=_task(chosen))}


async def _passes(request: ChatRequest, context: AgentContext) -> list[ChatReply]:
    """Return the replies: one, and more while the next one can't take them over the budget, whatever it says."""
    replies: list[ChatReply] = []
    while not replies or _affords_another(replies, context):
        number = len(replies)
        asked = replace(request, seed=context.seed + number, temperature=TEMPERATURE) if number else request
        replies.append(await context.tools.ask(SINGLE_PASS, _task(number), asked))
    return replies


def _affords_another(replies: Sequence[ChatReply], context: AgentContext) -> bool:
    usages = [reply.usage for reply in replies if reply.usage is not None]
    if len(usages) < len(replies) or len(replies) == PASSES_MAX:
        return False
    spent = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    most = max(usage.prompt_tokens for usage in usages) + context.answer_max_tokens
    return spent + most <= (context.budget_tokens or 0)


def majority(ballots: Sequence[str]) -> tuple[int, list[int]]:
    """Return the place of the first ballot of the largest group, the earlier group on a tie, and the votes of each."""
    votes = [ballots.count(ballot) for ballot in ballots]
    return votes.index(max(votes)), votes


def _ballot(answer: ArmAnswer) -> str:
    return "" if answer.abstained else normalised(answer.text) or answer.text


def _task(number: int) -> str:
    return f"answer_{number + 1}"


def _tokens(reply: ChatReply) -> int | None:
    return reply.usage.prompt_tokens + reply.usage.completion_tokens if reply.usage else None


def build_single_pass() -> OneStep:
    """Return the one step."""
    return OneStep(agent=SINGLE_PASS, node=answer)


def build_extractive() -> OneStep:
    """Return the one step."""
    return OneStep(agent=EXTRACTIVE, node=extract)


def build_single_pass_at_budget() -> OneStep:
    """Return the one step; its calls are those of a single pass."""
    return OneStep(agent=SINGLE_PASS, node=vote)
