"""One policy for every failing agent: a typed failure, what depends on it skipped, a flagged single pass instead."""

import asyncio

import pytest

from docmind_core.agents.arms import ARMS, answer_question, find_arm, lever_arms
from docmind_core.agents.context import (
    AGENTS,
    PLANNER,
    RETRIEVER,
    ROUTER,
    SINGLE_AGENT,
    SINGLE_PASS,
    SUPERVISOR,
    SYNTHESIZER,
    VALIDATOR,
)
from docmind_core.agents.decisions import Failure
from docmind_core.agents.levers import Lever
from docmind_core.errors import AgentTimeout, EngineUnreachable, OutputInvalid, RunError, StoreError
from docmind_core.retrieval.search import KEYWORD, SEMANTIC
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context

COMPOSITE = "what is the difference between a frobnicator and a widget"
PLAN = '{"sub_queries": ["size of a frobnicator", "size of a widget"]}'
SHARED = [
    name for name in (*ARMS, *(arm.name for arm in lever_arms())) if name.startswith(("tuned", "naive", "guide_dag"))
]


async def run(name, tools, **context):
    arm = find_arm(name)
    return await answer_question(arm, arm.build(), COMPOSITE, make_context(tools, **context))


def planned(agent, task, request):
    return PLAN if agent == PLANNER else request.choices[0] if request.choices else "blue [1]"


@pytest.mark.parametrize("name", SHARED)
async def test_a_failing_synthesizer_of_any_arm_is_a_typed_failure_and_a_flagged_fallback_s17(name):
    """S17: one policy."""
    tools = ScriptedTools(failing={SYNTHESIZER: OutputInvalid("planted")})
    answer = await run(name, tools)

    assert tools.failures == [Failure(agent=SYNTHESIZER, error_type="OutputInvalid", message="planted")]
    assert answer.fallback_because == "result_synthesizer failed: OutputInvalid: planted"
    assert tools.callers[-1] == SINGLE_PASS
    assert answer.text == "a short answer"
    assert tools.skipped == ([] if Lever.NO_VALIDATION in find_arm(name).levers else [VALIDATOR])


async def test_one_raising_branch_of_several_is_a_failure_and_the_other_branches_are_not_killed_s17():
    """S17, S14: in LangGraph one raising branch ends the whole superstep."""
    tools = ScriptedTools(reply=planned, failing_searches={"size of a frobnicator": OSError("planted")})
    answer = await run(all_five(), tools)

    assert [query for _, query, _ in tools.searches][:3] == [COMPOSITE, "size of a frobnicator", "size of a widget"]
    assert answer.fallback_because == "retrieval_expert failed: OSError: planted"
    assert (answer.text, tools.skipped) == ("blue", [SYNTHESIZER, VALIDATOR])


async def test_every_raising_branch_is_a_failure_of_its_own():
    failing = {"size of a frobnicator": OSError("first"), "size of a widget": OSError("second")}
    tools = ScriptedTools(reply=planned, failing_searches=failing)
    await run(all_five(), tools)

    assert [failure.message for failure in tools.failures] == ["first", "second"]


async def test_a_failing_router_is_a_failure_and_a_flagged_fallback_s17():
    """S17: the planner beside it is not killed."""
    tools = ScriptedTools(reply=planned, failing={ROUTER: RuntimeError("planted")})
    answer = await run(all_five(), tools, level="thorough", strategies=(KEYWORD, SEMANTIC))

    assert answer.fallback_because == "query_router failed: RuntimeError: planted"
    assert PLANNER in tools.callers
    assert tools.skipped == [RETRIEVER, SYNTHESIZER, VALIDATOR]


async def test_an_agent_s_failure_does_not_kill_the_agent_dispatched_next_to_it_s17():
    """S17: one raising agent would end the superstep of both."""
    tools = ScriptedTools(failing={ROUTER: RuntimeError("planted")})
    answer = await run("naive+parallel_tools", tools)

    assert PLANNER in tools.callers
    assert answer.fallback_because == "query_router failed: RuntimeError: planted"
    assert tools.skipped == [RETRIEVER, SYNTHESIZER, VALIDATOR]


async def test_a_supervisor_that_says_something_else_has_failed():
    tools = ScriptedTools(
        reply=lambda agent, task, request: "banana" if agent == SUPERVISOR and request.choices else "blue [1]"
    )
    answer = await run("naive_supervisor", tools)

    assert [(failure.agent, failure.error_type) for failure in tools.failures] == [(SUPERVISOR, "OutputInvalid")]
    assert "banana" in (answer.fallback_because or "")
    assert tools.skipped == list(AGENTS)


async def test_a_supervisor_that_cannot_rewrite_leaves_a_fallback_and_skips_no_one():
    def reply(agent, task, request):
        if task == "rewrite":
            raise OutputInvalid("planted")
        return request.choices[0] if request.choices else "blue [1]"

    tools = ScriptedTools(reply=reply)
    answer = await run("naive_supervisor", tools)

    assert (answer.fallback_because, tools.skipped) == ("supervisor failed: OutputInvalid: planted", [])


async def test_a_single_agent_that_fails_leaves_a_flagged_fallback():
    tools = ScriptedTools(failing={SINGLE_AGENT: OutputInvalid("planted")})
    answer = await run("single_agent", tools)

    assert answer.fallback_because == "single_agent failed: OutputInvalid: planted"
    assert tools.callers == [SINGLE_AGENT, SINGLE_PASS]


@pytest.mark.parametrize("name", [all_five(), "naive_supervisor", "naive+fixed_edges", "guide_dag"])
@pytest.mark.parametrize("kind", [EngineUnreachable, RunError, StoreError])
async def test_what_ends_the_whole_run_is_not_an_agent_s_failure(name, kind):
    tools = ScriptedTools(failing={SYNTHESIZER: kind("planted")})
    with pytest.raises(kind, match="planted"):
        await run(name, tools)

    assert tools.failures == []


class WaitingTools(ScriptedTools):
    """The model never answers one agent."""

    def __init__(self, deadlines):
        super().__init__()
        self.clock = deadlines

    async def ask(self, agent, task, request, **options):
        if agent == SYNTHESIZER:
            self.clock.pass_now()
            await asyncio.Event().wait()
        return await ScriptedTools.ask(self, agent, task, request, **options)


@pytest.mark.parametrize("name", [all_five(), "naive_supervisor"])
async def test_an_agent_past_its_deadline_has_failed_and_the_query_continues_s24(name, deadlines):
    """S24: a timeout per node, beside the one per query."""
    tools = WaitingTools(deadlines)
    answer = await run(name, tools, agent_deadline_s=1.0)

    assert [(failure.agent, failure.error_type) for failure in tools.failures] == [(SYNTHESIZER, "AgentTimeout")]
    assert "exceeded its deadline of 1 s (agent_deadline_s" in tools.failures[0].message
    assert answer.text == "a short answer"


async def test_an_arm_without_another_way_fails_with_its_agent_s_deadline_s24(deadlines):
    """S24."""

    class Waiting(ScriptedTools):
        async def ask(self, *_, **__):
            deadlines.pass_now()
            await asyncio.Event().wait()

    with pytest.raises(AgentTimeout, match="single_pass exceeded its deadline"):
        await run("single_pass", Waiting(), agent_deadline_s=1.0)


async def test_a_timeout_that_an_agent_ran_into_itself_is_not_taken_for_its_deadline():
    tools = ScriptedTools(failing={SYNTHESIZER: TimeoutError("a socket's")})
    await run(all_five(), tools, agent_deadline_s=30.0)

    assert [failure.error_type for failure in tools.failures] == ["TimeoutError"]
