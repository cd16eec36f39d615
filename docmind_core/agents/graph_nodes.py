"""How a node is put into a graph: its agent's name goes with it."""

from typing import Any, Protocol

from langgraph.config import get_config
from langgraph.runtime import Runtime

from docmind_core.agents.context import AgentContext


class Node(Protocol):
    """One step of a graph: reads state, asks one thing, returns only the keys it owns."""

    async def __call__(self, state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        """Return the update of the state."""
        ...


def traced(agent: str, node: Node) -> Node:
    """Wrap a node so that its calls and searches are attributed to `agent`."""

    async def run(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        metadata = get_config().get("metadata", {})
        span = runtime.context.tools.agent_span(
            agent,
            node=str(metadata.get("langgraph_node", agent)),
            checkpoint_ns=str(metadata.get("langgraph_checkpoint_ns", "")),
        )
        with span:
            return await node(state, runtime=runtime)

    return run
