"""How a node is put into a graph: with its agent's name, its deadline, and what answers after its failure."""

from collections.abc import Sequence
from typing import Any, Protocol

from langgraph.graph import END
from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_in_one_pass
from docmind_core.agents.context import SINGLE_PASS, AgentContext
from docmind_core.agents.decisions import Failure
from docmind_core.errors import AgentTimeout, EngineUnreachable, RunError, StoreError
from docmind_core.telemetry.loop_lag import Deadline

FALLBACK = "fallback"


class Node(Protocol):
    """One step of a graph: reads state, asks one thing, returns only the keys it owns."""

    async def __call__(self, state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        """Return the update of the state."""
        ...


def traced(agent: str, node: Node) -> Node:
    """Wrap a node so that its calls and searches are attributed to `agent`, and so that it ends by its deadline.

    Raises:
        AgentTimeout: When `agent_deadline_s` is over.
    """

    async def run(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        place = runtime.execution_info.checkpoint_ns if runtime.execution_info else ""
        with runtime.context.tools.agent_span(agent, node=place.partition(":")[0] or agent, checkpoint_ns=place):
            return await in_time(agent, node, state, runtime)

    return run


def guarded(agent: str, node: Node) -> Node:
    """Wrap a node so that its failure is a typed result, and so that it does nothing after another's failure."""
    work = traced(agent, node)

    async def run(state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
        if state.get("failures"):
            return {}
        try:
            return await work(state, runtime=runtime)
        except (EngineUnreachable, RunError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - an agent's failure is a result: recorded, then answered around
            failure = Failure.of(agent, error)
            runtime.context.tools.record_failure(failure)
            return {"failures": [failure]}

    return run


async def in_time(agent: str, node: Node, state: Any, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let a node work until the suite's `agent_deadline_s` is over.

    Raises:
        AgentTimeout: When it is.
    """
    # Not LangGraph's own timeout: its error ends the whole superstep, and other agents with it.
    if (deadline_s := runtime.context.agent_deadline_s) is None:
        return await node(state, runtime=runtime)
    limit = Deadline(deadline_s)
    try:
        async with limit:
            return await node(state, runtime=runtime)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise AgentTimeout(
            f"{agent} exceeded its deadline of {deadline_s:g} s (agent_deadline_s of the suite)."
        ) from error


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
