"""Each of the five agents honours the level (S37), and all have one form (S38)."""

import inspect

import pytest
from langgraph.runtime import Runtime

from docmind_core.agents.answering import read_answer
from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR
from docmind_core.agents.levels import PerformanceLevel
from docmind_core.agents.tuned_nodes import plan, rerank, retrieve, route, synthesize, validate
from docmind_core.retrieval.search import KEYWORD, STRATEGIES
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context, make_hit

NODES = {ROUTER: route, PLANNER: plan, RETRIEVER: retrieve, SYNTHESIZER: synthesize, VALIDATOR: validate}
PLAIN = "what colour is the frobnicator of the house"
COMPOSITE = "what is the difference between a frobnicator and a widget"
HITS = tuple(make_hit(number) for number in range(1, 21))
STATE = {
    "question": PLAIN,
    "sub_query": PLAIN,
    "number": 1,
    "strategy": KEYWORD,
    "sub_queries": [PLAIN],
    "rankings": [HITS],
    "result": read_answer("blue [2]", HITS[:10], HITS),
}


def say(agent, task, request):
    if request.choices:
        return request.choices[-1]
    return '{"sub_queries": ["frobnicator size"]}' if agent == PLANNER else "blue [2]"


async def work(agent, level, **state):
    """Let one agent work alone; return its tools and its update."""
    tools = ScriptedTools(reply=say)
    context = make_context(tools, level=level, strategies=STRATEGIES, levers=find_arm(all_five()).levers)
    update = await NODES[agent]({**STATE, **state}, Runtime(context=context))
    return tools, update


def observed(tools, update):
    """What an outsider sees of an agent's work: what it asked, searched, recorded and returned."""
    return (
        [(task, request.user) for _, task, request in tools.calls],
        tools.searches,
        tools.routes,
        {key: str(value) for key, value in update.items()},
    )


@pytest.mark.parametrize("node", [*NODES.values(), rerank], ids=lambda node: node.__name__)
def test_every_agent_is_a_coroutine_of_its_input_and_the_runtime(node):
    """S38: isinstance on the guide's protocol sees the name alone, not whether it is async or what it takes."""
    assert inspect.iscoroutinefunction(node)
    parameters = list(inspect.signature(node).parameters)
    assert len(parameters) == 2
    assert parameters[1] == "runtime"


def test_the_five_agents_are_the_guide_s():
    """S38."""
    assert set(NODES) == set(AGENTS)


@pytest.mark.parametrize("agent", AGENTS)
async def test_every_agent_works_at_every_level_and_returns_an_update(agent):
    """S38."""
    for level in PerformanceLevel:
        _, update = await work(agent, level)
        assert update
        assert isinstance(update, dict)


@pytest.mark.parametrize("agent", AGENTS)
async def test_every_agent_does_something_else_at_thorough_than_at_fast(agent):
    """S37: in the guide only router and retrieval look at the level."""
    assert observed(*await work(agent, "thorough")) != observed(*await work(agent, "fast"))


@pytest.mark.parametrize("agent", AGENTS)
async def test_an_agent_does_the_same_at_the_same_level(agent):
    assert observed(*await work(agent, "thorough")) == observed(*await work(agent, "thorough"))


@pytest.mark.parametrize(
    ("level", "question", "asks"),
    [
        ("fast", COMPOSITE, False),
        ("balanced", PLAIN, False),
        ("balanced", COMPOSITE, True),
        ("thorough", PLAIN, True),
        ("thorough", COMPOSITE, True),
    ],
)
async def test_the_planner_asks_never_or_about_composite_questions_or_always(level, question, asks):
    tools, update = await work(PLANNER, level, question=question)

    assert tools.callers == [PLANNER] * asks
    assert update["sub_queries"][0] == question


@pytest.mark.parametrize(("level", "shown"), [("balanced", 1), ("thorough", 10)])
async def test_the_validator_reads_what_is_cited_or_all_that_was_read(level, shown):
    tools, _ = await work(VALIDATOR, level)
    ((_, _, request),) = tools.calls
    assert request.user.count("Title") == shown


async def test_at_fast_no_answer_is_checked_and_none_is_called_supported():
    tools, update = await work(VALIDATOR, "fast")
    assert (tools.calls, update) == ([], {"supported": "unchecked"})


@pytest.mark.parametrize(("level", "passages"), [("fast", 5), ("balanced", 5), ("thorough", 10)])
async def test_the_synthesizer_reads_the_level_s_passages(level, passages):
    tools, _ = await work(SYNTHESIZER, level)
    ((_, _, request),) = tools.calls
    assert request.user.count("Title") == passages


@pytest.mark.parametrize(
    ("level", "callers"),
    [
        ("fast", [SYNTHESIZER]),
        ("balanced", [SYNTHESIZER, VALIDATOR]),
        ("thorough", [ROUTER, PLANNER, RETRIEVER, SYNTHESIZER, VALIDATOR]),
    ],
)
async def test_a_plain_question_costs_one_call_two_or_five(level, callers):
    """S37."""
    tools, arm = ScriptedTools(reply=say), find_arm(all_five())
    context = make_context(tools, level=level, strategies=STRATEGIES)

    def approve(agent, task, request):
        return "yes" if agent == VALIDATOR else say(agent, task, request)

    tools.reply = approve
    answer = await answer_question(arm, arm.build(), PLAIN, context)

    assert sorted(tools.callers) == sorted(callers)
    assert set(tools.sequence) == set(AGENTS)
    assert answer.text == "blue"
