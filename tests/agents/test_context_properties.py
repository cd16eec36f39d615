"""Fitting generated prompts into the window."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docmind_core.agents.context_state import ContextState
from docmind_core.agents.messages import USER
from docmind_core.agents.passages import NumberedPassage
from docmind_core.agents.turns import SEARCH_TOOL, Utterance, exchanges
from tests.agents.prompts import QUERY, SYSTEM, TAIL, passages, request, tool_result, window, words

WORDS = ("alpha", "beta.", "Gamma", "delta\n\n", "Is", "it?", "e.g.")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40)
MESSAGES = st.builds(
    lambda speaker, text: Utterance(speaker=speaker, text=" ".join(text)),
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
        history += [Utterance(speaker="retrieval_expert", text="searching"), tool_result(shown[half:])]
        shown = shown[:half]
    asked = [Utterance(speaker=USER, text=QUERY)] if draw(st.booleans()) else []
    return ContextState(
        query=QUERY,
        tail=TAIL,
        passages=shown,
        history=(*asked, *history),
        execution_plan=" ".join(draw(TEXTS)) if draw(st.booleans()) else "",
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states(), budget=st.integers(5, 3_000))
def test_whatever_the_state_it_fits_or_is_refused_and_the_query_is_whole(state, budget):
    """S27, S29, S30, S32: the post-condition, over generated states, some of 128K tokens and more."""
    guard = window(budget)
    fitted = guard.fit(request(state))
    tokens = guard.counts.prompt(SYSTEM, fitted.request.user)

    assert (tokens > budget) == (fitted.overflow is not None)
    assert fitted.request.user.endswith(TAIL)
    after = fitted.request.state
    assert after is not None
    assert (Utterance(speaker=USER, text=QUERY) in state.history) == (
        Utterance(speaker=USER, text=QUERY) in after.history
    )
    assert [row.tokens_after <= row.tokens_before for row in fitted.reductions] == [True] * len(fitted.reductions)
    known = {(each.number, each.hit.chunk.chunk_id, each.hit.chunk.doc_id) for each in every_passage(state)}
    assert {(each.number, each.hit.chunk.chunk_id, each.hit.chunk.doc_id) for each in every_passage(after)} <= known
    whole = [shape(exchange) for exchange in exchanges(state.history)]
    assert all(shape(exchange) in whole for exchange in exchanges(after.history)), "a tool's result lost its call"


def every_passage(state) -> list[NumberedPassage]:
    return [*state.passages, *(passage for message in state.history for passage in message.passages)]


def shape(exchange):
    """An exchange without what a tool returned in it, which may be less afterwards."""
    return [
        replace(message, passages=(), text="") if message.speaker == SEARCH_TOOL else message for message in exchange
    ]
