"""Nodes never change their caller's state: each is called with one that can't be changed."""

import copy

import pytest
from langgraph.runtime import Runtime

from docmind_core.agents.answering import read_answer
from docmind_core.agents.arms import ARMS, find_arm, lever_arms
from docmind_core.agents.context import Message
from docmind_core.agents.decisions import Failure
from docmind_core.agents.opponents import OneStep
from docmind_core.agents.passages import numbered, render_numbered
from docmind_core.retrieval.search import KEYWORD
from tests.fakes.frozen import frozen
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context, make_hit

QUESTION = "what is the difference between a frobnicator and a widget"
HITS = tuple(make_hit(number) for number in range(1, 9))
STATE = {
    "question": QUESTION,
    "strategy": KEYWORD,
    "rankings": [HITS[:6], HITS[3:]],
    "result": read_answer("blue [2]", HITS[:5], HITS),
}
TUNED = {
    **STATE,
    "sub_queries": [QUESTION, "size of a widget"],
    "reranked": HITS,
    "read_ids": [hit.chunk.chunk_id for hit in HITS[:5]],
    "supported": "yes",
    # One branch of the fan-out gets these three alone.
    "sub_query": "size of a widget",
    "number": 2,
}
NAIVE = {
    **STATE,
    "history": [
        Message(speaker="user", text=QUESTION),
        Message(speaker="search_tool", text=render_numbered(numbered(HITS[:5]))),
        Message(speaker="result_synthesizer", text="blue [2]"),
    ],
    "agents_run": ["retrieval_expert", "result_synthesizer"],
    "passages": list(HITS[:5]),
    "plan": '{"sub_queries": ["size of a widget"]}',
    "draft": "blue [2]",
    "next_agents": "response_validator",
}
SINGLE = {**STATE, "searched": [QUESTION], "wanted": "size of a widget"}
STATES = {
    "tuned": TUNED,
    "guide_dag": TUNED,
    "naive_supervisor": NAIVE,
    "single_agent": SINGLE,
    "single_pass": SINGLE,
} | dict.fromkeys(("single_pass@budget", "extractive"), SINGLE)


def nodes_of(arm):
    """The nodes of an arm by name; of an arm without a graph its one step."""
    built = arm.build()
    if isinstance(built, OneStep):
        return {built.agent: built.node}
    return {name: node.runnable.afunc for name, node in built.compiled.builder.nodes.items()}


NODES = [(arm.name, node) for arm in (*ARMS.values(), *lever_arms()) for node in nodes_of(arm)]


def state_of(arm, node):
    state = STATES[arm.name if arm.name in ARMS else arm.compared_with]
    return (
        {**state, "failures": [Failure(agent="query_planner", error_type="E", message="planted")]}
        if node == "fallback"
        else state
    )


async def update_of(name, node, state, level):
    """Call one node of an arm alone, as the graph would."""
    arm, tools = find_arm(name), ScriptedTools(vectors=True)
    return await nodes_of(arm)[node](
        state, runtime=Runtime(context=make_context(tools, level=level, levers=arm.levers))
    )


@pytest.mark.parametrize("level", ["balanced", "thorough"])
@pytest.mark.parametrize(("name", "node"), NODES)
async def test_no_node_changes_the_state_it_is_given_s23(name, node, level):
    """S23: for every node of every arm, with every list and mapping of its state frozen."""
    state = state_of(find_arm(name), node)
    before = copy.deepcopy(state)
    update = await update_of(name, node, frozen(state), level)

    assert state == before
    assert "failures" not in update


@pytest.mark.parametrize("refined", [False, True])
async def test_a_second_try_changes_nothing_of_the_first_s23(refined):
    """S23."""
    for node in ("result_synthesizer", "refine", "response_validator"):
        update = await update_of(all_five(), node, frozen({**TUNED, "refined": refined}), "balanced")
        assert "failures" not in update


@pytest.mark.parametrize(("name", "node"), [pair for pair in NODES if pair[0] in ARMS])
async def test_no_edge_changes_the_state_it_reads_s23(name, node):
    """S23."""
    arm = find_arm(name)
    runtime = Runtime(context=make_context(ScriptedTools(), levers=arm.levers))
    built = arm.build()
    for branch in () if isinstance(built, OneStep) else built.compiled.builder.branches.get(node, {}).values():
        path = branch.path
        extra = {"runtime": runtime} if "runtime" in path.func_accepts else {}
        assert path.func(frozen(state_of(arm, node)), **extra)
