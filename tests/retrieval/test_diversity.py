"""Maximal marginal relevance: the order where the model gives none (S54)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.retrieval.diversity import mmr_order, scaled, word_similarities

SCORES = st.lists(st.floats(-1e6, 1e6), max_size=12)
TEXTS = st.lists(st.text(alphabet="abc ", max_size=12), max_size=10)


def strangers(count):
    return [[float(row == column) for column in range(count)] for row in range(count)]


def test_a_repeat_waits_behind_something_new():
    # first 0 (0.7 * 1); then 1: 0.7 * 0.9 - 0.3 * 1.0 = 0.33, and 2: 0.7 * 0.5 - 0.3 * 0.0 = 0.35
    similarities = [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert mmr_order([1.0, 0.9, 0.5], similarities) == (0, 2, 1)
    # with 0.47, 2 has 0.329 and comes last
    assert mmr_order([1.0, 0.9, 0.47], similarities) == (0, 1, 2)


@given(scores=SCORES)
def test_strangers_are_in_the_order_of_their_relevance(scores):
    relevance = scaled(scores)
    order = mmr_order(relevance, strangers(len(scores)))
    assert list(order) == sorted(range(len(scores)), key=lambda position: -relevance[position])


@given(texts=TEXTS, data=st.data())
def test_every_passage_is_in_the_order_once_and_the_best_comes_first(texts, data):
    relevance = data.draw(st.lists(st.floats(0, 1), min_size=len(texts), max_size=len(texts)))
    order = mmr_order(relevance, word_similarities(texts))

    assert sorted(order) == list(range(len(texts)))
    assert not order or relevance[order[0]] == max(relevance)


@given(texts=TEXTS, data=st.data())
def test_with_relevance_alone_similarity_changes_nothing(texts, data):
    relevance = data.draw(st.lists(st.floats(0, 1), min_size=len(texts), max_size=len(texts)))
    order = mmr_order(relevance, word_similarities(texts), relevance_share=1.0)
    assert list(order) == sorted(range(len(texts)), key=lambda position: -relevance[position])


@given(scores=SCORES)
def test_scaled_scores_keep_their_order_and_are_in_0_to_1(scores):
    moved = scaled(scores)
    assert all(0.0 <= score <= 1.0 for score in moved)
    assert all(
        moved[one] <= moved[other]
        for one in range(len(scores))
        for other in range(len(scores))
        if scores[one] <= scores[other]
    )


@given(texts=TEXTS)
def test_word_similarity_is_symmetric_and_1_for_the_same_words(texts):
    similarities = word_similarities(texts)
    for row, one in enumerate(texts):
        for column, other in enumerate(texts):
            assert similarities[row][column] == similarities[column][row]
            if sorted(set(one.split())) == sorted(set(other.split())):
                assert similarities[row][column] == 1.0


def test_word_similarity_is_shared_words_over_all_words():
    assert word_similarities(["a b c", "B c d e"])[0][1] == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("relevance", "similarities", "share"), [([1.0], [], 0.7), ([1.0], [[1.0, 1.0]], 0.7), ([], [], 1.1)]
)
def test_what_does_not_fit_together_is_refused(relevance, similarities, share):
    with pytest.raises(ValueError, match=r"similarities|relevance_share"):
        mmr_order(relevance, similarities, relevance_share=share)
