"""What `tuned` loses with each lever left out, and saves without its validator."""

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SINGLE_PASS, SYNTHESIZER, VALIDATOR
from docmind_core.errors import OutputInvalid
from tests.agents.test_naive_levers import RepeatingTools
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context

PLAIN = "what colour is the frobnicator of the house"
COMPOSITE = "what is the difference between a frobnicator and a widget"
PLAN = '{"sub_queries": ["what is a frobnicator", "what is a widget"]}'


def reply(agent, task, request):
    if request.choices:
        return "yes"
    if request.output is None:
        return "blue [1]"
    return PLAN if agent == PLANNER else '{"query": "blue frobnicator"}' if agent == RETRIEVER else "{}"


async def run(name, question=PLAIN, tools=None, **context):
    tools = tools or ScriptedTools(reply=reply)
    arm = find_arm(name)
    answer = await answer_question(arm, arm.build(), question, make_context(tools, **context))
    return tools, answer


def prompt(tools, agent):
    (request,) = [request for caller, _, request in tools.calls if caller == agent]
    return request.user


async def test_without_parallel_tools_the_same_work_is_done_in_turn():
    """S9, S14: searches of the sub-queries fan out, or run in turn."""
    tools, answer = await run(all_five("parallel_tools"), COMPOSITE)
    before, expected = await run(all_five(), COMPOSITE)

    assert tools.sequence == list(AGENTS)
    assert before.sequence.count(RETRIEVER) == 3
    assert tools.searches == before.searches
    assert [request for _, _, request in tools.calls] == [request for _, _, request in before.calls]
    assert answer == expected


async def test_without_specialization_router_planner_and_retriever_ask_the_model():
    tools, _ = await run(all_five("specialization"))
    before, _ = await run(all_five())

    assert before.callers == [SYNTHESIZER, VALIDATOR]
    assert sorted(tools.callers[:2]) == sorted([ROUTER, PLANNER])
    assert RETRIEVER in tools.callers
    assert {query for _, query, _ in tools.searches} == {"blue frobnicator"}


async def test_without_context_isolation_synthesizer_and_validator_read_what_was_said_before():
    tools, _ = await run(all_five("context_isolation"))
    before, _ = await run(all_five())

    for agent in (SYNTHESIZER, VALIDATOR):
        assert prompt(tools, agent).startswith(f"user: {PLAIN}\n\nquery_router: keyword_search\n\nquery_planner: ")
        assert not prompt(before, agent).startswith("user: ")
    assert prompt(tools, VALIDATOR).count("Title") == 5
    assert prompt(before, VALIDATOR).count("Title") == 1


async def test_without_dedupe_repeated_passages_are_read_twice_s31():
    """S31."""
    _, answer = await run(all_five("dedupe"), tools=RepeatingTools(reply=reply))
    _, before = await run(all_five(), tools=RepeatingTools(reply=reply))

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc1", "doc2", "doc3"]
    assert [hit.chunk.doc_id for hit in before.passages] == ["doc1", "doc3"]
    assert answer.candidates == before.candidates, "retrieval is judged on the same ranking"


async def test_without_prefix_order_the_question_comes_before_the_passages():
    tools, _ = await run(all_five("prefix_order"))
    before, _ = await run(all_five())

    for agent in (SYNTHESIZER, VALIDATOR):
        assert prompt(tools, agent).startswith("Question: ")
        assert prompt(before, agent).startswith("<passages>")
        assert sorted(prompt(tools, agent).split()) == sorted(prompt(before, agent).split())


async def test_with_no_validation_one_call_is_left_and_nothing_is_tried_again():
    tools, _ = await run("tuned")
    assert tools.callers == [SYNTHESIZER]


@pytest.mark.parametrize("name", ["tuned-parallel_tools", "tuned", "tuned-no_validation", "tuned-specialization"])
async def test_a_failing_agent_leads_to_a_flagged_fallback_in_every_variant_s17(name):
    """S17."""
    tools = ScriptedTools(reply=reply, failing={PLANNER: OutputInvalid("planted")})
    _, answer = await run(name, COMPOSITE, tools)

    assert answer.fallback_because == "query_planner failed: OutputInvalid: planted"
    assert tools.callers[-1] == SINGLE_PASS


async def test_of_the_passages_found_the_one_with_the_best_sentence_is_read():
    texts = {1: "The frobnicator is old. Nobody forgets the frobnicator.", 3: "The colour of the frobnicator is blue."}
    tools, answer = await run("tuned", "what colour is the frobnicator", ScriptedTools(reply=reply, texts=texts))
    before, _ = await run(
        "tuned-passage_choice", "what colour is the frobnicator", ScriptedTools(reply=reply, texts=texts)
    )

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc3"]
    assert prompt(tools, SYNTHESIZER).count("Title") == 1
    assert prompt(before, SYNTHESIZER).count("Title") == 5
    assert tools.searches == before.searches


async def test_a_question_of_two_parts_reads_the_best_passage_of_each():
    texts = {2: "A frobnicator weighs a ton.", 4: "A widget weighs a gram.", 5: "A gadget weighs nothing."}
    _, answer = await run("tuned", COMPOSITE, ScriptedTools(reply=reply, texts=texts))

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc2", "doc4"]
