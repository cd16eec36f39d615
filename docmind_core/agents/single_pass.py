"""The arm `single_pass`: one search, one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass
from docmind_core.agents.context import SINGLE_PASS, AgentContext, ArmAnswer
from docmind_core.agents.graph_nodes import Node, in_time


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


def build_single_pass() -> OneStep:
    """Return the one step."""
    return OneStep(agent=SINGLE_PASS, node=answer)
