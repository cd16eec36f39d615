"""Choosing among the passages that a search found, without a model: by the one sentence that fits the question best.

A search ranks whole passages, so one that names the question's subject often can come before the one that answers it.
Here a passage is worth what its title and its best sentence share with the question; a word counts the more, the fewer
of the passages hold it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from docmind_core.agents.content_words import content_words
from docmind_core.agents.sentences import sentences
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
    wanted = content_words(question)
    words = [_words(f"{hit.chunk.title} {hit.chunk.text}") for hit in passages]
    holders = {word: sum(each.hold(word) for each in words) for word in wanted}
    weights = {word: 1.0 / count for word, count in holders.items() if count}
    found = [_best(hit, weights) for hit in passages]
    return sorted(found, key=lambda each: -each.worth)


def _best(hit: Hit, weights: dict[str, float]) -> BestSentence:
    title = _words(hit.chunk.title)
    # In the order of the weights, so that equal sums stay equal.
    wanted = [(word, weight, title.hold(word)) for word, weight in weights.items()]

    def worth(words: _Words) -> float:
        return sum(weight for word, weight, is_in_title in wanted if is_in_title or words.hold(word))

    # A sentence that names more of the question itself comes before one that leans on the title.
    text, said = max(
        _sentence_words(hit.chunk.text), key=lambda piece: (worth(piece[1]), len(piece[1].all & weights.keys()))
    )
    return BestSentence(hit=hit, text=text, worth=worth(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The content words of a text, and those of four letters or more by their first four."""

    all: frozenset[str]
    by_beginning: Mapping[str, Sequence[str]]

    def hold(self, wanted: str) -> bool:
        """Return whether one of them is the wanted word or a form of it."""
        if wanted in self.all:
            return True
        if len(wanted) < PREFIX_MIN:
            return False
        alike = self.by_beginning.get(wanted[:PREFIX_MIN], ())
        return any(word.startswith(wanted) or wanted.startswith(word) for word in alike)


@lru_cache(maxsize=512)  # the same passages are read for query after query
def _words(text: str) -> _Words:
    words = frozenset(content_words(text))
    by_beginning: dict[str, list[str]] = {}
    for word in words:
        if len(word) >= PREFIX_MIN:
            by_beginning.setdefault(word[:PREFIX_MIN], []).append(word)
    return _Words(all=words, by_beginning=by_beginning)


@lru_cache(maxsize=512)
def _sentence_words(text: str) -> tuple[tuple[str, _Words], ...]:
    pieces = [piece.strip() for piece in sentences(text) if piece.strip()] or [""]
    return tuple((piece, _words.__wrapped__(piece)) for piece in pieces)
