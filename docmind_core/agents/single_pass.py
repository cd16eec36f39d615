"""The arm `single_pass`: one search, one call."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass
from docmind_core.agents.context import SINGLE_PASS, AgentContext, ArmAnswer
from docmind_core.agents.graph_nodes import traced


class SinglePassState(TypedDict, total=False):
    """A question and its answer."""

    question: str
    result: ArmAnswer


async def answer(state: SinglePassState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search with the question and answer it in one call."""
    result = await answer_in_one_pass(state["question"], runtime.context, agent=SINGLE_PASS, task="answer")
    return {"result": result}


def build_single_pass() -> Any:
    """Compile START → answer → END."""
    graph = StateGraph(SinglePassState, context_schema=AgentContext)
    graph.add_node(SINGLE_PASS, traced(SINGLE_PASS, answer))
    graph.add_edge(START, SINGLE_PASS)
    graph.add_edge(SINGLE_PASS, END)
    return graph.compile()
