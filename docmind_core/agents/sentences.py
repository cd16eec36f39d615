"""Sentences, and texts cut to a number of tokens."""

import re
from collections.abc import Callable

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[`]*[A-Z0-9_`])|\n\s*\n")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|cf|vs|Mr|Mrs|Dr|No|Fig|St|approx)|\b[A-Z])\.$")


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
