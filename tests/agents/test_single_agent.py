"""One agent with a search tool: it decides, within bounds, when it has read enough."""

import json

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.routing import SEARCHES_MAX
from tests.fakes.scripted_tools import ScriptedTools, make_context

QUESTION = "what is a frobnicator"


def deciding(*steps):
    """Decide in this order; then answer."""
    waiting = iter(steps)

    def reply(agent, task, request):
        return next(waiting) if request.output is not None else "blue [1]"

    return reply


def step(action, query="something new"):
    return json.dumps({"action": action, "query": query})


async def run(*steps, hits=20):
    tools = ScriptedTools(reply=deciding(*steps), hits=hits)
    arm = find_arm("single_agent")
    return tools, await answer_question(arm, arm.build(), QUESTION, make_context(tools))


async def test_it_searches_in_its_own_words_reads_and_answers():
    tools, answer = await run('{"query": "frobnicator"}', step("answer"))

    assert [query for _, query, _ in tools.searches] == ["frobnicator"]
    assert len(tools.calls) == 3
    assert (answer.text, len(answer.passages)) == ("blue", 5)


async def test_it_may_search_again_and_reads_the_best_of_both():
    tools, answer = await run('{"query": "frobnicator"}', step("search", "widget"), step("answer"))

    assert [query for _, query, _ in tools.searches] == ["frobnicator", "widget"]
    assert len(answer.passages) == 5


async def test_it_stops_after_three_searches():
    steps = [step("search", f"query {number}") for number in range(10)]
    tools, _ = await run('{"query": "frobnicator"}', *steps)
    assert len(tools.searches) == SEARCHES_MAX


@pytest.mark.parametrize("second", [step("search", "frobnicator"), "no json"])
async def test_a_repeated_or_unreadable_decision_ends_in_the_answer(second):
    tools, answer = await run('{"query": "frobnicator"}', second)
    assert (len(tools.searches), answer.text) == (1, "blue")


async def test_an_unreadable_first_search_is_the_question_itself():
    tools, _ = await run("no json", step("answer"))
    assert [query for _, query, _ in tools.searches] == [QUESTION]


async def test_with_no_hits_it_abstains_without_an_answer_call():
    tools, answer = await run('{"query": "frobnicator"}', hits=0)
    assert (answer.abstained, len(tools.calls)) == (True, 1)
