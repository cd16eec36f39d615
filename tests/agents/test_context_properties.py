"""Fitting generated prompts into the window."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from docmind_core.agents.context import USER, Message
from docmind_core.agents.context_state import ContextState
from docmind_core.agents.context_strategies import trim_conversation
from docmind_core.agents.context_window import ContextWindow
from docmind_core.agents.passages import NumberedPassage
from docmind_core.agents.transcript import SEARCH_TOOL, exchanges, turns
from tests.agents.prompts import QUERY, SYSTEM, TAIL, passages, request, tool_result, window, words
from tests.fakes.word_counts import WordPieceCounts

WORDS = ("alpha", "beta.", "Gamma", "delta\n\n", "Is", "it?", "e.g.")
COMMON = (
    *("statement", "exception", "iterator", "mapping", "returns", "the", "of", "a", "generator", "asynchronously"),
    *("unhashable", "e.g.", "object's", "`__init__`", "3.11", "is", "called", "whenever", "raised;", "subclass"),
)
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40)
MESSAGES = st.builds(
    lambda speaker, text: Message(speaker=speaker, text=" ".join(text)),
    st.sampled_from([USER, "query_router", "query_planner", "result_synthesizer", "supervisor", SEARCH_TOOL]),
    TEXTS,
)


@st.composite
def states(draw):
    """Prompts of every make; some have 128K tokens of passages and conversation, drawn small and repeated."""
    times = draw(st.sampled_from([1, 1, 1, 80]))
    texts = draw(st.lists(TEXTS, max_size=8)) * times
    shown = passages(*(f"{' '.join(text)} {words(200 if times > 1 else 0)}" for text in texts))
    history = draw(st.lists(MESSAGES, max_size=16)) * (times // 8 or 1)
    if draw(st.booleans()) and shown:
        half = len(shown) // 2
        history += [Message(speaker="retrieval_expert", text="searching"), tool_result(shown[half:])]
        shown = shown[:half]
    asked = [Message(speaker=USER, text=QUERY)] if draw(st.booleans()) else []
    return ContextState(
        query=QUERY,
        tail=TAIL,
        passages=shown,
        history=(*asked, *history),
        execution_plan=" ".join(draw(TEXTS)) if draw(st.booleans()) else "",
    )


def prose(seed, length):
    """Words of a real text, other ones for each seed, so that nothing is a near-duplicate."""
    draws = random.Random(seed)
    return " ".join(draws.choices(COMMON, k=length))


def large_state():
    """More than 128K tokens, whatever else is drawn."""
    return ContextState(
        query=QUERY,
        tail=TAIL,
        passages=passages(*(f"{prose(number, 200)}." for number in range(700))),
        history=(Message(speaker=USER, text=QUERY), Message(speaker="query_planner", text="look it up")),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states(), budget=st.integers(5, 3_000))
@example(state=large_state(), budget=3_000)
def test_whatever_the_state_it_fits_or_is_refused_and_the_query_is_whole(state, budget):
    """S27, S29, S30, S32: the post-condition, over generated states, some of 128K tokens and more."""
    guard = window(budget)
    fitted = guard.fit(request(state))
    tokens = guard.counts.prompt(SYSTEM, fitted.request.user)

    assert (tokens > budget) == (fitted.overflow is not None)
    assert fitted.request.user.endswith(TAIL)
    after = fitted.request.state
    assert after is not None
    assert (Message(speaker=USER, text=QUERY) in state.history) == (Message(speaker=USER, text=QUERY) in after.history)
    assert [row.tokens_after <= row.tokens_before for row in fitted.reductions] == [True] * len(fitted.reductions)
    known = {(each.number, each.hit.chunk.chunk_id, each.hit.chunk.doc_id) for each in every_passage(state)}
    assert {(each.number, each.hit.chunk.chunk_id, each.hit.chunk.doc_id) for each in every_passage(after)} <= known
    assert_whole(state, after)


def assert_whole(state, after):
    """A turn goes as one; in the current turn, which the query began, a message goes with its tool's results."""
    whole = [shape(exchange) for exchange in exchanges(state.history)]
    assert all(shape(exchange) in whole for exchange in exchanges(after.history)), "a tool's result lost its call"
    whole_turns = [shape(turn) for turn in turns(state.history)]
    for turn in turns(after.history):
        is_current = any(message.text == QUERY for message in turn)
        assert is_current or shape(turn) in whole_turns, "a turn lost a part"


@pytest.mark.parametrize("reserved", [10, 4_096])
@pytest.mark.parametrize("quoting", [False, True], ids=["conversation and passages", "passages in the conversation"])
def test_128k_real_tokens_fit_the_window_by_the_budget_s_formula(reserved, quoting):
    """S25, S27, S29: in each run, by a real tokenizer; 131,072 less the output less ceil(6 %), and turns are whole."""
    said = tuple(
        Message(speaker=speaker, text=f"{speaker} {turn}. {prose(turn, 150)}")
        for turn in range(350)
        for speaker in (USER, "result_synthesizer")
    )
    shown = passages(*(f"{prose(number, 150)} Number {number}." for number in range(300)))
    asked = (Message(speaker=USER, text=QUERY), Message(speaker="retrieval_expert", text="searching"))
    history = (*said, *asked, tool_result(shown)) if quoting else said
    state = ContextState(query=QUERY, tail=TAIL, history=history, passages=() if quoting else shown)
    guard = ContextWindow(max_model_len=131_072, counts=WordPieceCounts())
    sent = replace(request(state), max_tokens=reserved)
    fitted = guard.fit(sent)

    assert fitted.reductions[0].tokens_before > 131_072
    tokens = guard.counts.prompt(SYSTEM, fitted.sendable().user)
    assert tokens == fitted.tokens == fitted.reductions[-1].tokens_after <= 131_072 - reserved - 7_865
    assert fitted.request.user.endswith(TAIL)
    assert_whole(state, fitted.request.state)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states(), budget=st.integers(5, 3_000))
@example(state=large_state(), budget=3_000)
def test_with_a_real_tokenizer_the_post_condition_holds_as_well(state, budget):
    """S27: pieces counted one by one have other seams than the whole; one example has more than 128K tokens."""
    guard = ContextWindow(max_model_len=1_000_000, counts=WordPieceCounts(), context_budget=budget)
    fitted = guard.fit(request(state))

    assert (guard.counts.prompt(SYSTEM, fitted.request.user) > budget) == (fitted.overflow is not None)
    assert fitted.request.user.endswith(TAIL)
    assert_whole(state, fitted.request.state)


@settings(deadline=None)
@given(asked=st.lists(st.sampled_from(["and then?", "why?", QUERY]), max_size=14))
def test_trimming_keeps_turns_by_their_place_also_where_others_say_the_same_s29(asked):
    """S29: of the turns before the query's own, the first and the last five."""
    said = tuple(
        Message(speaker=speaker, text=text)
        for question in asked
        for speaker, text in ((USER, question), ("result_synthesizer", "yes"))
    )
    kept = turns(trim_conversation(ContextState(query=QUERY, history=said), 1, len).history)

    before = [place for place, question in enumerate(asked) if question != QUERY]
    stay = {place for place, question in enumerate(asked) if question == QUERY} | {*before[:1], *before[-5:]}
    assert kept == [turn for place, turn in enumerate(turns(said)) if place in stay]


def every_passage(state) -> list[NumberedPassage]:
    return [*state.passages, *(passage for message in state.history for passage in message.passages)]


def shape(exchange):
    """An exchange without what a tool returned in it, which may be less afterwards."""
    return [
        replace(message, passages=(), text="") if message.speaker == SEARCH_TOOL else message for message in exchange
    ]
