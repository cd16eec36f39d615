from concurrent.futures import ThreadPoolExecutor

import pytest

from docmind_core.retrieval.keyword import KeywordSearcher
from tests.documents import make_chunk

CHUNKS = (
    make_chunk("a#0", "The cat sleeps on the mat."),
    make_chunk("b#0", "object.__getattr__ is called when an attribute is missing."),
    make_chunk("c#0", "The cats are sleeping."),
    make_chunk("d#0", "Nothing of the kind.", title="Cats"),
)


def found(query, chunks=CHUNKS, k=10):
    return [hit.chunk.chunk_id for hit in KeywordSearcher.build(chunks).search(query, k)]


def test_words_are_found_in_any_form_and_in_the_title():
    assert sorted(found("a sleeping cat")) == ["a#0", "c#0", "d#0"]


@pytest.mark.parametrize("query", ["__getattr__", "getattr", "object.__getattr__()", "GETATTR"])
def test_an_identifier_is_found_with_and_without_its_underscores(query):
    assert found(query) == ["b#0"]


@pytest.mark.parametrize("query", ["", "   ", "the of and", "zebra", "?!", "x"])
def test_a_query_that_shares_no_word_has_no_hits(query):
    assert found(query) == []


def test_a_chunk_without_the_words_is_not_a_hit_however_many_are_asked_for():
    assert found("mat", k=100) == ["a#0"]


def test_ties_come_in_the_order_of_the_chunks_for_every_k():
    chunks = [make_chunk(f"{letter}#0", "the same words") for letter in "abcdef"]

    for k in range(1, 7):
        assert found("same words", chunks, k) == ["a#0", "b#0", "c#0", "d#0", "e#0", "f#0"][:k]


def test_better_hits_come_first():
    scores = [hit.score for hit in KeywordSearcher.build(CHUNKS).search("cat mat sleep", 10)]

    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


@pytest.mark.parametrize("chunks", [(), (make_chunk("a#0", ""),), (make_chunk("a#0", "the of"),)])
def test_an_index_without_words_finds_nothing(chunks, tmp_path):
    searcher = KeywordSearcher.build(chunks)
    searcher.save(tmp_path)

    assert searcher.search("cat", 5) == ()
    assert KeywordSearcher.load(tmp_path, chunks).search("cat", 5) == ()


def test_a_loaded_index_ranks_as_the_built_one(tmp_path):
    built = KeywordSearcher.build(CHUNKS)
    built.save(tmp_path)

    assert KeywordSearcher.load(tmp_path, CHUNKS).search("sleeping cats", 3) == built.search("sleeping cats", 3)


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        found("cat", k=0)


def test_a_very_long_query_is_searched():
    assert sorted(found("cat " * 50_000)) == ["a#0", "c#0", "d#0"]


def test_nothing_is_printed(capfd):
    found("cat")

    assert capfd.readouterr() == ("", "")


def test_threads_may_share_a_searcher():
    searcher = KeywordSearcher.build(CHUNKS)
    queries = ["sleeping cats", "__getattr__", "mat"] * 50

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: searcher.search(query, 5), queries))

    assert together == [searcher.search(query, 5) for query in queries]
