"""The agents of the arm `tuned`, and what they hand each other: each sees its task alone and returns a typed result.

Those of `tuned-specialization` end in `_by_model`: they ask the model, whether their task needs it or not.

The validator's prompt begins as the synthesizer's does: the same system prompt, then passages in the same order under
the same numbers. What is said about passages is said to it too; the rules of a check are in its task. It has no worked
examples, which come between the two: the engine's prefix cache has its system prompt alone.
"""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.runtime import Runtime
from pydantic import BaseModel

from docmind_core.agents.answering import answer_request, nothing_found, read_answer
from docmind_core.agents.context import (
    PLANNER,
    RETRIEVER,
    ROUTER,
    SYNTHESIZER,
    USER,
    VALIDATOR,
    AgentContext,
    ArmAnswer,
    Message,
)
from docmind_core.agents.context_state import HISTORY, PASSAGES, ContextState, laid_out
from docmind_core.agents.decisions import Failure, RouteRecord
from docmind_core.agents.levels import LEVEL_EFFORT, PerformanceLevel
from docmind_core.agents.levers import Lever
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS, DECISION_MAX_TOKENS, Plan, SearchRequest, Supported
from docmind_core.agents.passage_choice import chosen_passages
from docmind_core.agents.passages import NumberedPassage, numbered
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.reranking import reranked
from docmind_core.agents.route_choice import chosen, decide_route, remembered_route, route_request, strategy_form
from docmind_core.agents.routing_rules import needs_plan
from docmind_core.agents.text_overlap import content_words, without_near_duplicates
from docmind_core.agents.transcript import render_history
from docmind_core.retrieval.search import Hit, candidate_ranking
from docmind_core.serving.chat import ChatRequest

UNCHECKED = "unchecked"
"""The verdict where none was given: it accepts the answer and claims nothing."""
UNCITED_CHECKED = 1
"""Passages shown to the validator when an answer cites none: the one that shares most words with it."""


class TunedState(TypedDict, total=False):
    """Each key has one owner, lists grow."""

    question: str
    strategy: str
    sub_queries: list[str]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    reranked: tuple[Hit, ...]
    read_ids: Annotated[list[str], operator.add]
    supported: str
    refined: bool
    failures: Annotated[list[Failure], operator.add]
    result: ArmAnswer


class SearchTask(TypedDict, total=False):
    """One branch of the fan-out."""

    sub_query: str
    strategy: str
    number: int
    """From 1, in the order of the plan."""
    together: tuple[str, ...]
    """The sub-queries of all branches, where they run at once."""


async def route(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose the search strategy: by rules, at THOROUGH by the model with the rules as fallback."""
    context, question = runtime.context, state["question"]
    began_s = context.tools.now_s()

    async def decide() -> tuple[RouteRecord, str]:
        return await decide_route(question, context), ""

    record, _ = await remembered_route(question, context, decide)
    context.tools.record_route(record, began_s=began_s)
    return {"strategy": record.strategy}


async def plan(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break a composite question into searches, at THOROUGH every one; what is not broken costs no call."""
    question = state["question"]
    if is_planned(question, runtime.context.level):
        return {"sub_queries": await ask_for_plan(question, runtime.context)}
    return {"sub_queries": [question]}


def is_planned(question: str, level: PerformanceLevel) -> bool:
    """Return whether the level has the model asked for a plan of this question."""
    wanted = LEVEL_EFFORT[level].plans
    return wanted == "always" or (wanted == "composite" and needs_plan(question))


async def ask_for_plan(question: str, context: AgentContext) -> list[str]:
    """Return the question and the searches that the model adds to it."""
    request = _question_request("plan", question, "Task: write the search queries.", context, output=Plan)
    reply = await context.tools.ask(PLANNER, "plan", request)
    planned = reply.output.sub_queries if isinstance(reply.output, Plan) else []
    return list(dict.fromkeys([question, *_about(question, planned)]))


async def retrieve(state: SearchTask, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for one sub-query."""
    context, together = runtime.context, state.get("together", ())
    hits = await context.tools.search(state["strategy"], state["sub_query"], context.depth, together=together)
    return {"rankings": [hits]}


async def rerank(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Reorder what the searches found, before it is cut to what is read."""
    candidates = candidate_ranking(state.get("rankings", []))
    return {"reranked": await reranked(state["question"], candidates, runtime.context)}


async def synthesize(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer from the best passages; the second time from those not read before, and those the draft cited.

    With nothing left to read, a rejected draft stays the answer: the documents were found, and it was made of them.
    """
    context = runtime.context
    candidates = _candidates(state)
    passages = _passages(state, candidates, context)
    if not passages:
        return {} if state.get("refined") else {"result": nothing_found()}
    task = "answer_again" if state.get("refined") else "answer"
    request = answer_request(
        state["question"],
        passages,
        context,
        question_first=Lever.PREFIX_ORDER not in context.levers,
        history=said_before(state, context),
    )
    reply = await context.tools.ask(SYNTHESIZER, task, request)
    read_ids = [hit.chunk.chunk_id for hit in passages]
    result = read_answer(reply.text, passages, candidates, reasoning=reply.reasoning)
    return {"result": result, "read_ids": read_ids}


async def refine(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search once more, in another way where there is one: a second try must read something new."""
    context = runtime.context
    others = [strategy for strategy in context.strategies if strategy != state["strategy"]]
    hits = await context.tools.search(others[0] if others else state["strategy"], state["question"], context.depth)
    return {"rankings": [hits], "refined": True}


async def validate(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check the answer; a refusal claims nothing and costs no call, and at FAST no answer costs one."""
    draft, context = state["result"], runtime.context
    if LEVEL_EFFORT[context.level].checks == "nothing":
        return {"supported": UNCHECKED}
    if draft.abstained:
        return {"supported": Supported.YES.value}
    shown = _checked_passages(draft, context)
    parts = [PASSAGES, f"Question: {state['question']}", f"Answer: {draft.text}"]
    if Lever.PREFIX_ORDER not in context.levers:
        parts = [*parts[1:], parts[0]]
    checked = ContextState(
        query=state["question"],
        history=context.earlier,
        passages=shown,
        layout=(HISTORY, said_before(state, context), *parts),
        tail=read_prompt("check_task"),
    )
    request = laid_out(
        checked,
        system=read_prompt("answer"),
        max_tokens=CHOICE_MAX_TOKENS,
        choices=tuple(verdict.value for verdict in Supported),
        seed=context.seed,
    )
    reply = await context.tools.ask(VALIDATOR, "check", request)
    return {"supported": UNCHECKED if reply.output_problem else reply.text}


async def route_by_model(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model choose the search strategy; an unreadable choice leaves the suite's own."""
    context, question = runtime.context, state["question"]
    began_s = context.tools.now_s()
    form = strategy_form(context.strategies)
    request = route_request(question, context, output=form, max_tokens=DECISION_MAX_TOKENS)

    async def decide() -> tuple[RouteRecord, str]:
        reply = await context.tools.ask(ROUTER, "route", request)
        return chosen(reply, question, context), reply.text

    record, _ = await remembered_route(question, context, decide)
    context.tools.record_route(record, began_s=began_s)
    return {"strategy": record.strategy}


async def plan_by_model(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model plan every question, also one about a single thing."""
    return {"sub_queries": await ask_for_plan(state["question"], runtime.context)}


async def retrieve_by_model(state: SearchTask, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model word the search; an unreadable one is the planned search itself."""
    context = runtime.context
    question, task = state["sub_query"], "Task: write the search query."
    request = _question_request("retrieve", question, task, context, output=SearchRequest)
    reply = await context.tools.ask(RETRIEVER, f"retrieve_{state['number']}", request)
    wanted = reply.output.query if isinstance(reply.output, SearchRequest) else question
    return {"rankings": [await context.tools.search(state["strategy"], wanted, context.depth)]}


def said_before(state: TunedState, context: AgentContext) -> str:
    """Return what router and planner said; nothing where agents see their own inputs alone."""
    if Lever.CONTEXT_ISOLATION in context.levers:
        return ""
    said = [
        Message(speaker=USER, text=state["question"]),
        Message(speaker=ROUTER, text=state["strategy"]),
        Message(speaker=PLANNER, text="\n".join(state["sub_queries"])),
    ]
    return render_history(said)


def _question_request(
    prompt: str, question: str, task: str, context: AgentContext, *, output: type[BaseModel]
) -> ChatRequest:
    """Lay out a call that reads the question alone, after what user and assistant said before."""
    state = ContextState(query=question, history=context.earlier, layout=(HISTORY, f"Question: {question}"), tail=task)
    form = {"max_tokens": DECISION_MAX_TOKENS, "output": output, "seed": context.seed}
    return laid_out(state, system=read_prompt(prompt), **form)


def _candidates(state: TunedState) -> tuple[Hit, ...]:
    """Return what the searches amount to; a second try is fused with the reordered hits, not the searches."""
    rankings = state.get("rankings", [])
    if "reranked" in state:
        rankings = [state["reranked"], *(rankings[-1:] if state.get("refined") else [])]
    return candidate_ranking(rankings)


def _passages(state: TunedState, candidates: tuple[Hit, ...], context: AgentContext) -> tuple[Hit, ...]:
    """Return what is read; a passage that repeats another one gives way to the next candidate."""
    read: tuple[Hit, ...] = ()
    cited: tuple[Hit, ...] = ()
    unread = candidates
    if state.get("refined"):
        read = state["result"].passages
        cited = tuple(hit for hit in candidates if hit.chunk.chunk_id in state["result"].citations)
        unread = tuple(hit for hit in candidates if hit.chunk.chunk_id not in state.get("read_ids", []))
    if Lever.DEDUPE in context.levers:
        unread = without_near_duplicates(unread, already_read=read, wanted=context.depth.final_k)
    found = (*cited, *unread)[: context.depth.final_k]
    if Lever.PASSAGE_CHOICE not in context.levers:
        return found
    return (*cited, *chosen_passages(state["sub_queries"], found[len(cited) :]))


def _about(question: str, planned: list[str]) -> list[str]:
    """Keep the planned searches that share a content word with the question: models copy their prompt."""
    wanted = content_words(question)
    return [search for search in planned if wanted & content_words(search)]


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
