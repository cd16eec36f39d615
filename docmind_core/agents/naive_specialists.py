"""The naive supervisor's agents under the lever `specialization`: each by its own means, the model where it must.

As in `tuned`, the level decides where they must: who routes, what is planned, whether candidates are reranked
and whether an answer is checked; a check reads what the arm gives its validator.
"""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents import naive_workers
from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR, AgentContext, Message
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.naive_workers import hand_back, keep_passages, search_result
from docmind_core.agents.outputs import Plan
from docmind_core.agents.refusals import is_refusal
from docmind_core.agents.reranking import reranked
from docmind_core.agents.route_choice import decide_route, remembered_route
from docmind_core.agents.tuned_nodes import UNCHECKED, is_planned
from docmind_core.retrieval.search import candidate_ranking


async def route(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose the search strategy by rules, at THOROUGH by the model with the rules as fallback."""
    context = runtime.context
    began_s = context.tools.now_s()

    async def decide() -> tuple[RouteRecord, str]:
        return await decide_route(state["question"], context, task=f"route_{_turn(state)}"), ""

    record, _ = await remembered_route(state["question"], context, decide)
    context.tools.record_route(record, began_s=began_s)
    strategy = record.strategy
    return hand_back(ROUTER, context, Message(speaker=ROUTER, text=strategy), strategy=strategy)


async def plan(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break a composite question into searches, at THOROUGH every one; what is not broken costs no call."""
    if is_planned(state["question"], runtime.context.level):
        return await naive_workers.plan(state, runtime=runtime)
    return hand_back(PLANNER, runtime.context, Message(speaker=PLANNER, text="One search: the question itself."))


async def retrieve(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for the question and for what was planned; the passages are the report."""
    context = runtime.context
    strategy = state.get("strategy", context.strategy)
    queries = tuple(dict.fromkeys([state["question"], *_planned(state)]))
    rankings = await context.tools.search_many(strategy, queries, context.depth)
    if LEVEL_EFFORT[context.level].reranks:
        candidates = candidate_ranking(rankings)
        rankings = (await reranked(state["question"], candidates, context, task=f"rerank_{_turn(state)}"),)
    kept = keep_passages(state, candidate_ranking(rankings), context)
    result = search_result(state, kept)
    said = Message(speaker=RETRIEVER, text=f"{len(kept)} passages were found.")
    return hand_back(RETRIEVER, context, said, tool_output=(result,), passages=list(kept), rankings=list(rankings))


async def validate(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check an answer against the passages; a refusal claims nothing and costs no call, and at FAST no answer does."""
    if LEVEL_EFFORT[runtime.context.level].checks == "nothing":
        return hand_back(VALIDATOR, runtime.context, Message(speaker=VALIDATOR, text=f"supported: {UNCHECKED}"))
    if is_refusal(state.get("draft", "")):
        return hand_back(VALIDATOR, runtime.context, Message(speaker=VALIDATOR, text="supported: yes"))
    return await naive_workers.validate(state, runtime=runtime)


def _turn(state: dict[str, Any]) -> int:
    return len(state.get("agents_run", [])) + 1


def _planned(state: dict[str, Any]) -> list[str]:
    try:
        return Plan.model_validate_json(state.get("plan") or "").sub_queries
    except ValueError:
        return []


SPECIALISTS = (
    (ROUTER, route),
    (PLANNER, plan),
    (RETRIEVER, retrieve),
    (SYNTHESIZER, naive_workers.synthesize),
    (VALIDATOR, validate),
)
