"""The conversation set, and what trimming keeps of it."""

import pytest

from docmind_core.agents.context import USER, Message
from docmind_core.agents.context_state import ContextState
from docmind_core.agents.context_strategies import trim_conversation
from docmind_core.agents.transcript import turns
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.python_reference.conversations import conversation_queries, written_conversations
from docmind_core.query_sets.python_reference.questions import LocatedQueries, written_queries

THREADS = written_conversations()
QUERY_SET = load_query_set("python-reference-conversations")
GOLD = {query.query_id: query for query in written_queries()}


def history_of(threads):
    """Questions and replies of threads, one after the other."""
    return tuple(
        Message(speaker=speaker, text=text)
        for thread in threads
        for turn in thread.turns
        for speaker, text in ((USER, turn.query), ("result_synthesizer", turn.reply))
    )


def test_there_are_at_least_five_threads_of_at_least_eight_turns():
    assert len(THREADS) >= 5
    assert min(len(thread.turns) for thread in THREADS) >= 8
    assert len({turn.query for thread in THREADS for turn in thread.turns}) == sum(len(t.turns) for t in THREADS)


@pytest.mark.parametrize("thread", THREADS, ids=lambda thread: thread.conversation_id)
def test_every_reply_holds_a_gold_answer_of_the_query_it_names(thread):
    wrong = [
        turn.query_id
        for turn in thread.turns
        if not any(answer.lower() in turn.reply.lower() for answer in GOLD[turn.query_id].answers)
    ]
    assert wrong == []


@pytest.mark.parametrize("thread", THREADS, ids=lambda thread: thread.conversation_id)
def test_trimming_a_thread_keeps_questions_with_their_replies(thread):
    """S29: the first turn and the last five."""
    history = history_of([thread])
    kept = trim_conversation(ContextState(query="and now?", history=history), 1, len).history

    assert kept == (*history[:2], *history[-10:])


@pytest.mark.parametrize("query", QUERY_SET.queries, ids=lambda query: query.query_id)
def test_what_was_said_before_a_bundled_question_can_be_trimmed_s29(query):
    """S29: more than six turns, so that the first and the last five are not all of them."""
    said = tuple(Message(speaker=message.role, text=message.content) for message in query.history)
    kept = trim_conversation(ContextState(query=query.text, history=said), 1, len).history

    assert len(turns(said)) > 6
    assert kept == (*said[:2], *said[-10:])


def test_trimming_a_long_session_keeps_its_first_question_and_its_last_thread():
    """S29: all threads in one session."""
    history = history_of(THREADS)
    kept = turns(trim_conversation(ContextState(query="and now?", history=history), 1, len).history)

    assert [turn[0].text for turn in kept] == [
        THREADS[0].turns[0].query,
        *(turn.query for turn in THREADS[-1].turns[-5:]),
    ]
    assert {len(turn) for turn in kept} == {2}


def test_the_query_s_own_turn_stays_wherever_it_is():
    """S29, S32."""
    history = history_of(THREADS)
    asked = THREADS[2].turns[0]
    kept = trim_conversation(ContextState(query=asked.query, history=history), 1, len).history

    assert [message.text for message in kept[2:4]] == [asked.query, asked.reply]
    assert len(turns(kept)) == 7


def test_each_thread_is_a_query_its_last_question_with_what_was_said_before():
    """At least five, each with seven turns or more before it, whole; the documents are those of python-reference."""
    reference = load_query_set("python-reference")
    gold = {query.query_id: query for query in reference.queries}

    assert QUERY_SET.corpus_hash == reference.corpus_hash
    assert QUERY_SET.notices == ()
    assert [query.query_id for query in QUERY_SET.queries] == [
        f"py_conversation_{thread.conversation_id}" for thread in THREADS
    ]
    for query, thread in zip(QUERY_SET.queries, THREADS, strict=True):
        *earlier, last = thread.turns
        named = gold[f"py_{last.query_id}"]
        assert (query.text, query.gold_answers, query.evidence) == (last.query, named.gold_answers, named.evidence)
        assert [(said.role, said.content) for said in query.history] == [
            said for turn in earlier for said in (("user", turn.query), ("assistant", turn.reply))
        ]


def test_a_conversation_whose_query_this_python_can_not_answer_is_left_out_and_named():
    found = conversation_queries(THREADS[:1], LocatedQueries(queries=(), notices=()))

    assert found.queries == ()
    assert found.notices == ("conversation classes was left out, as was its query slots-int",)
