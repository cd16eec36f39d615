"""The key `history` of a query in the normal form."""

import pytest

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.documents import EarlierMessage
from docmind_core.query_sets.queries import Query, query_set_hash
from docmind_core.query_sets.readers import read_query_set
from docmind_core.runs.input_check import check_input
from tests.documents import write_query_set

USER, ASSISTANT = ({"role": role, "content": f"{role} says"} for role in ("user", "assistant"))
QUERY = {"query_id": "q1", "query": "And now?"}


def test_a_query_carries_what_was_said_before_it(tmp_path):
    found = read_query_set(write_query_set(tmp_path, queries=[{**QUERY, "history": [USER, ASSISTANT]}]))

    assert found.queries[0].history == (
        EarlierMessage(role="user", content="user says"),
        EarlierMessage(role="assistant", content="assistant says"),
    )


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ([ASSISTANT, USER], "history.0.role: should be 'user': user and assistant take turns"),
        ([USER, USER, ASSISTANT], "history.1.role: should be 'assistant'"),
        ([USER, ASSISTANT, USER], "history: ends with a user's message without a reply"),
        ([{"role": "system", "content": "x"}], "history.0.role: should be 'user' or 'assistant', got 'system'"),
        ([USER, {"role": "assistant", "content": " "}], "history.1.content: must not be empty"),
        ([USER, {"role": "assistant"}], "history.1.content: is missing"),
        (["hello"], "history.0: should be an object"),
        ({"role": "user"}, "history: should be a list"),
    ],
)
def test_what_is_not_a_conversation_of_whole_turns_is_refused_by_reader_and_check(tmp_path, history, problem):
    """S29: a turn is a user's message and the reply to it."""
    folder = write_query_set(tmp_path, queries=[{**QUERY, "history": history}])
    for read in (read_query_set, lambda path: check_input(str(path))):
        with pytest.raises(QuerySetError) as caught:
            read(folder)
        assert f"queries.jsonl:1: {problem}" in str(caught.value)


def test_a_history_is_part_of_the_hash_and_a_query_without_one_keeps_the_hash_it_had():
    alone = Query(query_id="q1", text="And now?")
    after = Query(query_id="q1", text="And now?", history=(EarlierMessage(role="user", content="x"),))

    assert query_set_hash("corpus", [after]) != query_set_hash("corpus", [alone])
    assert query_set_hash("corpus", [alone]) == "3aad481b8195f67b2c3b9f2244e115e19bb98733e7e74c47074b16d934a7cc21"
