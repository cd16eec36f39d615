"""Which accepted answers are numbers."""

import re
from dataclasses import dataclass
from functools import lru_cache

from docmind_core.measurements.number_text import has_date, plain_numbers
from docmind_core.measurements.numbers import Number, numbers_in

BOUND = re.compile(
    r"(?<!no )(?<!not )\b(?:(?:more|greater|higher|larger|longer|less|fewer|lower|smaller|shorter|other) than|over"
    r"|above|exceed(?:s|ed|ing)?|beyond|under|below|before|after)\s*$",
    re.IGNORECASE,
)
"""What makes a number the end of what is meant, and not it."""
_JOINS_RANGE = re.compile(r"\s?(?:-|\N{EN DASH}|\N{EM DASH}|~|\.{2,3}|to|through|until|and)\s?", re.IGNORECASE)
_BETWEEN = re.compile(r"\bbetween\s*$", re.IGNORECASE)
_WORDS_BEFORE = frozenset(
    word
    for words in (
        "about approximately around roughly circa ca nearly almost exactly only just some total cost costs",
        "over under more greater less fewer than at least most up to no not between from since by until on after",
        "before in the of a an every each per year it is was are",
    )
    for word in words.split()
)
_WORDS_AFTER_MAX = 5
_SENTENCE = re.compile(r"\A[A-Z].*\s.*\s.*\s.*[.!]\Z", re.DOTALL)
_SENTENCE_WORDS_MAX = 30
_SECOND_SENTENCE = re.compile(r"[.!?]\s+\S")
_MANY = re.compile(r"\bhow many\b", re.IGNORECASE)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|high|deep|wide|fast|big|large|often|heavy|hot|cold|late|early|frequently)\b"
    r"|\bwhen\b|\b(?:what|which) (?:\w+ ){0,3}?(?:year|number|percent\w*|share|proportion|fraction|amount|age)\b",
    re.IGNORECASE,
)
_ASKS_OTHERWISE = re.compile(
    r"^\W*(?:who|whom|whose|where|why|how (?:was|were|is|are|do|does|did|can|to))\b", re.IGNORECASE
)
_STEM, _NEW_WORDS_MAX = 4, 2
_LEADING_ZERO = re.compile(r"\A\D*0\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGold:
    """The number or the range that an accepted answer is judged by."""

    low: Number
    high: Number | None
    """The other end where it is a range."""
    bounded: bool
    """Whether it says more or less than a number."""
    text: str


@lru_cache(maxsize=4096)
def number_gold(gold: str, *, question: str = "", in_sentence: bool) -> NumberGold | None:
    """Return the number or range that an accepted answer is judged by; None if it is not a number.

    Args:
        gold: The accepted answer.
        question: What was asked. A sentence is judged by its number only where that is the answer.
        in_sentence: Whether it may be a sentence that holds a number; else it has to be the number, with its unit and
            such words as "about" (names hold numbers, too: Apollo 11).
    """
    is_sentence = in_sentence or _SENTENCE.match(gold) is not None
    text = plain_numbers(gold, counts_one=not is_sentence or _MANY.search(question) is not None)
    numbers = list(numbers_in(text))
    found = [number for number in numbers if not number.rank] or numbers
    if len(found) == 2 and is_range(text, *found):
        low, high = found[0], found[1]
    elif len(found) == 1:
        low, high = found[0], None
    else:
        return None
    is_amount = not has_date(gold) and _is_amount(text, low, high or low)
    if not is_amount and not (is_sentence and _is_answer(text, low, high or low, question)):
        return None
    return NumberGold(
        low=low, high=high, bounded=BOUND.search(text[: low.start]) is not None, text=" ".join(gold.split())
    )


def _is_answer(text: str, low: Number, high: Number, question: str) -> bool:
    """Return whether the number of a sentence is what was asked for, and not a number next to the answer.

    It is where the question asks for one, or where the sentence repeats the question and adds little else.
    """
    if not question:
        return True
    words = text.split()
    if len(words) > _SENTENCE_WORDS_MAX or _SECOND_SENTENCE.search(text) or _ASKS_OTHERWISE.search(question):
        return False
    if _ASKS_NUMBER.search(question):
        return True
    asked = {word[:_STEM] for word in re.findall(r"[a-z]{3,}", question.lower())}
    said = re.findall(r"[a-z]{4,}", f"{text[: low.start]} {text[high.end :]}".lower())
    return sum(word[:_STEM] not in asked for word in said) <= _NEW_WORDS_MAX


def is_range(text: str, one: Number, other: Number) -> bool:
    """Return whether two numbers of a text, one after the other, are the ends of a range."""
    joined = _JOINS_RANGE.fullmatch(text[one.end : other.start])
    if joined is None:
        return False
    return "and" not in joined[0].lower() or _BETWEEN.search(text[: one.start]) is not None


def _is_amount(text: str, low: Number, high: Number) -> bool:
    """Return whether a text is a number with its unit and no name: small words before it, a few after it."""
    before, after = text[: low.start].strip(" (\"'+-~"), text[high.end :].strip(" .)\"'!+")
    if low.name or _LEADING_ZERO.match(text):
        return False
    if any(word.lower() not in _WORDS_BEFORE for word in re.findall(r"[^\s,:]+", before)):
        return False
    if low.rank:
        return after in {"", "place", "position", "floor", "rank"}
    words = after.split()
    return len(words) <= _WORDS_AFTER_MAX and not any(word[:1].isupper() or re.search(r"\d", word) for word in words)
