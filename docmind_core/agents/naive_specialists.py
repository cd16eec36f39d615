"""The naive supervisor's agents under the lever `specialization`: each by its own means, the model where it must."""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents import naive_workers
from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR, AgentContext
from docmind_core.agents.messages import Message
from docmind_core.agents.naive_workers import hand_back, keep_passages, show_passages
from docmind_core.agents.outputs import Plan
from docmind_core.agents.refusals import is_refusal
from docmind_core.agents.route_choice import ruled
from docmind_core.agents.routing_rules import needs_plan
from docmind_core.retrieval.search import candidate_ranking


async def route(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose the search strategy by rules; one that is not open here leaves the suite's own."""
    context = runtime.context
    began_s = context.tools.now_s()
    record = ruled(state["question"], context)
    context.tools.record_route(record, began_s=began_s)
    strategy = record.strategy
    return hand_back(ROUTER, context, Message(speaker=ROUTER, text=strategy), strategy=strategy)


async def plan(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break a composite question into searches; any other is its own plan and costs no call."""
    if needs_plan(state["question"]):
        return await naive_workers.plan(state, runtime=runtime)
    return hand_back(PLANNER, runtime.context, Message(speaker=PLANNER, text="One search: the question itself."))


async def retrieve(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for the question and for what was planned; the passages are the report."""
    context = runtime.context
    strategy = state.get("strategy", context.strategy)
    rankings = [
        await context.tools.search(strategy, query, context.depth)
        for query in dict.fromkeys([state["question"], *_planned(state)])
    ]
    kept = keep_passages(state, candidate_ranking(rankings), context)
    result = Message(speaker="search_tool", text=show_passages(state, kept))
    said = Message(speaker=RETRIEVER, text=f"{len(kept)} passages were found.")
    return hand_back(RETRIEVER, context, said, tool_output=(result,), passages=list(kept), rankings=rankings)


async def validate(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check an answer against the passages; a refusal claims nothing and costs no call."""
    if is_refusal(state.get("draft", "")):
        return hand_back(VALIDATOR, runtime.context, Message(speaker=VALIDATOR, text="supported: yes"))
    return await naive_workers.validate(state, runtime=runtime)


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
