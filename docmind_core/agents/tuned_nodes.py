"""The five agents of the arm `tuned`: each sees its task alone and returns a typed result."""

import operator
import re
from dataclasses import asdict
from typing import Annotated, Any, TypedDict

from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass, answer_request, nothing_found, read_answer
from docmind_core.agents.context import (
    PLANNER,
    ROUTER,
    SINGLE_PASS,
    SYNTHESIZER,
    VALIDATOR,
    AgentContext,
    ArmAnswer,
)
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.history import Message, render_history
from docmind_core.agents.levers import Lever
from docmind_core.agents.near_duplicates import without_near_duplicates
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS, DECISION_MAX_TOKENS, Plan, Supported
from docmind_core.agents.passages import render_passages
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.reranking import reranked
from docmind_core.agents.route_choice import decide_route, is_worth_keeping
from docmind_core.agents.route_record import RouteRecord
from docmind_core.agents.routing_rules import needs_plan
from docmind_core.retrieval.search import Hit, candidate_ranking
from docmind_core.serving.chat import ChatRequest

UNCITED_CHECKED = 2
"""Passages shown to the validator when an answer cites none: those that share most words with it."""

_WORD = re.compile(r"\w{3,}")
_QUESTION_WORDS = {"what", "which", "when", "where", "does", "the", "and", "are", "how", "who", "why", "for", "with"}


class TunedState(TypedDict, total=False):
    """What the nodes hand each other; each key has one owner, lists grow."""

    question: str
    strategy: str
    sub_queries: list[str]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    reranked: tuple[Hit, ...]
    read_ids: Annotated[list[str], operator.add]
    supported: str
    refined: bool
    failures: Annotated[list[str], operator.add]
    result: ArmAnswer


class SearchTask(TypedDict):
    """One branch of the fan-out."""

    sub_query: str
    strategy: str
    number: int
    """From 1, in the order of the plan."""


async def route(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose the search strategy: by rules, at THOROUGH by the model with the rules behind it."""
    context, question = runtime.context, state["question"]
    began_s = context.tools.now_s()

    async def decide() -> dict[str, Any]:
        return asdict(await decide_route(question, context))

    kept = await context.tools.remembered(
        "router",
        question,
        decide,
        worth_keeping=lambda value: is_worth_keeping(RouteRecord(**value), context),
        open=list(context.strategies),
        otherwise=context.strategy,
    )
    record = RouteRecord(**kept)
    context.tools.record_route(record, began_s=began_s)
    return {"strategy": record.strategy}


async def plan(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break a composite question into searches; every other question is its own plan and costs no call."""
    question = state["question"]
    if not needs_plan(question):
        return {"sub_queries": [question]}
    return {"sub_queries": await ask_for_plan(question, runtime.context)}


async def ask_for_plan(question: str, context: AgentContext) -> list[str]:
    """Return the question and the searches that the model adds to it."""
    request = ChatRequest(
        system=read_prompt("plan"),
        user=f"Question: {question}\n\nTask: write the search queries.",
        max_tokens=DECISION_MAX_TOKENS,
        output=Plan,
        seed=context.seed,
    )
    reply = await context.tools.ask(PLANNER, "plan", request)
    planned = reply.output.sub_queries if isinstance(reply.output, Plan) else []
    return list(dict.fromkeys([question, *_about(question, planned)]))


async def retrieve(task: SearchTask, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for one sub-query."""
    context = runtime.context
    return {"rankings": [await context.tools.search(task["strategy"], task["sub_query"], context.depth)]}


async def rerank(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Order anew what the searches found, before it is cut to what is read."""
    candidates = candidate_ranking(state.get("rankings", []))
    return {"reranked": await reranked(state["question"], candidates, runtime.context)}


async def synthesize(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer from the best passages; the second time from those not read before, and those the draft cited."""
    context = runtime.context
    candidates = _candidates(state)
    chosen = _passages(state, candidates, context.depth.final_k)
    passages = without_near_duplicates(chosen) if Lever.DEDUPE in context.levers else chosen
    if not passages:
        return {"result": nothing_found()}
    task = "answer_again" if state.get("refined") else "answer"
    request = answer_request(
        state["question"],
        passages,
        context,
        question_first=Lever.PREFIX_ORDER not in context.levers,
        history=_history(state, context),
    )
    reply = await context.tools.ask(SYNTHESIZER, task, request)
    read_ids = [hit.chunk.chunk_id for hit in chosen]
    return {"result": read_answer(reply.text, passages, candidates), "read_ids": read_ids}


async def validate(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check the answer against the passages it cites; a refusal claims nothing and costs no call."""
    draft = state["result"]
    if draft.abstained:
        return {"supported": Supported.YES.value}
    isolated = Lever.CONTEXT_ISOLATION in runtime.context.levers
    passages = render_passages(_checked_passages(draft) if isolated else draft.passages)
    parts = [passages, f"Question: {state['question']}", f"Answer: {draft.text}"]
    if Lever.PREFIX_ORDER not in runtime.context.levers:
        parts = [*parts[1:], parts[0]]
    task = "Task: say whether the passages support the answer: yes or no."
    request = ChatRequest(
        system=read_prompt("check"),
        user="\n\n".join([*filter(None, [_history(state, runtime.context)]), *parts, task]),
        max_tokens=CHOICE_MAX_TOKENS,
        choices=tuple(verdict.value for verdict in Supported),
        seed=runtime.context.seed,
    )
    request = laid_out(request, state["question"], passages=_checked_passages(draft))
    reply = await runtime.context.tools.ask(VALIDATOR, "check", request)
    return {"supported": "unchecked" if reply.output_problem else reply.text}


async def refine(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search once more, in another way where there is one: a second try must read something new."""
    context = runtime.context
    others = [strategy for strategy in context.strategies if strategy != state["strategy"]]
    hits = await context.tools.search(others[0] if others else state["strategy"], state["question"], context.depth)
    return {"rankings": [hits], "refined": True}


async def fall_back(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer in a single pass, flagged, because an agent failed."""
    because = "; ".join(state["failures"])
    answer = await answer_in_one_pass(
        state["question"], runtime.context, agent=SINGLE_PASS, task="fallback_answer", fallback_because=because
    )
    return {"result": answer}


def _candidates(state: TunedState) -> tuple[Hit, ...]:
    """Return what the searches amount to; a second try is fused with what was ordered anew, not with the searches."""
    rankings = state.get("rankings", [])
    if "reranked" in state:
        rankings = [state["reranked"], *(rankings[-1:] if state.get("refined") else [])]
    return candidate_ranking(rankings)


def _passages(state: TunedState, candidates: tuple[Hit, ...], final_k: int) -> tuple[Hit, ...]:
    if not state.get("refined"):
        return candidates[:final_k]
    cited = [hit for hit in candidates if hit.chunk.chunk_id in state["result"].citations]
    unread = [hit for hit in candidates if hit.chunk.chunk_id not in state.get("read_ids", [])]
    return tuple([*cited, *unread][:final_k])


def _history(state: TunedState, context: AgentContext) -> str:
    """Return what router and planner said; nothing where agents see their own inputs alone."""
    if Lever.CONTEXT_ISOLATION in context.levers:
        return ""
    said = [
        Message(speaker="user", text=state["question"]),
        Message(speaker=ROUTER, text=state["strategy"]),
        Message(speaker=PLANNER, text="\n".join(state["sub_queries"])),
    ]
    return render_history(said)


def _checked_passages(draft: ArmAnswer) -> list[Hit]:
    cited = [hit for hit in draft.passages if hit.chunk.chunk_id in draft.citations]
    if cited:
        return cited
    words = _content_words(draft.text)
    by_overlap = sorted(draft.passages, key=lambda hit: -len(words & _content_words(hit.chunk.text)))
    return by_overlap[:UNCITED_CHECKED]


def _about(question: str, planned: list[str]) -> list[str]:
    """Keep the planned searches that share a content word with the question: models copy their prompt."""
    wanted = _content_words(question)
    return [search for search in planned if wanted & _content_words(search)]


def _content_words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)} - _QUESTION_WORDS
