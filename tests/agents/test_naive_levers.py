"""Each lever of the baseline moves what it says, and nothing else."""

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SUPERVISOR, SYNTHESIZER, VALIDATOR
from docmind_core.agents.routing import offered_choices
from docmind_core.retrieval.search import KEYWORD
from tests.fakes.scripted_tools import ScriptedTools, make_context, make_hit

QUESTION = "what is a frobnicator"
RETURNING, TRANSFERRING = "Transferring back to supervisor.", "Transferring to"


class RepeatingTools(ScriptedTools):
    """Finds the same long passage in two documents."""

    async def search(self, strategy, query, depth, *, together=()):
        self.searches.append((strategy, query, depth))
        text = "A frobnicator is a device that frobnicates widgets in the dark."
        return (make_hit(1, text=text), make_hit(2, text=text), make_hit(3, text="Something else entirely, said once."))


async def run(levers: str, tools: ScriptedTools | None = None, question: str = QUESTION, **context):
    tools = tools or ScriptedTools()
    arm = find_arm(f"naive{levers}" if levers else "naive_supervisor")
    answer = await answer_question(arm, arm.build(), question, make_context(tools, **context))
    return tools, answer


def prompts(tools, *agents):
    return [request.user for agent, _, request in tools.calls if agent in (agents or (*AGENTS, SUPERVISOR))]


def length(tools):
    return sum(len(request.system) + len(request.user) for _, _, request in tools.calls)


def tasks(tools):
    return [task for _, task, _ in tools.calls]


async def test_fixed_edges_take_out_every_supervisor_turn_and_keep_the_agents_in_order():
    tools, answer = await run("+fixed_edges")

    assert SUPERVISOR not in tools.callers
    assert tools.sequence == list(AGENTS)
    assert not any(RETURNING in prompt or TRANSFERRING in prompt for prompt in prompts(tools))
    assert answer.text == "a short answer"


async def test_parallel_tools_dispatch_router_and_planner_in_one_turn_s14():
    """S11, S14: parallel tool calls; nobody who was dispatched is dropped."""
    before, _ = await run("")
    tools, _ = await run("+parallel_tools")

    assert tools.callers.count(SUPERVISOR) == before.callers.count(SUPERVISOR) - 1
    assert sorted(set(tools.callers)) == sorted(set(before.callers)), "a dispatched agent is never dropped"
    (planning,) = prompts(tools, PLANNER)
    assert "query_router: {" not in planning, "they run at once: neither reads the other"
    assert f"{TRANSFERRING} query_router and query_planner." in planning


async def test_fixed_edges_and_parallel_tools_go_together():
    tools, answer = await run("+fixed_edges+parallel_tools")

    assert set(tools.sequence[:2]) == {ROUTER, PLANNER}
    assert tools.sequence[2:] == list(AGENTS[2:])
    assert answer.text == "a short answer"


@pytest.mark.parametrize(
    ("routing", "agents_run", "offered"),
    [
        ("fixed", [], ("query_router and query_planner",)),
        ("fixed", [ROUTER, PLANNER], (RETRIEVER,)),
        ("dependencies", [ROUTER, PLANNER], (RETRIEVER,)),
        ("dependencies", [RETRIEVER, PLANNER], (ROUTER, SYNTHESIZER, f"{ROUTER} and {SYNTHESIZER}")),
        ("free", [RETRIEVER] * 7, (*AGENTS, "FINISH")),
        ("free", [RETRIEVER] * 6, (*AGENTS, f"{ROUTER} and {PLANNER}", "FINISH")),
    ],
)
def test_parallel_tools_offer_a_dispatch_list_that_fits_the_hand_offs_left(routing, agents_run, offered):
    assert offered_choices(routing, agents_run, parallel=True) == offered


async def test_specialization_calls_the_model_only_where_an_agent_needs_it():
    """S9."""
    tools, _ = await run("+specialization")

    assert [agent for agent in tools.callers if agent != SUPERVISOR] == [SYNTHESIZER, VALIDATOR]
    assert tools.sequence.count(RETRIEVER) == 1
    assert [query for _, query, _ in tools.searches] == [QUESTION]


async def test_specialization_plans_a_composite_question_and_runs_what_was_planned():
    plan = '{"sub_queries": ["what is a frobnicator", "what is a widget"]}'
    tools = ScriptedTools(
        reply=lambda agent, task, request: request.choices[0] if request.choices else plan if agent == PLANNER else "x"
    )
    question = "what is the difference between a frobnicator and a widget"
    await run("+specialization", tools, question)

    assert [query for _, query, _ in tools.searches] == [question, "what is a frobnicator", "what is a widget"]


async def test_context_isolation_shows_workers_their_inputs_and_the_supervisor_everything():
    """S9, S11: state compression and context sharing as an arm of its own."""
    tools, _ = await run("+context_isolation")

    assert prompts(tools, ROUTER) == [f"Question: {QUESTION}\n\nTask: choose the search strategy."]
    assert not any(TRANSFERRING in prompt for prompt in prompts(tools, *AGENTS))
    assert all("Title 5" in prompt for prompt in prompts(tools, SYNTHESIZER, VALIDATOR))
    assert "Answer: a short answer" in prompts(tools, VALIDATOR)[0]
    assert prompts(tools, SUPERVISOR) == prompts((await run(""))[0], SUPERVISOR)


async def test_dedupe_drops_a_passage_that_repeats_another_one_s31():
    """S31."""
    tools, answer = await run("+dedupe", RepeatingTools())
    _, before = await run("", RepeatingTools())

    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc1", "doc3"]
    assert [hit.chunk.doc_id for hit in before.passages] == ["doc1", "doc2", "doc3"]
    assert all("doc2" not in prompt and "Title 2" not in prompt for prompt in prompts(tools))


async def test_dedupe_drops_what_an_earlier_search_found_already():
    def reply(agent, task, request):
        picks = {"choose_1": RETRIEVER, "choose_2": RETRIEVER, "choose_3": "FINISH"}
        return picks.get(task, "x")

    _, answer = await run("+dedupe", RepeatingTools(reply=reply), routing="free")
    assert [hit.chunk.doc_id for hit in answer.passages] == ["doc1", "doc3"]


async def test_prefix_order_gives_all_calls_one_system_prompt_and_the_conversation_as_their_prefix():
    tools, _ = await run("+prefix_order")

    assert len({request.system for _, _, request in tools.calls}) == 1
    assert all(prompt.startswith(f"user: {QUESTION}\n\n") for prompt in prompts(tools))
    assert tasks(tools) == tasks((await run(""))[0])


async def test_no_validation_takes_out_the_validator_and_its_turn():
    before, _ = await run("")
    tools, _ = await run("+no_validation")

    assert VALIDATOR not in tools.sequence
    assert len(tools.calls) == len(before.calls) - 2


@pytest.mark.parametrize("routing", ["dependencies", "free"])
def test_no_validation_never_offers_the_validator(routing):
    assert VALIDATOR not in " ".join(offered_choices(routing, [RETRIEVER, SYNTHESIZER], agents=AGENTS[:4]))


async def test_no_handoff_messages_leave_out_both_and_nothing_else():
    before, _ = await run("")
    tools, _ = await run("+no_handoff_messages")

    assert not any(RETURNING in prompt or TRANSFERRING in prompt for prompt in prompts(tools))
    assert tasks(tools) == tasks(before)
    assert length(tools) < length(before)


async def test_last_message_only_keeps_tool_output_out_of_what_the_supervisor_reads():
    before, _ = await run("")
    tools, answer = await run("+last_message_only")

    choosing = [request.user for agent, task, request in tools.calls if task.startswith("choose")]
    assert not any("search_tool" in prompt or "<passages>" in prompt for prompt in choosing)
    answering = [*prompts(tools, SYNTHESIZER, VALIDATOR), tools.calls[-1][2].user]
    assert all(prompt.count("[5] Title 5") == 1 for prompt in answering), "who answers still reads every passage"
    assert len(answer.passages) == 5
    assert length(tools) < length(before)


async def test_forward_message_takes_the_synthesizer_s_answer_as_it_is():
    tools = ScriptedTools(
        reply=lambda agent, task, request: (
            request.choices[0] if request.choices else "forwarded [2]" if agent == SYNTHESIZER else "{}"
        )
    )
    _, answer = await run("+forward_message", tools)

    assert "rewrite" not in tasks(tools)
    assert (answer.text, answer.citations) == ("forwarded", ("doc2#0",))


async def test_forward_message_writes_the_answer_where_no_synthesizer_has():
    tools = ScriptedTools(reply=lambda agent, task, request: "FINISH" if request.choices else "written")
    _, answer = await run("+forward_message", tools, routing="free")

    assert (tasks(tools), answer.text) == (["choose_1", "rewrite"], "written")


async def test_the_baseline_s_prompts_are_those_it_always_had():
    tools, _ = await run("", strategies=(KEYWORD,))

    request = tools.calls[1][2]
    assert request.user == (
        f"user: {QUESTION}\n\nsupervisor: Transferring to query_router.\n\nTask: choose the search strategy."
    )
