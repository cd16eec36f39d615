import copy

import pytest

from docmind_core.agents.arms import ARMS, answer_question, find_arm, honours, lever_arms, reads_otherwise
from docmind_core.agents.arms import _conversation_opening as opening
from docmind_core.agents.context import AGENTS, PLANNER, RETRIEVER, ROUTER, SUPERVISOR, SYNTHESIZER, VALIDATOR, Message
from docmind_core.agents.levers import Lever
from docmind_core.agents.prompt_files import answer_examples, read_prompt
from docmind_core.agents.reranking import ranking_form
from docmind_core.agents.route_choice import strategy_form
from docmind_core.agents.routing import HANDOFFS_MAX, offered_choices
from docmind_core.errors import UsageError
from docmind_core.retrieval.search import KEYWORD, SEMANTIC
from tests.fakes.scripted_tools import ScriptedTools, make_context

QUESTION = "what is a frobnicator"
EVERY_ARM = [*(name for name in ARMS if name != "extractive"), *(arm.name for arm in lever_arms())]


async def run_arm(name: str, tools: ScriptedTools, **context):
    arm = find_arm(name)
    return await answer_question(arm, arm.build(), QUESTION, make_context(tools, **context))


def choosing(*order: str):
    """Reply as a supervisor that picks in this order, and as everybody else plainly."""
    picks = iter(order)

    def reply(agent, task, request):
        if agent == SUPERVISOR and request.choices:
            return next(picks)
        return "yes" if request.choices else "an answer [2]" if request.output is None else "{}"

    return reply


async def test_single_pass_searches_once_and_calls_once():
    tools = ScriptedTools(reply=lambda *_: "an answer [2]")
    answer = await run_arm("single_pass", tools)

    assert (len(tools.searches), tools.callers) == (1, ["single_pass"])
    assert (answer.text, answer.citations) == ("an answer", ("doc2#0",))


async def test_with_no_hits_single_pass_abstains_without_a_call():
    tools = ScriptedTools(hits=0)
    answer = await run_arm("single_pass", tools)

    assert (answer.abstained, tools.calls) == (True, [])


async def test_fixed_routing_pays_for_each_of_the_five_agents_once():
    """S1: five agents behind a supervisor."""
    tools = ScriptedTools()
    await run_arm("naive_supervisor", tools)

    assert [agent for agent in tools.sequence if agent != SUPERVISOR] == list(AGENTS)
    assert tools.callers.count(SUPERVISOR) == 7  # six choices, one rewrite
    assert tools.callers.count(RETRIEVER) == 2  # the search query, the report


async def test_each_agent_has_a_prompt_of_its_own_and_a_typed_form_for_what_it_decides():
    """S1: in the guide, planner, synthesizer and validator have no implementation."""
    tools = ScriptedTools()
    await run_arm("naive_supervisor", tools)

    first = {agent: request for agent, _, request in reversed(tools.calls)}
    assert len({first[agent].system for agent in (*AGENTS, SUPERVISOR)}) == 6
    forms = {agent: sorted(first[agent].output.model_fields) for agent in AGENTS if first[agent].output}
    assert forms == {ROUTER: ["strategy"], PLANNER: ["sub_queries"], RETRIEVER: ["query"]}
    assert first[VALIDATOR].choices == ("yes", "no")
    assert len(tools.searches) == 1


async def test_the_supervisor_rewrites_the_answer():
    tools = ScriptedTools(
        reply=lambda agent, task, request: (
            "rewritten [1]"
            if task == "rewrite"
            else choosing(*AGENTS, "FINISH")(agent, task, request)
            if not request.choices
            else request.choices[0]
        )
    )
    answer = await run_arm("naive_supervisor", tools)

    assert answer.text == "rewritten"


async def test_each_agent_sees_the_whole_history_with_two_messages_per_hand_off():
    tools = ScriptedTools()
    await run_arm("naive_supervisor", tools)

    (validation,) = [request.user for agent, _, request in tools.calls if agent == VALIDATOR]
    assert validation.startswith(f"user: {QUESTION}")
    for agent in AGENTS[:4]:
        assert f"supervisor: Transferring to {agent}." in validation
        assert f"{agent}: Transferring back to supervisor." in validation


async def test_dependencies_routing_ends_when_the_supervisor_finishes_after_an_answer():
    tools = ScriptedTools(reply=choosing(RETRIEVER, SYNTHESIZER, "FINISH"))
    await run_arm("naive_supervisor", tools, routing="dependencies")

    assert [agent for agent in tools.sequence if agent != SUPERVISOR] == [RETRIEVER, SYNTHESIZER]


async def test_free_routing_stops_after_eight_hand_offs():
    tools = ScriptedTools(reply=choosing(*[RETRIEVER] * 20))
    answer = await run_arm("naive_supervisor", tools, routing="free")

    assert tools.sequence.count(RETRIEVER) == HANDOFFS_MAX
    assert answer.text == "an answer"
    chunk_ids = [hit.chunk.chunk_id for hit in answer.candidates]
    assert len(chunk_ids) == len(set(chunk_ids))


async def test_unreadable_decisions_fall_back_to_the_question_and_the_suite_s_strategy():
    def reply(agent, task, request):
        return request.choices[0] if request.choices else "no json at all"

    tools = ScriptedTools(reply=reply)
    await run_arm("naive_supervisor", tools)

    assert [(strategy, query) for strategy, query, _ in tools.searches] == [("keyword_search", QUESTION)]


@pytest.mark.parametrize(
    ("routing", "agents_run", "offered"),
    [
        ("fixed", [], ("query_router",)),
        ("fixed", AGENTS[:3], ("result_synthesizer",)),
        ("fixed", AGENTS, ("FINISH",)),
        ("dependencies", [], ("query_router", "query_planner", "retrieval_expert")),
        ("dependencies", [RETRIEVER], ("query_router", "query_planner", "result_synthesizer")),
        ("dependencies", list(AGENTS), ("FINISH",)),
        ("free", [RETRIEVER] * 3, (*AGENTS, "FINISH")),
    ],
)
def test_the_routing_rule_decides_what_is_offered(routing, agents_run, offered):
    assert offered_choices(routing, agents_run) == offered


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_asks_for_the_same_depth_and_answers_under_the_same_instruction_and_limit(name):
    tools = ScriptedTools()
    context = make_context(tools, top_k=7)
    arm = find_arm(name)
    await answer_question(arm, arm.build(), QUESTION, context)

    assert {depth for _, _, depth in tools.searches} == {context.depth}
    answering = [
        request
        for agent, task, request in tools.calls
        if read_prompt("answer") in f"{request.system}\n{request.user}" and not request.choices
    ]
    assert answering
    assert {request.max_tokens for request in answering} == {64}


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_sends_the_same_worked_examples_as_earlier_turns_before_its_answer_calls_alone(name):
    tools = ScriptedTools()
    await run_arm(name, tools)

    answering = [request for _, _, request in tools.calls if "Task: answer the question." in request.user]
    others = [request for _, _, request in tools.calls if request not in answering]
    assert {request.examples for request in answering} == {answer_examples()}
    assert not any(request.examples for request in others)
    roles = [message["role"] for message in answering[0].body("m")["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_reads_the_same_passages_for_the_same_search(name):
    tools = ScriptedTools()  # none repeats another one
    answer = await run_arm(name, tools, top_k=3)

    read = 1 if chooses(name) else 3
    assert [hit.chunk.chunk_id for hit in answer.passages] == ["doc1#0", "doc2#0", "doc3#0"][:read]
    answering = [request.user for _, _, request in tools.calls if "Task: answer the question." in request.user]
    assert answering
    assert all(f"[{read}] Title {read}" in user and f"[{read + 1}]" not in user for user in answering)


def chooses(name):
    """Whether an arm reads the best of the passages alone; these are all equally good."""
    chosen = "the best for each search" in reads_otherwise(find_arm(name))
    assert chosen == (Lever.PASSAGE_CHOICE in find_arm(name).levers)
    return chosen


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_reads_as_many_passages_where_some_repeat_others(name):
    """With dedupe the next ones are read instead of the repeats, so that dedupe saves no tokens by reading less."""
    said = "A frobnicator is a device that frobnicates widgets in the dark."
    tools = ScriptedTools(texts={1: said, 2: said, 4: f"{said} It is blue."})
    answer = await run_arm(name, tools, top_k=3)

    repeats_replaced = "repeats replaced" in reads_otherwise(find_arm(name))
    wanted = ["doc1#0", "doc3#0", "doc4#0"] if repeats_replaced else ["doc1#0", "doc2#0", "doc3#0"]
    assert [hit.chunk.chunk_id for hit in answer.passages] == (wanted[:1] if chooses(name) else wanted)
    assert repeats_replaced == (Lever.DEDUPE in find_arm(name).levers)


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_honours_the_parts_of_the_level_that_it_is_said_to(name):
    """S37."""
    parts = honours(find_arm(name))
    thorough, fast = ScriptedTools(), ScriptedTools()
    for tools, level in ((thorough, "thorough"), (fast, "fast")):
        arm, question = find_arm(name), "what is the difference between a frobnicator and a widget"
        context = make_context(tools, level=level, strategies=(KEYWORD, SEMANTIC))
        await answer_question(arm, arm.build(), question, context)
        assert {depth for _, _, depth in tools.searches} == {context.depth}

    assert ("rerank" in parts) == bool(thorough.reranks)
    assert ("router" in parts) == (1.0 in [deadline_s for _, deadline_s in thorough.deadlines])
    if PLANNER in thorough.callers:
        assert ("planner" in parts) == (PLANNER not in fast.callers)
    if VALIDATOR in thorough.callers:
        assert bool({"validator", "no check at fast"} & set(parts)) == (VALIDATOR not in fast.callers)


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_the_question_is_in_every_prompt_of_every_arm_s32(name):
    """S32: the query is never trimmed."""
    tools = ScriptedTools()
    await run_arm(name, tools)

    assert tools.calls
    assert all(QUESTION in request.user for _, _, request in tools.calls)


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_no_arm_changes_the_state_it_was_given_s23(name):
    """S23: for every arm."""
    arm = find_arm(name)
    context = make_context(ScriptedTools(), levers=arm.levers)
    state = arm.opening(QUESTION, context)
    before = copy.deepcopy(state)
    await arm.build().ainvoke(state, {"recursion_limit": arm.steps_max}, context=context)

    assert state == before


def test_the_conversation_opens_with_the_question_alone():
    state = opening(QUESTION, make_context(ScriptedTools()))
    assert [message.text for message in state["history"]] == [QUESTION]


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_every_arm_answers_with_the_same_earlier_turns_before_it(name):
    """S29: once, whole, in their order, in parts that the context window may trim."""
    tools = ScriptedTools()
    said = [("user", "Is it old?"), ("assistant", "Yes.\n\nVery."), ("user", "How old?"), ("assistant", "Ten years.")]
    await run_arm(name, tools, earlier=tuple(Message(speaker=speaker, text=text) for speaker, text in said))

    rendered = "user: Is it old?\n\nassistant: Yes.\n\nVery.\n\nuser: How old?\n\nassistant: Ten years."
    answering = [request for _, _, request in tools.calls if "Task: answer the question." in request.user]
    assert answering
    assert [request.user.count(rendered) for request in answering] == [1] * len(answering)
    kept = [request.state.history[: len(said)] for request in answering]
    assert [[(each.speaker, each.text) for each in history] for history in kept] == [said] * len(answering)


def test_an_unknown_arm_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="naive_supervisor"):
        find_arm("fastest")


@pytest.mark.parametrize("name", EVERY_ARM)
async def test_no_arm_answers_with_its_thinking_or_lets_another_agent_read_it(name):
    def think(agent, task, request):
        said = request.choices[0] if request.choices else "an answer [1]" if request.output is None else "{}"
        return f"<think>Lyon or [3]?</think>{said}"

    tools = ScriptedTools(reply=think)
    answer = await run_arm(name, tools)

    assert (answer.text, answer.citations, answer.reasoning) == ("an answer", ("doc1#0",), "Lyon or [3]?")
    assert not any("Lyon" in request.user for _, _, request in tools.calls)


def test_a_form_is_made_once_for_all_queries():
    """A class of its own for each query is kept for good with its schema: 16 KiB a query."""
    assert strategy_form((KEYWORD, SEMANTIC)) is strategy_form((KEYWORD, SEMANTIC))
    assert ranking_form(20, 5) is ranking_form(20, 5)
