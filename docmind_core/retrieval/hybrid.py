"""Search by words and by meaning at once: reciprocal rank fusion of the two."""

from collections.abc import Sequence

from docmind_core.retrieval.search import Hit, Searcher, fuse_rankings

DEPTH = 100
"""Hits of each leg that are fused."""
HYBRID_SETTINGS: dict[str, object] = {"fusion": "reciprocal rank", "constant": 60, "depth": DEPTH}


class HybridSearcher:
    """Fuses the best 100 hits of keyword and of semantic search (k = 60, equal weights).

    A weak leg can pull the fused ranking below the better leg alone: compare it with both before choosing it.
    """

    def __init__(self, keyword: Searcher, semantic: Searcher) -> None:
        self._keyword = keyword
        self._semantic = semantic

    def search(self, query: str, k: int) -> tuple[Hit, ...]:
        """Return at most `k` hits, best first, ties in the order of `chunk_id`."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[str], k: int) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, embedding all in one batch."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        by_meaning = self._semantic.search_many(queries, DEPTH)
        by_words = self._keyword.search_many(queries, DEPTH)
        return tuple(fuse_rankings([words, meaning])[:k] for words, meaning in zip(by_words, by_meaning, strict=True))
