import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.query_sets.documents import EarlierMessage
from docmind_core.query_sets.queries import Query
from docmind_core.query_sets.selection import cluster_ids, select_queries
from tests.builders import make_query

IDS = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)


def made(ids):
    return [Query(query_id=query_id, text="Why?") for query_id in ids]


@given(ids=IDS, seed=st.integers(0, 9), limit=st.integers(1, 40))
def test_a_smaller_limit_is_the_start_of_a_larger_one(ids, seed, limit):
    everything = select_queries(made(ids), limit=None, seed=seed)

    assert select_queries(made(ids), limit=limit, seed=seed) == everything[:limit]
    assert sorted(query.query_id for query in everything) == sorted(ids)


@given(ids=IDS, seed=st.integers(0, 9))
def test_the_order_of_the_file_does_not_matter(ids, seed):
    assert select_queries(made(ids), limit=5, seed=seed) == select_queries(made(ids[::-1]), limit=5, seed=seed)


def test_the_selection_is_the_same_in_each_process_and_release():
    selected = select_queries(made(f"q{number}" for number in range(100)), limit=4, seed=0)

    assert [query.query_id for query in selected] == ["q16", "q48", "q26", "q13"]


def test_another_seed_selects_others():
    queries = made(f"q{number}" for number in range(100))

    assert select_queries(queries, limit=10, seed=0) != select_queries(queries, limit=10, seed=1)


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        select_queries(made(["q1"]), limit=0, seed=0)


def clusters(*queries):
    return cluster_ids([make_query(f"q{place}", **changes) for place, changes in enumerate(queries)])


def test_queries_that_share_any_gold_document_are_one_cluster_also_through_a_third():
    found = clusters(
        {"text": "A?", "gold_doc_ids": ("d3", "d2")},
        {"text": "B?", "gold_doc_ids": ("d5",)},
        {"text": "C?", "gold_doc_ids": ("d2", "d9")},
        {"text": "D?", "gold_doc_ids": ("d9", "d1")},
    )
    assert found == {"q0": "d1", "q1": "d5", "q2": "d1", "q3": "d1"}


def test_the_same_question_is_the_same_cluster_however_it_is_written():
    found = clusters(
        {"text": "Who wrote Emma?", "gold_doc_ids": ()},
        {"text": "who wrote  EMMA", "gold_doc_ids": ()},
        {"text": "Who read Emma?", "gold_doc_ids": ()},
    )
    assert found == {"q0": "q0", "q1": "q0", "q2": "q2"}


def test_questions_without_words_and_questions_after_other_conversations_are_not_the_same():
    talk = (EarlierMessage(role="user", content="Emma"), EarlierMessage(role="assistant", content="A novel."))
    found = clusters(
        {"text": "??", "gold_doc_ids": ()},
        {"text": "!!", "gold_doc_ids": ()},
        {"text": "Who wrote it?", "gold_doc_ids": ()},
        {"text": "Who wrote it?", "gold_doc_ids": (), "history": talk},
    )
    assert len(set(found.values())) == 4


@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=3), min_size=1, max_size=12), st.randoms())
def test_the_name_of_a_cluster_does_not_depend_on_the_order_of_the_queries(golds, random):
    queries = [make_query(f"q{i}", text=f"Question {i}?", gold_doc_ids=tuple(ids)) for i, ids in enumerate(golds)]
    shuffled = list(queries)
    random.shuffle(shuffled)
    assert cluster_ids(shuffled) == cluster_ids(queries)
