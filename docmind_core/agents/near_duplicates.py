"""Passages that nearly repeat another one: one rule for the lever `dedupe` and for the context window."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from docmind_core.retrieval.search import Hit

SHINGLE_WORDS = 5
CONTAINMENT = 0.8
"""A passage is a repeat when one passage kept before it contains this share of its runs of five words."""

_WORD = re.compile(r"\w+")
_Shingle = str
"""Five words with spaces between them: a text keeps its hash, which a tuple works out each time."""


@dataclass(slots=True)
class KeptTexts:
    """Texts that say something new, in the order in which they were taken.

    A containment, not a Jaccard ratio: a short text that a long one contains in full is a repeat.
    """

    _kept: list[frozenset[_Shingle]] = field(default_factory=list)
    _holders: dict[_Shingle, list[int]] = field(default_factory=dict)

    def take(self, text: str) -> int | None:
        """Keep a text that says something new; of a repeat return the position of the first kept text that holds it."""
        shingles = _shingles(text)
        found = self._repeated(shingles)
        if found is None:
            for shingle in shingles:
                self._holders.setdefault(shingle, []).append(len(self._kept))
            self._kept.append(shingles)
        return found

    def _repeated(self, shingles: frozenset[_Shingle]) -> int | None:
        needed = math.ceil(CONTAINMENT * len(shingles))
        if sum(shingle in self._holders for shingle in shingles) < needed:
            return None
        # Who holds all but a few of them holds one of any few more: the rarest are asked, so that boilerplate, which
        # is everywhere, leads to no comparison.
        rarest = sorted(shingles, key=lambda shingle: len(self._holders.get(shingle, ())))
        asked = rarest[: len(shingles) - needed + 1]
        candidates = {holder for shingle in asked for holder in self._holders.get(shingle, ())}
        return next((each for each in sorted(candidates) if len(shingles & self._kept[each]) >= needed), None)


def without_near_duplicates(passages: Sequence[Hit], *, already_read: Iterable[Hit] = ()) -> tuple[Hit, ...]:
    """Return the passages that say something new, best first; hits `already_read` are not returned."""
    kept = KeptTexts()
    for hit in already_read:
        kept.take(hit.chunk.text)
    return tuple(hit for hit in passages if kept.take(hit.chunk.text) is None)


@lru_cache(maxsize=512)  # the same passages are candidates of query after query
def _shingles(text: str) -> frozenset[_Shingle]:
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) <= SHINGLE_WORDS:
        return frozenset({" ".join(words)})
    return frozenset(map(" ".join, zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)))
