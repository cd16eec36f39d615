"""From a score per chunk to a ranking."""

from collections.abc import Sequence

import numpy as np

from docmind_core.retrieval.search import Chunk, Hit, count_ranked

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
