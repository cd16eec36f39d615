import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.query_sets.queries import Query
from docmind_core.query_sets.selection import select_queries

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
