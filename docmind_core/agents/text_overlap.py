"""What texts are made of and what they share: content words, sentences, and passages that nearly repeat another one."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from docmind_core.retrieval.search import Hit

SHINGLE_WORDS = 5
CONTAINMENT = 0.8
"""A passage is a repeat when one passage kept before it contains this share of its runs of five words."""

_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(r"\w{3,}")
_QUESTION_WORDS = {"what", "which", "when", "where", "does", "the", "and", "are", "how", "who", "why", "for", "with"}
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[`]*[A-Z0-9_`])|\n\s*\n")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|cf|vs|Mr|Mrs|Dr|No|Fig|St|approx)|\b[A-Z])\.$")


def content_words(text: str) -> set[str]:
    """Return the words of three letters or more, lower case, without those that only make a question."""
    return {word.lower() for word in _LONG_WORD.findall(text)} - _QUESTION_WORDS


def sentences(text: str) -> list[str]:
    """Split a text after `.`, `!` and `?` before a capital, and at empty lines; joined, the pieces are the text again.

    Abbreviations such as "e.g." and numbers such as "3.11" end no sentence.
    """
    pieces: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _ABBREVIATION.search(text[start : end.start()]):
            continue
        pieces.append(text[start : end.end()])
        start = end.end()
    pieces.append(text[start:])
    return [piece for piece in pieces if piece]


def cut_to_tokens(text: str, keep: int, count: Callable[[str], int]) -> tuple[str, int]:
    """Return the longest beginning of a text with at most `keep` tokens, ending at a word, and the tokens saved."""
    whole = count(text) if text else 0
    if whole <= keep:
        return text, 0
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[: ends[middle - 1]]) <= keep:
            low = middle
        else:
            high = middle - 1
    kept = text[: ends[low - 1]] if low else ""
    return kept, whole - (count(kept) if kept else 0)


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
