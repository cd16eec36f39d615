"""From a score per chunk to a ranking."""

from collections.abc import Sequence

import numpy as np

from docmind_core.retrieval.search import Chunk, Hit, cut_ranking

Scores = np.ndarray[tuple[int], np.dtype[np.float32]]
Positions = np.ndarray[tuple[int], np.dtype[np.intp]]


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
    depth = k
    while True:
        hits = _best(chunks, scores, candidates, depth)
        if depth >= len(candidates) or len({hit.chunk.doc_id for hit in hits}) >= documents:
            return cut_ranking(hits, k, documents)
        depth *= 4


def _best(chunks: Sequence[Chunk], scores: Scores, candidates: Positions, k: int) -> tuple[Hit, ...]:
    if len(candidates) > k:
        # All ties with the k-th best stay candidates, so that the order of `chunks` decides among them.
        threshold = np.partition(scores[candidates], len(candidates) - k)[len(candidates) - k]
        candidates = candidates[scores[candidates] >= threshold]
    ordered = candidates[np.argsort(-scores[candidates], kind="stable")][:k]
    return tuple(Hit(chunk=chunks[index], score=float(scores[index])) for index in ordered)
