"""The agents of the arm `tuned`, less its validator: each sees its task alone and returns a typed result."""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_request, nothing_found, read_answer
from docmind_core.agents.context import PLANNER, SYNTHESIZER, AgentContext
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.levels import LEVEL_EFFORT, PerformanceLevel
from docmind_core.agents.levers import Lever
from docmind_core.agents.outputs import DECISION_MAX_TOKENS, Plan
from docmind_core.agents.passage_choice import chosen_passages
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.reranking import reranked
from docmind_core.agents.route_choice import decide_route, remembered_route
from docmind_core.agents.routing_rules import needs_plan
from docmind_core.agents.text_overlap import content_words, without_near_duplicates
from docmind_core.agents.transcript import after_earlier_turns
from docmind_core.agents.tuned_state import SearchTask, TunedState, said_before
from docmind_core.retrieval.search import Hit, candidate_ranking
from docmind_core.serving.chat import ChatRequest


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
    request = ChatRequest(
        system=read_prompt("plan"),
        user=after_earlier_turns(f"Question: {question}\n\nTask: write the search queries.", context),
        max_tokens=DECISION_MAX_TOKENS,
        output=Plan,
        seed=context.seed,
    )
    reply = await context.tools.ask(PLANNER, "plan", laid_out(request, question, history=context.earlier))
    planned = reply.output.sub_queries if isinstance(reply.output, Plan) else []
    return list(dict.fromkeys([question, *_about(question, planned)]))


async def retrieve(task: SearchTask, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for one sub-query."""
    context, together = runtime.context, task.get("together", ())
    hits = await context.tools.search(task["strategy"], task["sub_query"], context.depth, together=together)
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
