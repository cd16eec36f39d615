import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, SINGLE_PASS, SYNTHESIZER, VALIDATOR
from docmind_core.agents.levels import PerformanceLevel
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.routing_rules import needs_plan, route_by_rules
from docmind_core.errors import EngineUnreachable, OutputInvalid
from docmind_core.retrieval.search import HYBRID, KEYWORD, STRATEGIES
from tests.fakes.scripted_tools import ScriptedTools, all_five, make_context

PLAIN = "what colour is the frobnicator of the house"
COMPOSITE = "what is the difference between a frobnicator and a widget"


async def run_tuned(tools: ScriptedTools, question: str = PLAIN, **context):
    arm = find_arm(all_five())
    return await answer_question(arm, arm.build(), question, make_context(tools, **context))


def replying(**texts: str):
    """Reply by task; anything else is an answer citing passage 2."""

    def reply(agent, task, request):
        return texts.get(task, "yes" if request.choices else "blue [2]")

    return reply


async def test_a_plain_question_costs_one_answer_and_one_check():
    tools = ScriptedTools(reply=replying())
    answer = await run_tuned(tools)

    assert tools.callers == [SYNTHESIZER, VALIDATOR]
    assert set(tools.sequence) == set(AGENTS)
    assert (answer.text, answer.citations, answer.fallback_because) == ("blue", ("doc2#0",), None)


async def test_a_composite_question_is_planned_and_each_search_runs():
    """S14: retrieval waits for router and planner, and runs once per sub-query."""
    plan = '{"sub_queries": ["what is a frobnicator", "what is a widget"]}'
    tools = ScriptedTools(reply=replying(plan=plan))
    await run_tuned(tools, COMPOSITE)

    assert [query for _, query, _ in tools.searches] == [COMPOSITE, "what is a frobnicator", "what is a widget"]


@pytest.mark.parametrize(
    "plan", ["no json", '{"sub_queries": []}', '{"sub_queries": ["' + '", "'.join(["search number"] * 10) + '"]}']
)
async def test_an_unreadable_or_endless_plan_leaves_the_question_itself(plan):
    tools = ScriptedTools(reply=replying(plan=plan))
    answer = await run_tuned(tools, COMPOSITE)

    assert [query for _, query, _ in tools.searches] == [COMPOSITE]
    assert answer.fallback_because is None


async def test_planned_searches_about_something_else_are_dropped():
    tools = ScriptedTools(reply=replying(plan='{"sub_queries": ["capital of France", "frobnicator size"]}'))
    await run_tuned(tools, COMPOSITE)

    assert [query for _, query, _ in tools.searches] == [COMPOSITE, "frobnicator size"]


async def test_the_validator_reads_the_cited_passages_only():
    tools = ScriptedTools(reply=replying(answer="blue [2]"))
    await run_tuned(tools)

    (check,) = [request.user for agent, _, request in tools.calls if agent == VALIDATOR]
    assert "Title 2" in check
    assert "Title 1" not in check


async def test_the_validator_s_prompt_begins_as_the_synthesizer_s_s11():
    """S11: one system prompt and the same passages under the same numbers, so the engine has the beginning cached."""
    tools = ScriptedTools(reply=replying(answer="blue [3] [1]"))
    await run_tuned(tools)

    (answer, check) = (request for _, _, request in tools.calls)
    assert check.system == answer.system == read_prompt("answer")
    assert check.user.startswith("<passages>\n[1] Title 1\nPassage 1 says something.\n\n[3] Title 3\n")
    assert answer.user.startswith("<passages>\n[1] Title 1\nPassage 1 says something.\n\n[2] Title 2\n")
    assert check.user.endswith(f"\n\nAnswer: blue\n\n{read_prompt('check_task')}")


async def test_at_thorough_all_passages_and_the_question_are_shared_s11():
    """S11."""
    tools = ScriptedTools(reply=replying(answer="blue [3]"))
    await run_tuned(tools, level="thorough")

    requests = {task: request.user for _, task, request in tools.calls}
    shared = requests["answer"].removesuffix("Task: answer the question.")
    assert requests["check"].startswith(shared)


async def test_a_cited_passage_keeps_the_number_it_was_cited_by():
    tools = ScriptedTools(reply=replying(answer="blue [2]"))
    await run_tuned(tools)

    assert tools.calls[-1][2].user.startswith("<passages>\n[2] Title 2\n")


async def test_without_citations_the_validator_reads_the_most_similar_passage():
    tools = ScriptedTools(reply=replying(answer="says something"))
    await run_tuned(tools)

    (check,) = [request.user for agent, _, request in tools.calls if agent == VALIDATOR]
    assert check.count("Title") == 1


async def test_a_rejected_answer_is_refined_once_with_passages_not_read_before():
    tools = ScriptedTools(reply=replying(check="no"))
    answer = await run_tuned(tools, strategies=(KEYWORD, HYBRID))

    assert tools.callers == [SYNTHESIZER, VALIDATOR, SYNTHESIZER]
    assert [strategy for strategy, _, _ in tools.searches] == [KEYWORD, HYBRID]
    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc2", "doc6", "doc7", "doc8", "doc9"]


@pytest.mark.parametrize(
    ("hits", "texts"), [(3, {}), (7, {6: "Passage 1 says something.", 7: "Passage 2 says something."})]
)
async def test_a_rejected_answer_stays_where_nothing_is_left_to_read(hits, texts):
    """No refusal that nobody made, and no ranking that was found and then lost."""
    tools = ScriptedTools(hits=hits, texts=texts, reply=replying(check="no", answer="blue"))
    answer = await run_tuned(tools)

    assert tools.callers == [SYNTHESIZER, VALIDATOR]
    assert (answer.text, answer.abstained, answer.fallback_because) == ("blue", False, None)
    assert [hit.chunk.doc_id for hit in answer.passages] == [f"doc{number}" for number in range(1, min(hits, 5) + 1)]
    assert len(answer.candidates) == hits


SAID = "A frobnicator is a device that frobnicates widgets in the dark."


async def test_repeats_give_way_to_the_next_candidates():
    tools = ScriptedTools(reply=replying(), texts={2: SAID, 3: SAID, 5: SAID})
    answer = await run_tuned(tools)

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc1", "doc2", "doc4", "doc6", "doc7"]
    assert len(answer.candidates) == 15, "retrieval metrics judge the ranking, repeats among it"


async def test_a_second_try_reads_no_repeat_of_what_the_first_one_read():
    tools = ScriptedTools(reply=replying(check="no"), texts={1: SAID, 7: SAID})
    answer = await run_tuned(tools, strategies=(KEYWORD, HYBRID))

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc2", "doc6", "doc8", "doc9", "doc10"]


async def test_searches_that_fan_out_are_made_together():
    """S58: so that their queries are embedded in one batch."""
    tools = ScriptedTools(reply=replying(plan='{"sub_queries": ["frobnicator size"]}'))
    await run_tuned(tools, COMPOSITE)

    assert tools.together == [(COMPOSITE, "frobnicator size")] * 2


async def test_a_verdict_that_cannot_be_read_ends_the_query_unchecked():
    tools = ScriptedTools(reply=replying(check="perhaps"))
    await run_tuned(tools)

    assert tools.callers == [SYNTHESIZER, VALIDATOR]


async def test_a_refusal_is_not_checked():
    tools = ScriptedTools(reply=replying(answer="The documents do not answer this."))
    answer = await run_tuned(tools)

    assert (answer.abstained, tools.callers) == (True, [SYNTHESIZER])


async def test_with_no_hits_the_arm_abstains_without_a_call():
    tools = ScriptedTools(hits=0)
    answer = await run_tuned(tools)

    assert (answer.abstained, tools.calls) == (True, [])


@pytest.mark.parametrize("agent", [PLANNER, SYNTHESIZER, VALIDATOR])
async def test_a_failing_agent_leads_to_a_flagged_fallback(agent):
    """S17: fallback by a single pass, flagged."""
    tools = ScriptedTools(reply=replying(), failing={agent: OutputInvalid("planted")})
    answer = await run_tuned(tools, COMPOSITE)

    assert answer.fallback_because == f"{agent} failed: OutputInvalid: planted"
    assert tools.callers[-1] == SINGLE_PASS
    assert answer.text == "blue"


async def test_what_depends_on_a_failed_agent_is_skipped():
    """S17."""
    tools = ScriptedTools(reply=replying(), failing={PLANNER: RuntimeError("planted")})
    await run_tuned(tools, COMPOSITE)

    assert not {RETRIEVER, SYNTHESIZER, VALIDATOR} & set(tools.sequence)


async def test_an_engine_that_is_gone_is_not_an_agent_s_failure():
    tools = ScriptedTools(failing={SYNTHESIZER: EngineUnreachable("gone")})
    with pytest.raises(EngineUnreachable):
        await run_tuned(tools)


@pytest.mark.parametrize("strategies", [(KEYWORD,), STRATEGIES])
async def test_the_router_chooses_among_the_open_strategies(strategies):
    tools = ScriptedTools(reply=replying())
    await run_tuned(tools, strategies=strategies)

    wanted = route_by_rules(PLAIN, PerformanceLevel.BALANCED, now_s=lambda: 0.0).strategy
    assert [strategy for strategy, _, _ in tools.searches] == [wanted if wanted in strategies else KEYWORD]


@pytest.mark.parametrize(
    ("question", "composite"),
    [
        (COMPOSITE, True),
        ("Are both of them American?", True),
        ("What is a list? What is a tuple?", True),
        ("Where is Paris and who founded it?", True),
        ("What does the and operator return?", False),
        (PLAIN, False),
    ],
)
def test_only_questions_about_several_things_need_a_plan(question, composite):
    assert needs_plan(question) == composite
