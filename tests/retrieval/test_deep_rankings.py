"""Rankings as deep as the metrics need: they are taken on 10 documents, and a document may take several chunks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.metrics.catalogue import METRICS
from docmind_core.retrieval.keyword import KeywordSearcher
from docmind_core.retrieval.ranking import DEPTH, HybridSearcher, best_hits
from docmind_core.retrieval.search import RANKED_DOCUMENTS, Hit, Search, cut_ranking, deeper_hits, fuse_rankings
from tests.documents import make_chunk


def chunks_of(documents, each):
    return [make_chunk(f"d{number:02}#{position}", "cat") for number in range(documents) for position in range(each)]


def hits_of(*chunk_ids):
    return tuple(Hit(chunk=make_chunk(chunk_id), score=1.0 / rank) for rank, chunk_id in enumerate(chunk_ids, start=1))


def names(hits):
    return [hit.chunk.chunk_id for hit in hits]


def documents(hits):
    return list(dict.fromkeys(hit.chunk.doc_id for hit in hits))


class Leg:
    """Ranks all chunks in the order it was given them."""

    def __init__(self, ranking):
        self._ranking = ranking

    def search_many(self, queries, k, *, documents=0):
        return tuple(cut_ranking(self._ranking, k, documents) for _ in queries)


def test_a_search_ranks_on_below_k_until_so_many_documents_are_ranked():
    searcher = KeywordSearcher.build(chunks_of(documents=20, each=7))

    hits = searcher.search("cat", 10, documents=10)

    assert documents(hits) == [f"d{number:02}" for number in range(10)]
    assert len(hits) == 9 * 7 + 1, "up to the hit that ranks the tenth document, and no further"
    assert hits[:10] == searcher.search("cat", 10)


@given(
    scores=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    each=st.integers(1, 9),
    k=st.integers(1, 12),
    wanted=st.integers(0, 12),
)
def test_a_deeper_ranking_begins_with_the_shallow_one_and_ends_with_the_corpus_at_the_latest(scores, each, k, wanted):
    chunks = chunks_of(len(scores) // each + 1, each)[: len(scores)]
    array = np.array(scores, dtype=np.float32)
    whole = best_hits(chunks, array, len(scores), above=0.0)

    deep = best_hits(chunks, array, k, above=0.0, documents=wanted)

    assert deep == whole[: len(deep)]
    assert deep[:k] == best_hits(chunks, array, k, above=0.0)
    assert len(documents(deep)) >= min(wanted, len(documents(whole)))
    assert len(deep) <= k or len(documents(deep[:-1])) < wanted


def test_hybrid_search_ranks_on_below_its_legs_best_hundred():
    long_ones, short_ones = chunks_of(3, 60), [make_chunk(f"s{number:02}#0") for number in range(20)]
    ranking = [Hit(chunk=chunk, score=1.0) for chunk in (*long_ones, *short_ones)]
    searcher = HybridSearcher(Leg(ranking), Leg(ranking))

    (hits,) = searcher.search_many(["cat"], 15, documents=10)

    assert documents(hits) == ["d00", "d01", "d02", *(f"s{number:02}" for number in range(7))]
    assert hits[:15] == searcher.search("cat", 15)
    assert len(names(hits)) == len(set(names(hits)))
    assert len(long_ones) > DEPTH


def test_what_one_leg_ranked_high_is_not_ranked_again_by_the_other_one_s_depth():
    best = [Hit(chunk=make_chunk(f"a#{number:03}"), score=1.0) for number in range(DEPTH)]
    others = [Hit(chunk=make_chunk(f"b#{number:03}"), score=1.0) for number in range(DEPTH)]
    searcher = HybridSearcher(Leg([*best, *others]), Leg([*others, *best]))

    hits = searcher.search("cat", 5, documents=10)

    assert len(names(hits)) == len(set(names(hits))) == 2 * DEPTH


def test_below_the_candidates_follows_what_their_search_ranked_further_down():
    ranked = hits_of("a#0", "a#1", "b#0", "b#1", "c#0", "d#0")

    below = deeper_hits(ranked[:2], [Search(hits=ranked[:2], ranked=ranked)], documents=3)

    assert names(below) == ["b#0", "b#1", "c#0"]


def test_candidates_of_enough_documents_are_followed_by_nothing():
    ranked = hits_of("a#0", "b#0", "c#0")

    assert deeper_hits(ranked[:2], [Search(hits=ranked[:2], ranked=ranked)], documents=2) == ()


def test_several_searches_are_followed_by_the_fusion_of_what_they_ranked_further_down():
    first, second = hits_of("a#0", "x#0", "y#0", "z#0"), hits_of("b#0", "y#0", "x#0")
    searches = [Search(hits=ranking[:1], ranked=ranking) for ranking in (first, second)]
    candidates = fuse_rankings([first[:1], second[:1]])

    below = deeper_hits(candidates, searches, documents=10)

    assert names(below) == ["x#0", "y#0", "z#0"]


def test_candidates_ordered_by_a_rerank_keep_that_order():
    ranked = hits_of("a#0", "b#0", "c#0")
    candidates = (ranked[1], ranked[0])

    assert names(deeper_hits(candidates, [Search(hits=ranked[:2], ranked=ranked)], documents=10)) == ["c#0"]


def test_a_search_that_did_not_lead_to_the_candidates_adds_nothing_to_them():
    failed, used = hits_of("x#0", "y#0"), hits_of("a#0", "b#0")
    searches = [Search(hits=failed[:1], ranked=failed), Search(hits=used[:1], ranked=used)]

    assert names(deeper_hits(used[:1], searches, documents=10)) == ["b#0"]


def test_without_candidates_nothing_follows():
    assert deeper_hits((), [Search(hits=(), ranked=())], documents=10) == ()
    assert deeper_hits((), [], documents=10) == ()


def test_no_metric_looks_further_down_than_rankings_go():
    cutoffs = [int(name.split("@")[1]) for name in METRICS if "@" in name]

    assert max(cutoffs) == RANKED_DOCUMENTS
