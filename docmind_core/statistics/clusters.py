"""Which queries are not independent of each other: those that hang together by a document or by their wording."""

import re
import unicodedata
from collections.abc import Collection, Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

_NOT_A_WORD = re.compile(r"[\W_]+")


def connected_components(traits: Iterable[Collection[Hashable]]) -> NDArray[np.int64]:
    """Number what hangs together: two items do when they share a trait, or each of them does with a third.

    Args:
        traits: Of each item; an item without any is alone.

    Returns:
        One number per item, from 0, in the order in which the components first appear.
    """
    parents: list[int] = []

    def root(item: int) -> int:
        while parents[item] != item:
            parents[item] = parents[parents[item]]
            item = parents[item]
        return item

    first_with: dict[Hashable, int] = {}
    for item, own in enumerate(traits):
        parents.append(item)
        for trait in own:
            other = first_with.setdefault(trait, item)
            if other != item:
                a, b = root(other), root(item)
                parents[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(item), len(numbers)) for item in range(len(parents))], dtype=np.int64)


def question_key(text: str) -> str:
    """Return what all ways of writing the same question have in common: its words; empty where it has none."""
    return _NOT_A_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
