"""Choosing among the passages that a search found, without a model: by the one sentence that fits the question best.

A search ranks whole passages, so one that names the question's subject often can come before the one that answers it.
Here a passage is worth what its title and its best sentence share with the question; a word counts the more, the fewer
of the passages hold it.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from docmind_core.agents.text_overlap import content_words, sentences
from docmind_core.retrieval.search import Hit

PREFIX_MIN = 4
"""Letters that two words must share for one to count as a form of the other: open and opened, town and towns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestSentence:
    """The sentence of a passage that fits a question best."""

    hit: Hit
    text: str
    worth: float
    """Sum of the weights of the question's words in the sentence and in the passage's title."""


def chosen_passages(searches: Sequence[str], passages: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the best passage for each of the searches, in the order of `passages`, each once.

    Args:
        searches: What was searched for; the first is the question itself, the others are what it was broken into.
        passages: What an answer may read, best first; on equal worth the earlier one is chosen.
    """
    if not passages:
        return ()
    parts = searches[1:] or searches
    chosen = {best_sentences(part, passages)[0].hit.chunk.chunk_id for part in parts}
    return tuple(hit for hit in passages if hit.chunk.chunk_id in chosen)


def best_sentences(question: str, passages: Sequence[Hit]) -> list[BestSentence]:
    """Return the best sentence of each passage, the best passage first; ties keep the order of the passages."""
    wanted = sorted(content_words(question))  # each process has its own order of a set, and sums differ by the order
    indexed = [_indexed(hit.chunk.title, hit.chunk.text) for hit in passages]
    places = [{word: index.places_of(word) for word in wanted} for index in indexed]
    holders = {word: sum(bool(found[word]) for found in places) for word in wanted}
    weights = {word: 1.0 / count for word, count in holders.items() if count}
    found = [_best(hit, index, where, weights) for hit, index, where in zip(passages, indexed, places, strict=True)]
    return sorted(found, key=lambda each: -each.worth)


def _best(hit: Hit, index: "_Index", places: Mapping[str, Set[int]], weights: Mapping[str, float]) -> BestSentence:
    count = len(index.sentences)
    worth, named = [0.0] * count, [0] * count
    for word, weight in weights.items():  # in this order for every sentence, so that equal sums stay equal
        for place in range(count) if _TITLE in places[word] else places[word]:
            worth[place] += weight
        for place in index.places.get(word, ()):
            if place != _TITLE:
                named[place] += 1
    # A sentence that names more of the question itself comes before one that leans on the title.
    best = max(range(count), key=lambda place: (worth[place], named[place]))
    return BestSentence(hit=hit, text=index.sentences[best], worth=worth[best])


_TITLE = -1
"""The place of a title's words, before those of the sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """The content words of a passage, by the sentences that hold them."""

    sentences: Sequence[str]
    places: Mapping[str, Set[int]]
    by_beginning: Mapping[str, Sequence[str]]
    """The words of four letters or more, by their first four."""

    def places_of(self, wanted: str) -> Set[int]:
        """Return the places of a word and of its forms."""
        found = self.places.get(wanted, frozenset())
        if len(wanted) < PREFIX_MIN:
            return found
        alike = self.by_beginning.get(wanted[:PREFIX_MIN], ())
        forms = [word for word in alike if word.startswith(wanted) or wanted.startswith(word)]
        return frozenset(chain(found, *(self.places[word] for word in forms))) if forms else found


@lru_cache(maxsize=512)  # the same passages are read for query after query
def _indexed(title: str, text: str) -> _Index:
    pieces = [piece.strip() for piece in sentences(text) if piece.strip()] or [""]
    places: dict[str, set[int]] = {}
    for place, piece in enumerate([title, *pieces], start=_TITLE):
        for word in content_words(piece):
            places.setdefault(word, set()).add(place)
    by_beginning: dict[str, list[str]] = {}
    for word in places:
        if len(word) >= PREFIX_MIN:
            by_beginning.setdefault(word[:PREFIX_MIN], []).append(word)
    return _Index(sentences=pieces, places=places, by_beginning=by_beginning)
