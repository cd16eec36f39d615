"""From a score per chunk to a ranking, and from the rankings of two searches to one."""

from collections.abc import Sequence

import numpy as np

from docmind_core.retrieval.search import Chunk, Hit, Searcher, count_ranked, cut_ranking, fuse_rankings

Scores = np.ndarray[tuple[int], np.dtype[np.float32]]
Positions = np.ndarray[tuple[int], np.dtype[np.intp]]
DEPTH = 100
"""Hits of each leg that are fused."""
HYBRID_SETTINGS: dict[str, object] = {"fusion": "reciprocal rank", "constant": 60, "depth": DEPTH}


def best_hits(
    chunks: Sequence[Chunk], scores: Scores, k: int, *, above: float | None, documents: int = 0
) -> tuple[Hit, ...]:
    """Return the `k` best chunks with a score above `above`, best first, ties in the order of `chunks`.

    Where they are of fewer than `documents` documents, the next best follow until so many are ranked.

    Raises:
        ValueError: If k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    candidates = np.arange(len(scores)) if above is None else np.flatnonzero(scores > above)
    depth = 4 * k  # several chunks of a document are often among the best
    while True:
        places = _best(scores, candidates, depth)
        ranked = [chunks[place] for place in places.tolist()]
        count = count_ranked((chunk.doc_id for chunk in ranked), k, documents)
        if count is not None or depth >= len(candidates):
            found = zip(ranked[:count], scores[places[:count]].tolist(), strict=True)
            return tuple(Hit(chunk=chunk, score=score) for chunk, score in found)
        depth *= 4


def _best(scores: Scores, candidates: Positions, k: int) -> Positions:
    if len(candidates) > k:
        # All ties with the k-th best stay candidates, so that the order of `chunks` decides among them.
        threshold = np.partition(scores[candidates], len(candidates) - k)[len(candidates) - k]
        candidates = candidates[scores[candidates] >= threshold]
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]


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
