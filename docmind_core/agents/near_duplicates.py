"""Passages that nearly repeat another one: one rule for the lever `dedupe` and for the context window."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from docmind_core.retrieval.search import Hit

SHINGLE_WORDS = 5
CONTAINMENT = 0.8
"""A passage is a repeat when one passage kept before it contains this share of its runs of five words."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Shingles:
    """The runs of five words of a text."""

    all: frozenset[str]
    """With spaces between the words: a text keeps its hash, which a tuple works out each time."""
    some: frozenset[str]
    """So many that a text without any of them does not hold enough of the others."""
    needed: int
    """How many of them make another text hold this one."""


@dataclass(slots=True)
class KeptTexts:
    """Texts that say something new, in the order in which they were taken.

    A containment, not a Jaccard ratio: a short text that a long one contains in full is a repeat.
    """

    _kept: list[frozenset[str]] = field(default_factory=list)

    def take(self, text: str) -> int | None:
        """Keep a text that says something new; of a repeat return the position of the first kept text that holds it."""
        new = _shingles(text)
        for position, kept in enumerate(self._kept):
            if not new.some.isdisjoint(kept) and len(new.all & kept) >= new.needed:
                return position
        self._kept.append(new.all)
        return None


def without_near_duplicates(
    passages: Iterable[Hit], *, already_read: Iterable[Hit] = (), wanted: int | None = None
) -> tuple[Hit, ...]:
    """Return the first `wanted` passages that say something new, best first; hits `already_read` are not returned."""
    kept = KeptTexts()
    for hit in already_read:
        kept.take(hit.chunk.text)
    return tuple(islice((hit for hit in passages if kept.take(hit.chunk.text) is None), wanted))


@lru_cache(maxsize=512)  # the same passages are candidates of query after query
def _shingles(text: str) -> _Shingles:
    words = " ".join(_WORD.findall(text)).lower().split(" ")
    shingles = (
        frozenset({" ".join(words)})
        if len(words) <= SHINGLE_WORDS
        else frozenset(map(" ".join, zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)))
    )
    needed = math.ceil(CONTAINMENT * len(shingles))
    return _Shingles(shingles, frozenset(islice(shingles, len(shingles) - needed + 1)), needed)
