"""The guide's dependency graph as an arm, and graphs that can't run."""

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SINGLE_PASS, SYNTHESIZER, VALIDATOR
from docmind_core.agents.guide_dag import DEPENDENCIES, build_guide_dag, execution_waves
from docmind_core.errors import AgentError, OutputInvalid
from tests.fakes.scripted_tools import ScriptedTools, make_context

QUESTION = "what is the difference between a frobnicator and a widget"


async def run(tools):
    arm = find_arm("guide_dag")
    return await answer_question(arm, arm.build(), QUESTION, make_context(tools))


def test_the_guide_s_waves_are_those_it_prints_s14():
    """S14."""
    assert execution_waves(DEPENDENCIES) == ((ROUTER, PLANNER), (RETRIEVER,), (SYNTHESIZER,), (VALIDATOR,))


async def test_no_one_reads_the_plan_and_no_one_acts_on_the_verdict_s14():
    """S14: the guide's graph, faults included, stays as an arm."""

    def reply(agent, task, request):
        return "no" if request.choices else "blue [1]" if request.output is None else '{"sub_queries": ["a widget"]}'

    tools = ScriptedTools(reply=reply)
    answer = await run(tools)

    assert tools.callers == [PLANNER, SYNTHESIZER, VALIDATOR]
    assert [query for _, query, _ in tools.searches] == [QUESTION]
    assert answer.text == "blue"


async def test_a_failed_agent_is_recorded_and_what_follows_is_skipped_s17():
    """S17."""
    tools = ScriptedTools(failing={SYNTHESIZER: OutputInvalid("planted")})
    answer = await run(tools)

    assert answer.fallback_because == "result_synthesizer failed: OutputInvalid: planted"
    assert tools.callers == [PLANNER, SYNTHESIZER, SINGLE_PASS]


@pytest.mark.parametrize(
    ("failing", "called", "skipped"),
    [
        (PLANNER, [PLANNER, SINGLE_PASS], [RETRIEVER, SYNTHESIZER, VALIDATOR]),
        (VALIDATOR, [PLANNER, SYNTHESIZER, VALIDATOR, SINGLE_PASS], []),
    ],
)
async def test_after_any_failure_no_agent_begins_and_one_pass_answers_s17(failing, called, skipped):
    """S17: nobody reads the plan and the draft is there; the rule is that of every arm, see docs/adr/0009."""
    tools = ScriptedTools(reply=planning, failing={failing: OutputInvalid("planted")})
    answer = await run(tools)

    assert answer.fallback_because == f"{failing} failed: OutputInvalid: planted"
    assert tools.callers == called
    assert tools.skipped == skipped


def planning(agent, task, request):
    return "yes" if request.choices else "blue [1]" if request.output is None else '{"sub_queries": ["a widget"]}'


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        ({ROUTER: (PLANNER,)}, "query_router depends on query_planner, which is not in the graph"),
        ({ROUTER: (PLANNER,), PLANNER: (ROUTER,)}, "circular dependency between agents: .*query_router"),
        ({ROUTER: (ROUTER,)}, "circular dependency"),
        ({"cook": ()}, "unknown agent cook. Known agents: query_router"),
    ],
)
def test_a_graph_that_cannot_run_is_refused_when_it_is_built_s15_s16(dependencies, message):
    """S15, S16."""
    with pytest.raises(AgentError, match=message):
        build_guide_dag(dependencies)


def test_waves_keep_the_order_in_which_agents_are_named_s15():
    """S15."""
    named = {"d": (), "a": (), "c": ("a",), "b": ("a", "d")}
    assert execution_waves(named) == (("d", "a"), ("c", "b"))
