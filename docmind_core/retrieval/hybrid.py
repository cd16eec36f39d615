"""Keyword and semantic search at once: reciprocal rank fusion of the two."""

from collections.abc import Sequence

from docmind_core.retrieval.search import Hit, Searcher, cut_ranking, fuse_rankings

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

    def search(self, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the hits of one query, best first, ties in the order of `chunk_id`."""
        return self.search_many([query], k, documents=documents)[0]

    def search_many(self, queries: Sequence[str], k: int, *, documents: int = 0) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, as `Searcher` says, embedding all in one batch.

        Where the best 100 of both legs are of fewer than `documents` documents, what else the legs found follows, each
        leg searched until it has ranked so many.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        semantic = self._semantic.search_many(queries, DEPTH, documents=documents)
        keyword = self._keyword.search_many(queries, DEPTH, documents=documents)
        return tuple(
            cut_ranking(_fused(words, meaning), k, documents) for words, meaning in zip(keyword, semantic, strict=True)
        )


def _fused(*legs: tuple[Hit, ...]) -> tuple[Hit, ...]:
    fused = fuse_rankings([leg[:DEPTH] for leg in legs])
    ranked = {hit.chunk.chunk_id for hit in fused}
    deeper = fuse_rankings([leg[DEPTH:] for leg in legs], before=DEPTH)
    return (*fused, *(hit for hit in deeper if hit.chunk.chunk_id not in ranked))
