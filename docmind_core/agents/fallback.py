"""What answers when an agent has failed: a single pass, flagged."""

from collections.abc import Sequence
from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass
from docmind_core.agents.context import SINGLE_PASS, AgentContext
from docmind_core.agents.graph_nodes import traced

FALLBACK = "fallback"


def add_fallback(graph: Any, agents: Sequence[str]) -> None:
    """Add the node `FALLBACK`; those of `agents` that have not run by then are recorded as skipped."""

    async def fall_back(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        context = runtime.context
        context.tools.record_skipped(agents)
        because = "; ".join(str(failure) for failure in state["failures"])
        answer = await answer_in_one_pass(
            state["question"], context, agent=SINGLE_PASS, task="fallback_answer", fallback_because=because
        )
        return {"result": answer}

    graph.add_node(FALLBACK, traced(SINGLE_PASS, fall_back))
    graph.add_edge(FALLBACK, END)


def has_failed(state: Any) -> bool:
    """Return whether an agent has failed, so that the query goes to `FALLBACK`."""
    return bool(state.get("failures"))
