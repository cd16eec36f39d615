"""The arm `tuned`: edges where nothing has to be decided, a model where something has.

START → (router ∥ planner) → retrieval per sub-query in parallel → synthesizer → validator → END or one refinement.
An agent that fails is recorded, what depends on it is skipped, and a single pass answers instead, flagged.
"""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from docmind_core.agents.context import (
    PLANNER,
    RETRIEVER,
    ROUTER,
    SINGLE_PASS,
    SYNTHESIZER,
    VALIDATOR,
    AgentContext,
)
from docmind_core.agents.graph_nodes import Node, traced
from docmind_core.agents.outputs import Supported
from docmind_core.agents.tuned_nodes import (
    SearchTask,
    TunedState,
    fall_back,
    plan,
    refine,
    retrieve,
    route,
    synthesize,
    validate,
)
from docmind_core.errors import EngineUnreachable

FALLBACK = "fallback"
REFINE = "refine"


def guarded(agent: str, node: Node) -> Node:
    """Wrap a node so that its failure is a typed result, and so that it is skipped after another's failure."""
    work = traced(agent, node)

    async def run(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        if state.get("failures"):
            return {}
        try:
            return await work(state, runtime=runtime)
        except EngineUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - an agent's failure is a result: recorded, then answered around
            return {"failures": [f"{agent} failed: {type(error).__name__}: {error}"]}

    return run


async def _dispatch(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Wait for router and planner; the fan-out follows on the edge."""
    return {}


def _fan_out(state: TunedState) -> list[Send] | str:
    if state.get("failures"):
        return FALLBACK
    tasks = [SearchTask(sub_query=text, strategy=state["strategy"]) for text in state["sub_queries"]]
    return [Send(RETRIEVER, task) for task in tasks]


def _after_synthesis(state: TunedState) -> str:
    if state.get("failures"):
        return FALLBACK
    return END if state.get("refined") or not state["result"].passages else VALIDATOR


def _after_validation(state: TunedState) -> str:
    if state.get("failures"):
        return FALLBACK
    return REFINE if state["supported"] == Supported.NO.value else END


def build_tuned() -> Any:
    """Compile the graph."""
    graph = StateGraph(TunedState, context_schema=AgentContext)
    nodes: tuple[tuple[str, str, Any], ...] = (
        (ROUTER, ROUTER, route),
        (PLANNER, PLANNER, plan),
        (RETRIEVER, RETRIEVER, retrieve),
        (SYNTHESIZER, SYNTHESIZER, synthesize),
        (VALIDATOR, VALIDATOR, validate),
        (REFINE, RETRIEVER, refine),
    )
    for name, agent, work in nodes:
        graph.add_node(name, guarded(agent, work))
    graph.add_node("dispatch", _dispatch)
    graph.add_node(FALLBACK, traced(SINGLE_PASS, fall_back))
    graph.add_edge(START, ROUTER)
    graph.add_edge(START, PLANNER)
    graph.add_edge([ROUTER, PLANNER], "dispatch")
    graph.add_conditional_edges("dispatch", _fan_out, [RETRIEVER, FALLBACK])
    graph.add_edge(RETRIEVER, SYNTHESIZER)
    graph.add_conditional_edges(SYNTHESIZER, _after_synthesis, [VALIDATOR, FALLBACK, END])
    graph.add_conditional_edges(VALIDATOR, _after_validation, [REFINE, FALLBACK, END])
    graph.add_edge(REFINE, SYNTHESIZER)
    graph.add_edge(FALLBACK, END)
    return graph.compile()
