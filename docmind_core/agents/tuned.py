"""The arm `tuned`: edges where nothing has to be decided, a model where something has.

START → (router ∥ planner) → retrieval per sub-query in parallel → synthesizer → END; at THOROUGH what was retrieved is
reranked before it is read. `tuned-no_validation` has a validator and one refinement after the synthesizer.
An agent that fails is recorded, what depends on it is skipped, and a single pass answers instead, flagged.
`tuned-LEVER` is the same graph with one mechanism taken out.
"""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from docmind_core.agents import tuned_nodes
from docmind_core.agents.context import (
    AGENTS,
    PLANNER,
    RETRIEVER,
    ROUTER,
    SYNTHESIZER,
    VALIDATOR,
    AgentContext,
)
from docmind_core.agents.graph_nodes import FALLBACK, Node, add_fallback, guarded, has_failed
from docmind_core.agents.graph_walk import GraphWalk
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.levers import TUNED_LEVERS, Lever
from docmind_core.agents.outputs import Supported
from docmind_core.agents.tuned_nodes import SearchTask, TunedState

REFINE = "refine"
RERANK = "rerank"


async def _dispatch(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Wait for router and planner; the fan-out follows on the edge."""
    return {}


def _fan_out(state: TunedState) -> list[Send] | str:
    if has_failed(state):
        return FALLBACK
    together = tuple(state["sub_queries"])
    return [Send(RETRIEVER, {**task, "together": together}) for task in search_tasks(state)]


def search_tasks(state: TunedState) -> list[SearchTask]:
    """Return one task per planned search."""
    return [
        SearchTask(sub_query=text, strategy=state["strategy"], number=number)
        for number, text in enumerate(state["sub_queries"], start=1)
    ]


def one_after_the_other(search: Node) -> Node:
    """Make a node that runs the planned searches in turn out of one that runs a single search."""

    async def run(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        updates = [await search(task, runtime=runtime) for task in search_tasks(state)]
        return {"rankings": [ranking for update in updates for ranking in update["rankings"]]}

    return run


def _after_retrieval(state: TunedState, runtime: Runtime[AgentContext]) -> str:
    return RERANK if LEVEL_EFFORT[runtime.context.level].reranks else SYNTHESIZER


def _after_synthesis(state: TunedState) -> str:
    if has_failed(state):
        return FALLBACK
    return END if state.get("refined") or not state["result"].passages else VALIDATOR


def _after_unchecked_synthesis(state: TunedState) -> str:
    return FALLBACK if has_failed(state) else END


def _after_validation(state: TunedState) -> str:
    if has_failed(state):
        return FALLBACK
    return REFINE if state["supported"] == Supported.NO.value else END


def build_tuned(levers: frozenset[Lever] = TUNED_LEVERS) -> Any:
    """Compile the graph with the mechanisms in `levers`."""
    graph = StateGraph(TunedState, context_schema=AgentContext)
    if Lever.SPECIALIZATION in levers:
        route, plan, search = tuned_nodes.route, tuned_nodes.plan, tuned_nodes.retrieve
    else:
        route, plan, search = tuned_nodes.route_by_model, tuned_nodes.plan_by_model, tuned_nodes.retrieve_by_model
    graph.add_node(ROUTER, guarded(ROUTER, route))
    graph.add_node(PLANNER, guarded(PLANNER, plan))
    graph.add_node(SYNTHESIZER, guarded(SYNTHESIZER, tuned_nodes.synthesize))
    add_fallback(graph, [agent for agent in AGENTS if agent != VALIDATOR or Lever.NO_VALIDATION not in levers])
    graph.add_edge(START, ROUTER)
    _add_searches(graph, search, parallel=Lever.PARALLEL_TOOLS in levers)
    graph.add_node(RERANK, guarded(RETRIEVER, tuned_nodes.rerank))
    graph.add_conditional_edges(RETRIEVER, _after_retrieval, [RERANK, SYNTHESIZER])
    graph.add_edge(RERANK, SYNTHESIZER)
    if Lever.NO_VALIDATION in levers:
        graph.add_conditional_edges(SYNTHESIZER, _after_unchecked_synthesis, [FALLBACK, END])
    else:
        _add_validation(graph)
    return GraphWalk(graph.compile())


def _add_searches(graph: Any, search: Node, *, parallel: bool) -> None:
    if parallel:
        graph.add_node(RETRIEVER, guarded(RETRIEVER, search))
        graph.add_node("dispatch", _dispatch)
        graph.add_edge(START, PLANNER)
        graph.add_edge([ROUTER, PLANNER], "dispatch")
        graph.add_conditional_edges("dispatch", _fan_out, [RETRIEVER, FALLBACK])
    else:
        graph.add_node(RETRIEVER, guarded(RETRIEVER, one_after_the_other(search)))
        graph.add_edge(ROUTER, PLANNER)
        graph.add_edge(PLANNER, RETRIEVER)


def _add_validation(graph: Any) -> None:
    graph.add_node(VALIDATOR, guarded(VALIDATOR, tuned_nodes.validate))
    graph.add_node(REFINE, guarded(RETRIEVER, tuned_nodes.refine))
    graph.add_conditional_edges(SYNTHESIZER, _after_synthesis, [VALIDATOR, FALLBACK, END])
    graph.add_conditional_edges(VALIDATOR, _after_validation, [REFINE, FALLBACK, END])
    graph.add_edge(REFINE, SYNTHESIZER)
