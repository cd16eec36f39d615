"""A walk gives what LangGraph's own `ainvoke` gives; what it leaves out changes nothing that is measured."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy, Send

from docmind_core.agents.arms import ARMS, answer_question, find_arm, lever_arms
from docmind_core.agents.context import PLANNER, AgentContext
from docmind_core.agents.graph_walk import GraphWalk
from docmind_core.errors import AgentError, RunError
from docmind_core.retrieval.search import KEYWORD, SEMANTIC
from tests.agents.test_unchanged_requests import QUESTIONS, TEXTS, reply
from tests.fakes.scripted_tools import ScriptedTools, make_context

WALKED = [arm.name for arm in (*ARMS.values(), *lever_arms()) if isinstance(arm.build(), GraphWalk)]


class PlacedTools(ScriptedTools):
    """Notes the node of each span, too."""

    def agent_span(self, agent, *, node, checkpoint_ns):
        assert checkpoint_ns.startswith(f"{node}:")
        return super().agent_span(f"{agent} in {node}", node=node, checkpoint_ns=checkpoint_ns)


async def outcome(arm, graph, question, **given):
    """Return everything that can be seen of an answer, in its order."""
    level = given.pop("level", "balanced")
    tools = PlacedTools(reply=reply, texts=TEXTS, **given)
    context = make_context(tools, level=level, strategies=(KEYWORD, SEMANTIC))
    try:
        answer: Any = await answer_question(arm, graph, question, context)
    except Exception as error:  # noqa: BLE001 - which one it is must be the same, too
        answer = (type(error), str(error))
    calls = [(agent, task, request.body("m")) for agent, task, request in tools.calls]
    return answer, calls, tools.searches, tools.together, tools.sequence, tools.failures, tools.skipped


@pytest.mark.parametrize("level", ["balanced", "thorough"])
@pytest.mark.parametrize("name", WALKED)
async def test_an_arm_answers_calls_and_is_traced_as_by_langgraph_itself(name, level):
    arm = find_arm(name)
    walk = arm.build()
    for question in QUESTIONS:
        assert await outcome(arm, walk, question, level=level) == await outcome(
            arm, walk.compiled, question, level=level
        )


FAILURES = {
    "planner": {"failing": {PLANNER: AgentError("planted")}},
    "one of several searches": {"failing_searches": {"size of the widgets": AgentError("planted")}},
    "the journal": {"failing": {PLANNER: RunError("planted")}},
    "a search of the journal": {"failing_searches": {"size of the widgets": RunError("planted")}},
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", ["tuned", "naive+parallel_tools", "guide_dag"])
async def test_a_failing_agent_leads_to_what_it_leads_to_in_langgraph_itself(name, failure):
    arm = find_arm(name)
    walk = arm.build()
    planted = FAILURES[failure]
    assert await outcome(arm, walk, QUESTIONS[1], **planted) == await outcome(
        arm, walk.compiled, QUESTIONS[1], **planted
    )


class State(TypedDict, total=False):
    start: int
    one: int
    seen: Annotated[list[str], operator.add]


def graph_of(nodes, edges, branches=()):
    graph = StateGraph(State, context_schema=AgentContext)
    for name, node in nodes.items():
        graph.add_node(name, node)
    for start, end in edges:
        graph.add_edge(start, end)
    for branch in branches:
        graph.add_conditional_edges(*branch)
    return graph.compile()


def noting(name, **update):
    async def note(state: State, runtime):
        seen = ",".join(state.get("seen", ())) if "arg" not in state else state["arg"]
        return {"seen": [f"{name}({seen})"], **update}

    return note


async def both(compiled, *, limit=25, **state):
    found = []
    for graph in (compiled, GraphWalk(compiled)):
        try:
            found.append(await graph.ainvoke(state, {"recursion_limit": limit}, context=make_context(ScriptedTools())))
        except Exception as error:  # noqa: BLE001 - compared below
            found.append(type(error))
    assert found[0] == found[1]
    return found[0]


async def test_joins_sends_and_reducers_come_in_the_same_order():
    compiled = graph_of(
        {name: noting(name) for name in ("z", "a", "join", "branch", "sent")},
        [(START, "z"), (START, "a"), (["z", "a"], "join"), ("sent", "branch"), ("branch", END)],
        [
            ("join", lambda state: [Send("sent", {"arg": "2"}), "branch", Send("sent", {"arg": "1"})]),
            ("branch", lambda state: "done" if len(state["seen"]) > 6 else "again", {"done": END, "again": "z"}),
        ],
    )
    state = await both(compiled, seen=["first"])
    assert state["seen"][:4] == ["first", "a(first)", "z(first)", "join(first,a(first),z(first))"]
    assert state["seen"][5:7] == ["sent(2)", "sent(1)"]


async def test_an_edge_reads_what_its_own_node_has_written_and_no_other_one_of_the_step():
    compiled = graph_of(
        {"a": noting("a"), "b": noting("b"), "a_saw_1": noting("a_saw_1"), "a_saw_2": noting("a_saw_2")},
        [(START, "a"), (START, "b")],
        [("a", lambda state: f"a_saw_{len(state['seen'])}", ["a_saw_1", "a_saw_2"])],
    )
    assert "a_saw_1" in (await both(compiled))["seen"][-1]


async def test_two_nodes_that_write_one_key_in_one_step_are_refused():
    nodes = {"a": noting("a", one=1), "b": noting("b", one=2)}
    assert await both(graph_of(nodes, [(START, "a"), (START, "b")])) is InvalidUpdateError


@pytest.mark.parametrize("limit", range(1, 6))
async def test_the_limit_of_steps_is_the_same(limit):
    nodes = {name: noting(name) for name in "abc"}
    found = await both(graph_of(nodes, [(START, "a"), ("a", "b"), ("b", "c"), ("c", END)]), limit=limit)
    assert (found is GraphRecursionError) is (limit <= 3)


async def test_a_failing_node_cancels_the_others_of_its_step():
    cancelled = []

    async def waits(state: State, runtime):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("waits")
            raise

    async def fails(state: State, runtime):
        await asyncio.sleep(0)
        raise AgentError("planted")

    compiled = graph_of({"waits": waits, "fails": fails}, [(START, "waits"), (START, "fails")])
    assert await both(compiled) is AgentError
    assert cancelled == ["waits", "waits"]


def test_what_only_langgraph_can_run_is_refused():
    graph = StateGraph(State, context_schema=AgentContext)
    graph.add_node("a", noting("a"), retry_policy=RetryPolicy())
    graph.add_edge(START, "a")
    with pytest.raises(ValueError, match="a node with a policy of its own"):
        GraphWalk(graph.compile())
