"""The arm `guide_dag`: the guide's own dependency graph, with real calls instead of its placeholders.

Router and planner depend on nothing, retrieval on the router alone, the synthesizer on retrieval, the validator on
the synthesizer. So no agent reads the plan or acts on the verdict: both are paid for and lost. The level is
honoured as in `tuned`: it says whether a question is planned, how it is routed, ranked and checked.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR, AgentContext
from docmind_core.agents.graph_nodes import FALLBACK, Node, add_fallback, guarded, has_failed
from docmind_core.agents.graph_walk import GraphWalk
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.reranking import reranked
from docmind_core.agents.tuned_nodes import TunedState, plan, route, synthesize, validate
from docmind_core.errors import AgentError

DEPENDENCIES: dict[str, tuple[str, ...]] = {
    ROUTER: (),
    PLANNER: (),
    RETRIEVER: (ROUTER,),
    SYNTHESIZER: (RETRIEVER,),
    VALIDATOR: (SYNTHESIZER,),
}


def execution_waves(dependencies: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the agents in waves: each runs after all it depends on, in the order in which they are named.

    Raises:
        AgentError: If an agent depends on one that is not there, or if agents wait for each other in a circle.
    """
    for agent, needed in dependencies.items():
        for name in needed:
            if name not in dependencies:
                raise AgentError(
                    f"agent {agent} depends on {name}, which is not in the graph. Add {name} or remove the dependency."
                )
    sorter = TopologicalSorter(dependencies)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise AgentError(f"circular dependency between agents: {circle}. Remove one dependency.") from error
    order = list(dependencies)
    waves = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=order.index)
        waves.append(tuple(ready))
        sorter.done(*ready)
    return tuple(waves)


async def retrieve(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search once, for the question itself: the plan does not reach this agent."""
    context = runtime.context
    hits = await context.tools.search(state["strategy"], state["question"], context.depth)
    if not LEVEL_EFFORT[context.level].reranks:
        return {"rankings": [hits]}
    return {"rankings": [hits], "reranked": await reranked(state["question"], hits, context)}


NODES: dict[str, Node] = {
    ROUTER: route,
    PLANNER: plan,
    RETRIEVER: retrieve,
    SYNTHESIZER: synthesize,
    VALIDATOR: validate,
}


def _outcome(state: TunedState) -> str:
    return FALLBACK if has_failed(state) else END


def build_guide_dag(dependencies: Mapping[str, Sequence[str]] = DEPENDENCIES) -> Any:
    """Compile a dependency graph of the five agents.

    Raises:
        AgentError: If the graph cannot run: an unknown agent, or a cycle.
    """
    graph = StateGraph(TunedState, context_schema=AgentContext)
    if unknown := [agent for agent in dependencies if agent not in NODES]:
        raise AgentError(f"unknown agent {', '.join(unknown)}. Known agents: {', '.join(NODES)}.")
    before = START
    for position, wave in enumerate(execution_waves(dependencies), start=1):
        for agent in wave:
            graph.add_node(agent, guarded(agent, NODES[agent]))
            graph.add_edge(before, agent)
        joint = f"wave_{position}"
        graph.add_node(joint, _wait)
        graph.add_edge(list(wave), joint)
        before = joint
    add_fallback(graph, tuple(dependencies))
    graph.add_conditional_edges(before, _outcome, [FALLBACK, END])
    return GraphWalk(graph.compile())


async def _wait(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Wait for the whole wave, as the guide's `gather` does."""
    return {}
