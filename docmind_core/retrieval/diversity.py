"""Relevance and diversity together: an order of passages in which none repeats an earlier one."""

import re
from collections.abc import Sequence

RELEVANCE_SHARE = 0.7
"""Lambda: how much relevance counts against not repeating what was chosen before."""

Similarities = Sequence[Sequence[float]]
"""Similarity of each pair, by the positions of both."""

_WORD = re.compile(r"\w+")


def mmr_order(
    relevance: Sequence[float], similarities: Similarities, *, relevance_share: float = RELEVANCE_SHARE
) -> tuple[int, ...]:
    """Return all positions by maximal marginal relevance, ties in the given order.

    Each next one has the largest share·relevance - (1 - share)·(its greatest similarity to those before)
    (Carbonell & Goldstein 1998, https://doi.org/10.1145/290941.291025).

    Args:
        relevance: By position, in [0, 1]; see `scaled`.
        similarities: At most 1 each; 1 for equal passages.
        relevance_share: In [0, 1]; 1 orders by relevance alone.

    Raises:
        ValueError: If the share is outside [0, 1], or if the two don't fit together.
    """
    count = len(relevance)
    if not 0.0 <= relevance_share <= 1.0:
        raise ValueError(f"relevance_share must be in [0, 1], got {relevance_share}")
    if len(similarities) != count or any(len(row) != count for row in similarities):
        raise ValueError(f"{count} passages need {count} x {count} similarities")

    def gain(position: int) -> float:
        repeated = max((similarities[position][other] for other in order), default=0.0)
        return relevance_share * relevance[position] - (1.0 - relevance_share) * repeated

    order: list[int] = []
    left = list(range(count))
    while left:
        order.append(max(left, key=gain))
        left.remove(order[-1])
    return tuple(order)


def scaled(scores: Sequence[float]) -> tuple[float, ...]:
    """Return scores of one search moved into [0, 1], the best at 1 and the worst at 0; all 1 where all are equal."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return tuple((score - low) / (high - low) if high > low else 1.0 for score in scores)


def word_similarities(texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Return the Jaccard ratio of the sets of words of each pair of texts; 1 for two texts without a word."""
    words = [frozenset(_WORD.findall(text.lower())) for text in texts]
    return tuple(tuple(_jaccard(first, second) for second in words) for first in words)


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first or second else 1.0
