"""Passages that nearly repeat another one."""

import re
from collections.abc import Sequence

from docmind_core.retrieval.search import Hit

SHINGLE_WORDS = 5
CONTAINMENT = 0.8
"""A passage is a repeat when so many of its runs of five words stand in one passage kept before it."""

_WORD = re.compile(r"\w+")


def without_near_duplicates(passages: Sequence[Hit], *, beside: Sequence[Hit] = ()) -> tuple[Hit, ...]:
    """Return the passages that say something new, best first; `beside` are read already and are not returned.

    A containment, not a Jaccard ratio: a short passage that stands whole in a long one is a repeat.
    """
    kept_shingles = [_shingles(hit.chunk.text) for hit in beside]
    kept = []
    for hit in passages:
        shingles = _shingles(hit.chunk.text)
        if not any(_is_repeat(shingles, others) for others in kept_shingles):
            kept.append(hit)
            kept_shingles.append(shingles)
    return tuple(kept)


def _is_repeat(shingles: frozenset[tuple[str, ...]], others: frozenset[tuple[str, ...]]) -> bool:
    return bool(shingles) and len(shingles & others) >= CONTAINMENT * len(shingles)


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) <= SHINGLE_WORDS:
        return frozenset({tuple(words)})
    return frozenset(tuple(words[start : start + SHINGLE_WORDS]) for start in range(len(words) - SHINGLE_WORDS + 1))
