"""The arms that agents have to beat: one without a model, and one model that spends as much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.opponents import PASSES_MAX, TEMPERATURE, majority
from docmind_core.errors import BudgetUnknown
from docmind_core.serving.chat import ChatReply
from docmind_core.serving.token_usage import TokenUsage
from tests.fakes.scripted_tools import ScriptedTools, make_context

QUESTION = "what colour is the frobnicator"
TEXTS = {
    1: "The frobnicator is old. Nobody forgets the frobnicator.",
    3: "It weighs a ton. The frobnicator's colour is blue.",
}
PASS_TOKENS = 110


class BilledTools(ScriptedTools):
    """Every call costs 100 prompt tokens and 10 completion tokens."""

    async def ask(self, *args, **kwargs) -> ChatReply:
        reply = await super().ask(*args, **kwargs)
        usage = TokenUsage(prompt_tokens=100, completion_tokens=PASS_TOKENS - 100, cached_tokens=None)
        return ChatReply(text=reply.text, finish_reason="stop", usage=usage)


async def run(name, tools, **context):
    arm = find_arm(name)
    return await answer_question(arm, arm.build(), QUESTION, make_context(tools, answer_max_tokens=20, **context))


def saying(*answers):
    said = iter(answers)
    return lambda agent, task, request: next(said)


async def test_extractive_answers_with_the_best_sentence_and_asks_no_model():
    tools = ScriptedTools(texts=TEXTS)
    answer = await run("extractive", tools)

    assert (answer.text, answer.citations) == ("The frobnicator's colour is blue.", ("doc3#0",))
    assert (len(answer.passages), len(answer.candidates)) == (5, 15)
    assert tools.calls == []


@pytest.mark.parametrize("name", ["extractive", "single_pass@budget"])
async def test_an_opponent_that_finds_nothing_says_so_and_asks_nothing(name):
    tools = ScriptedTools(hits=0)
    answer = await run(name, tools, budget_tokens=1_000)

    assert (answer.abstained, tools.calls, tools.votes) == (True, [], [])


@pytest.mark.parametrize(
    ("budget", "passes"), [(0, 1), (109, 1), (229, 1), (230, 2), (339, 2), (340, 3), (10**6, PASSES_MAX)]
)
async def test_as_many_passes_are_made_as_stay_within_the_budget_whatever_the_last_one_says(budget, passes):
    """110 tokens a pass, and the next one may take 120: its prompt and its limit."""
    tools = BilledTools(reply=lambda *_: "blue [1]")
    await run("single_pass@budget", tools, budget_tokens=budget)

    assert len(tools.calls) == len(tools.votes) == passes
    assert passes == 1 or passes * PASS_TOKENS <= budget
    assert {vote.budget_tokens for vote in tools.votes} == {budget}
    assert {vote.billed_tokens for vote in tools.votes} == {PASS_TOKENS}


async def test_the_first_pass_is_the_single_pass_and_the_others_are_drawn():
    tools, single = BilledTools(reply=lambda *_: "blue"), ScriptedTools(reply=lambda *_: "blue")
    await run("single_pass@budget", tools, budget_tokens=360)
    await run("single_pass", single)

    requests = [request for _, _, request in tools.calls]
    assert requests[0] == single.calls[0][2]
    assert [request.temperature for request in requests] == [0.0, TEMPERATURE, TEMPERATURE]
    assert len({request.seed for request in requests}) == len({task for _, task, _ in tools.calls}) == 3


async def test_most_votes_win_and_each_pass_is_a_row():
    tools = BilledTools(reply=saying("red [1]", "Blue. [2]", "blue"))
    answer = await run("single_pass@budget", tools, budget_tokens=360)

    assert (answer.text, answer.citations, answer.answered_by) == ("Blue.", ("doc2#0",), "answer_2")
    assert [(vote.answer, vote.votes, vote.chosen) for vote in tools.votes] == [
        ("red", 1, False),
        ("Blue.", 2, True),
        ("blue", 2, False),
    ]


async def test_refusals_in_other_words_are_one_vote():
    refusals = ("The documents do not answer this.", "The passages do not mention it.")
    answer = await run("single_pass@budget", BilledTools(reply=saying("blue", *refusals)), budget_tokens=360)

    assert answer.abstained


async def test_without_a_known_budget_nothing_is_asked():
    tools = ScriptedTools()
    with pytest.raises(BudgetUnknown, match="the tokens of tuned on this query are unknown"):
        await run("single_pass@budget", tools, budget_tokens=None)

    assert tools.calls == []


async def test_a_pass_of_unknown_cost_is_the_last():
    tools = ScriptedTools(reply=lambda *_: "blue")  # whose replies carry no usage
    await run("single_pass@budget", tools, budget_tokens=10**6)

    assert [vote.billed_tokens for vote in tools.votes] == [None]


@given(ballots=st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
def test_the_chosen_ballot_has_the_most_votes_and_is_the_first_of_its_kind(ballots):
    chosen, votes = majority(ballots)

    assert votes == [ballots.count(ballot) for ballot in ballots]
    assert votes[chosen] == max(votes)
    assert all(votes[place] < max(votes) for place in range(chosen))
