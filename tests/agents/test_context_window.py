"""Fitting prompts into the window."""

import copy
from dataclasses import replace

import pytest

from docmind_core.agents.context import PLANNER, ROUTER, USER, Message
from docmind_core.agents.context_state import HISTORY, PASSAGES, ContextState, LaidOutRequest, laid_out
from docmind_core.agents.context_strategies import (
    STRATEGIES,
    compress_results,
    preserve_priorities,
    remove_redundancy,
    trim_conversation,
)
from docmind_core.agents.context_window import ContextWindow, prompt_budget
from docmind_core.agents.passages import render_numbered
from docmind_core.agents.transcript import render_history, turns
from docmind_core.errors import ContextOverflow
from docmind_core.serving.chat import ChatRequest
from tests.agents.prompts import QUERY, SYSTEM, TAIL, conversation, passages, request, tool_result, window, words
from tests.fakes.word_counts import WordCounts

ASKED = f"Question: {QUERY}"


def test_the_budget_is_the_window_less_the_output_less_six_percent_rounded_up():
    """S25: ceil(0.06 * 131,072) = 7,865, where the guide's int() gives 7,864."""
    assert prompt_budget(131_072, 1_000) == 131_072 - 1_000 - 7_865
    assert prompt_budget(8_192, 256) == 8_192 - 256 - 492


@pytest.mark.parametrize("budget", [2_048, 4_096, 8_192])
def test_the_budget_mode_limits_an_agent_on_ordinary_queries(budget):
    """S36."""
    assert prompt_budget(131_072, 64, context_budget=budget) == budget
    assert prompt_budget(2_048, 64, context_budget=budget) == 2_048 - 64 - 123


def test_a_prompt_that_fits_is_sent_as_it_is():
    """S26: the same request, no copy, no row."""
    asked = request(ContextState(query=QUERY, tail=TAIL, passages=passages("short")))
    fitted = window(1_000).fit(asked)

    assert fitted.sendable() is asked
    assert fitted.reductions == ()


def test_fitting_changes_nothing_of_the_state_it_was_given():
    """S26."""
    state = ContextState(
        query=QUERY, tail=TAIL, passages=passages(words(200), words(200)), history=conversation(9), execution_plan="p"
    )
    before = copy.deepcopy(state)
    window(100).fit(request(state))

    assert state == before


def test_the_strategies_run_in_the_guide_s_order_and_stop_as_soon_as_it_fits():
    """S27, S34: a row each, each beginning where the one before ended."""
    state = ContextState(
        query=QUERY, tail=TAIL, passages=passages(words(60), words(60, "other")), history=conversation(9)
    )
    by_budget = {
        budget: [row.strategy for row in window(budget).fit(request(state)).reductions] for budget in (500, 400, 60)
    }
    rows = window(60).fit(request(state)).reductions

    assert [name for name, _ in STRATEGIES] == by_budget[60]
    assert by_budget[500] == ["conversation_trimming"]
    assert by_budget[400] == ["conversation_trimming", "result_compression"]
    assert [row.tokens_before for row in rows[1:]] == [row.tokens_after for row in rows[:-1]]
    assert [row.fits for row in rows] == [False, False, False, True]


def test_each_row_says_how_long_its_strategy_took():
    """S34, on a clock of the test's own."""
    ticks = iter(range(100))
    state = ContextState(query=QUERY, tail=TAIL, passages=passages(words(60)), history=conversation(9))
    rows = window(60, clock=lambda: float(next(ticks))).fit(request(state)).reductions

    assert [row.duration_s for row in rows] == [1.0] * len(rows)


def test_a_prompt_that_can_not_fit_is_refused_with_its_numbers():
    """S27: never sent; the guide returned 175,656 tokens for a limit of 123,208."""
    fitted = window(10).fit(request(ContextState(query=QUERY, tail=TAIL, passages=passages(words(50)))))

    with pytest.raises(ContextOverflow, match=r"doesn't fit the budget of 10 .* was not sent\. Shorten the query"):
        fitted.sendable()
    assert fitted.reductions[-1].tokens_after > 10


def test_a_prompt_without_parts_is_refused_with_a_row():
    """S27."""
    fitted = window(10).fit(ChatRequest(system=SYSTEM, user=words(50), max_tokens=10))

    assert [row.strategy for row in fitted.reductions] == ["none"]
    with pytest.raises(ContextOverflow):
        fitted.sendable()


def test_everything_that_is_sent_is_counted():
    """S28: passages inside of messages, plan and route among it."""
    shown = passages("alpha beta")
    state = ContextState(
        query=QUERY, tail=TAIL, history=(tool_result(shown),), execution_plan="the plan", routing_decision="the route"
    )
    assert all(text in state.render() for text in ("alpha beta", "the plan", "the route", QUERY))
    asked = request(state)
    assert window(1_000).fit(asked).tokens == WordCounts().prompt(asked.system, state.render())


@pytest.mark.parametrize(
    ("over", "speakers"),
    [(20, [USER, ROUTER, PLANNER]), (50, [USER, ROUTER]), (80, [USER])],
)
def test_in_a_conversation_what_was_decided_outlives_what_was_said(over, speakers):
    """S32, S33: query, route, plan, then the rest; in the naive arms they are messages like the others."""
    said = ((USER, QUERY), (ROUTER, words(30)), (PLANNER, words(30)), ("result_synthesizer", words(30)))
    history = tuple(Message(speaker=speaker, text=text) for speaker, text in said)
    kept = preserve_priorities(ContextState(query=QUERY, tail=TAIL, history=history), over, WordCounts().text)

    assert [message.speaker for message in kept.history] == speakers


def test_trimming_keeps_the_first_turn_and_the_last_five_whole():
    """S29: a turn is a user's message and everything until the next one, not a list item."""
    state = ContextState(query=QUERY, tail=TAIL, history=conversation(9))
    kept = turns(trim_conversation(state, 1, WordCounts().text).history)

    assert kept == [turns(state.history)[0], *turns(state.history)[-5:]]


def test_six_turns_are_not_trimmed():
    """S29."""
    state = ContextState(query=QUERY, tail=TAIL, history=conversation(6))
    assert trim_conversation(state, 10_000, WordCounts().text) == state


def test_compression_keeps_identity_and_says_what_was_cut():
    """S30: id, document, title, score and number stay; a cut text is marked, with its original length."""
    relevant = "The frobnicator does wonderful things to every single gadget in the whole wide house."
    text = f"{words(40)}. {relevant} {words(40, 'Other')}."
    state = ContextState(query=QUERY, tail=TAIL, passages=passages("First passage says much.", text))
    (first, second) = compress_results(state, 40, WordCounts().text).passages

    assert first == state.passages[0]
    assert relevant in second.hit.chunk.text
    assert (second.hit.chunk.chunk_id, second.number, second.hit.score) == ("doc2#0", 2, 0.5)
    assert second.whole_tokens == len(text.split())
    assert "[...]" in render_numbered([second])


def test_compression_drops_the_worst_passages_and_keeps_the_numbers_of_the_rest():
    """S30: citations of what stays still point at it."""
    state = ContextState(query=QUERY, tail=TAIL, passages=passages(*[words(30, f"p{n}_") for n in range(10)]))
    kept = compress_results(state, 150, WordCounts().text).passages

    assert [passage.number for passage in kept] == list(range(1, len(kept) + 1))
    assert 4 <= len(kept) <= 6


def test_nearly_equal_chunks_of_different_documents_are_one_with_both_sources():
    """S31: across chunks, the first stays and names the other."""
    text = words(60)
    nearly = text.replace("word59", "changed")
    state = ContextState(query=QUERY, tail=TAIL, passages=passages(text, nearly, words(60, "else")))
    kept = remove_redundancy(state, 1, WordCounts().text).passages

    assert [(passage.hit.chunk.chunk_id, passage.same_as) for passage in kept] == [
        ("doc1#0", ("doc2#0",)),
        ("doc3#0", ()),
    ]


@pytest.mark.parametrize("copies", [1, 2])
def test_an_exact_copy_goes_also_where_others_share_a_quarter_of_it(copies):
    """S31: 27 % boilerplate that a third passage holds first; what is left out is still counted as read."""
    boilerplate = words(27, "boiler")
    copied = f"{boilerplate} {words(73, 'own')}"
    state = ContextState(
        query=QUERY, tail=TAIL, passages=passages(f"{boilerplate} {words(73, 'other')}", copied, *[copied] * copies)
    )
    kept = remove_redundancy(state, 1, WordCounts().text)

    copies_ids = tuple(f"doc{number}#0" for number in range(3, 3 + copies))
    assert [(passage.hit.chunk.chunk_id, passage.same_as) for passage in kept.passages] == [
        ("doc1#0", ()),
        ("doc2#0", copies_ids),
    ]
    assert {chunk_id: kept.shown[chunk_id] for chunk_id in copies_ids} == dict.fromkeys(copies_ids, copied)


def test_a_chunk_that_is_cut_is_shown_as_it_was_cut_and_so_are_those_it_represents():
    (passage,) = passages("Whole.")
    state = ContextState(query=QUERY, passages=(replace(passage, same_as=("doc9#0",)),))

    assert state.shown == {"doc1#0": "Whole.", "doc9#0": "Whole."}


def test_repeated_sentences_go_and_short_ones_code_and_abbreviations_stay():
    """S31: "e.g. " ends no sentence; "?" and "!" do; code and short repeats are left alone."""
    repeated = "The quick brown fox jumps over the lazy dog today!"
    abbreviated = "Mappings, e.g. Dictionaries of version 3.11, are iterated in the order of insertion."
    code = ">>> print('The quick brown fox jumps over the lazy dog')"
    first = f"{repeated} {abbreviated} Note this. {words(30)}."
    second = f"Is it so? {repeated} Note this. {words(30, 'Fresh')}.\n\n{code}\n\n{code}"
    state = ContextState(query=QUERY, tail=TAIL, passages=passages(first, second))
    kept = remove_redundancy(state, 1, WordCounts().text).passages

    assert kept[0].hit.chunk.text == first
    assert repeated not in kept[1].hit.chunk.text
    assert kept[1].hit.chunk.text.startswith("Is it so? Note this.")
    assert kept[1].hit.chunk.text.count(code) == 2


def test_the_lowest_priority_goes_first_and_the_query_never():
    """S32: conversation, then results, then plan, then route."""
    shown = passages(words(40))
    state = ContextState(
        query=QUERY,
        tail=TAIL,
        passages=shown,
        history=(Message(speaker=USER, text=QUERY), Message(speaker="result_synthesizer", text=words(40))),
        execution_plan=words(20, "plan"),
        routing_decision=words(20, "route"),
    )

    def left(budget):
        alone = window(budget, strategies=(("priority_preservation", preserve_priorities),))
        prompt = alone.fit(request(state)).sendable().user
        return [mark in prompt for mark in ("result_synthesizer", "word39", "plan19", "route19", QUERY)]

    assert left(130) == [False, True, True, True, True]
    assert left(75) == [False, False, True, True, True]
    assert left(50) == [False, False, False, True, True]
    assert left(30) == [False, False, False, False, True]


def test_the_plan_is_cut_to_the_token():
    """S33: no more than needed, at a word."""
    state = ContextState(query=QUERY, tail=TAIL, execution_plan=words(100))
    fitted = window(60).fit(request(state))

    assert fitted.reductions[-1].tokens_after == 60


def test_a_state_of_more_than_128k_tokens_fits_the_guide_s_window():
    """S25, S27: 60 turns and 600 passages of 200 words, each with ids of its own."""
    state = ContextState(
        query=QUERY,
        tail=TAIL,
        passages=passages(*[words(200, f"p{number}_") for number in range(600)]),
        history=conversation(60, length=200),
    )
    guard = ContextWindow(max_model_len=131_072, counts=WordCounts())
    fitted = guard.fit(request(state))

    assert fitted.reductions[0].tokens_before > 140_000
    assert guard.counts.prompt(SYSTEM, fitted.sendable().user) <= 131_072 - 10 - 7_865
    assert len(turns(fitted.request.state.history)) == 6


@pytest.mark.parametrize("layout", [(PASSAGES, ASKED), (ASKED, PASSAGES), (HISTORY, ASKED)])
def test_a_prompt_has_its_parts_in_the_order_of_its_layout(layout):
    """S28: any order; a tool's result is shortened by the passages it shows."""
    shown = passages("first", "second")
    history = (*conversation(1), tool_result(shown)) if HISTORY in layout else ()
    state = ContextState(query=QUERY, passages=() if history else shown, history=history, layout=layout)
    found = laid_out(state, system=SYSTEM, max_tokens=10)
    texts = {PASSAGES: render_numbered(shown), HISTORY: render_history(history), ASKED: ASKED}

    assert isinstance(found, LaidOutRequest)
    assert found.user == "\n\n".join(texts[part] for part in layout)
    assert set(found.state.shown) == {"doc1#0", "doc2#0"}


def test_a_prompt_without_passages_or_conversation_has_nothing_to_shorten():
    state = ContextState(query=QUERY, layout=(HISTORY, PASSAGES, ASKED))
    assert laid_out(state, system=SYSTEM, max_tokens=10) == ChatRequest(system=SYSTEM, user=ASKED, max_tokens=10)
