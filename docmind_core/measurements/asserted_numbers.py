"""Finds the number that an answer asserts among all numbers it mentions.

It is the only one of its kind, what the answer calls its answer, or what its computation ends in. What the answer
denies, asks, supposes, takes from the question or hedges with another number is not asserted: naming many numbers
never wins.
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice, pairwise

from docmind_core.measurements.number_golds import BOUND, NumberGold, is_range
from docmind_core.measurements.number_text import plain_numbers
from docmind_core.measurements.numbers import Number, numbers_in
from docmind_core.measurements.units import same_unit, unit_named

_REACH = 200
"""Characters before and after a number that are searched for what denies it."""


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_INCLUSIVE = _words(r"\b(?:no|not)\s+(?:more|fewer|less|later|earlier|greater|higher)\s+than\s*$")
_DENIED_BEFORE = _words(
    r"\b(?:not|never|neither|nor|cannot|no longer|rather than|instead of|other than|as opposed to|unlike)\b",
    r"\banything but\b",
    r"\b(?:wrong|false|incorrect|mistaken)(?:ly)?\b|\b(?:excluding|except|without|unlikely|hardly|doubtful|impossible)\b",
    r"n't\b|\b(?:one|\d+)\s+(?:in|out of)\s+(?:every\s+)?$",
)
_IN_TIME = _words(
    r"(?:\b(?:in|since|by|of|from|until|till|year|during|after|before|around|circa|early|late|mid|to|and|the)|[(,]"
    r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december))[ -]*$"
)
_PART_BEFORE = _words(r"\b(?:of which|of whom|including|among (?:them|which))\s*(?:\w+\s+)?$")
_PART_AFTER = _words(r"\s+of (?:them|these|those|which|whom)\b")
_DENIED_AFTER = _words(
    r"^[^.;!?\n,]*?\b(?:is|was|are|were|would be)(?:n't|\s+not)\b",
    r"^[^.;!?\n,]*?\b(?:wrong|false|incorrect|untrue|mistaken|inaccurate|outdated)\b",
    r"^[^.;!?\n]*[.;!,]\s*(?:but )?(?:that|this|it|which)(?: is| was|'s)(?: not|n't) (?:true|right|correct|so)\b",
    r"^[^.;!?\n]*[.;!,]\s*(?:but )?(?:that|this|which)(?: is| was|'s) (?:wrong|false|incorrect|untrue)\b",
)
_CLAUSE_END = _words(
    r"[.;:!?\n]|(?<!anything )\bbut\b|\bhowever\b",
    r",\s*(?=(?:and|so|yet|it|they|he|she|this|that|the|there|which|we|i|you|its|their)\b)",
    r",\s*(?=(?:approximately|about|around|rather|instead|\d)\b)",
)
_SUPPOSED = _words(r"\b(?:if|unless|suppose|supposing|assuming|whether|had it been|imagine)\b")
_SENTENCE_END = re.compile(r"[.!?](?=[\s\"')\]]|$)|\n")
_OR = _words(r"^\s*[\w ]{0,12},?\s*(?:or|/|,? ?(?:possibly|maybe|perhaps|alternatively))\s+[\w ]{0,20}$")
_CALLED_ANSWER = _words(
    r"\b(?:final answer|the (?:correct |right |short )?answer|answer|result|in conclusion|conclusion)\b"
    r"[\s*_\"']*(?::|=|\bis\b|\bwas\b|\bwould be\b|->)"
)
_CORRECTED = _words(
    r"\b(?:wait|actually|correction|scratch that|i mean|on second thought|let me re\w+|sorry|mistake)\b"
)
_COMPUTED = _words(
    r"\d\s*[)%]?\s*[=\N{ALMOST EQUAL TO}]|[=\N{ALMOST EQUAL TO}]\s*[$€£]?\s*-?\d|\d\s*[+×÷*]\s*\d",
    r"\b(?:plus|minus|times|multiplied|divided|adding|subtract\w*|sum|total\w*|altogether|in all|leaves|remain\w*)\b",
    r"\b(?:therefore|thus|hence|so|makes|gives|giving|which is|that is|in other words)\b|\bi\.\s?e\.",
    r"\bbut (?:only|just|now|actually|later|finally)\b",
)
_NUMBERS_MAX = 300
"""An answer that names more asserts none of them."""
_FEW_WORDS = 3
"""Words of a sentence that is a number, its scale and its unit."""


def candidates(text: str, gold: NumberGold, question: str) -> list[Number]:
    """Return the numbers of an answer that it does not deny, ask, suppose or give as the end of something."""
    wanted = list(islice((number for number in numbers_in(text) if _may_be(number, gold, question)), _NUMBERS_MAX + 1))
    if len(wanted) > _NUMBERS_MAX:
        return []
    return [number for number in wanted if not _is_denied(text, number, gold)]


def asserted_number(text: str, found: Sequence[Number], gold: NumberGold, question: str) -> Number | None:
    """Return the one number among `found` that the answer asserts; None when there are none or several."""
    called = [number for mark in _CALLED_ANSWER.finditer(text) if (number := _called_answer(text, found, mark, gold))]
    if called:
        return _agreed(text, found, called)
    kind = _of_kind(text, found, gold, question)
    if not kind:
        return None
    several = len({(number.value, number.percent) for number in kind}) > 1
    if several and not _COMPUTED.search(text):
        return _broken_down(text, kind) or _headline(text, kind)
    return None if _is_hedged(text, found, kind[-1]) else kind[-1]


def asserted_range(text: str, found: Sequence[Number]) -> tuple[Number, Number] | None:
    """Return the one range that the answer asserts; None when there is none, or when it names other numbers too."""
    ranges = [(one, other) for one, other in pairwise(found) if is_range(text, one, other)]
    ends = {(one.value, other.value) for one, other in ranges}
    if len(ends) != 1 or len({number.value for number in found if not number.is_year}) > 2:
        return None
    return ranges[-1]


def _may_be(number: Number, gold: NumberGold, question: str) -> bool:
    if gold.low.rank:
        return number.rank
    return not number.rank and (not number.name or number.is_year or number.name.lower() in question.lower())


def _is_denied(text: str, number: Number, gold: NumberGold) -> bool:
    before = text[max(0, number.start - _REACH) : number.start]
    ends = list(_CLAUSE_END.finditer(before))
    clause = before[ends[-1].end() :] if ends else before
    if _INCLUSIVE.search(clause):
        return False
    if _DENIED_BEFORE.search(clause) or _SUPPOSED.search(clause) or (not gold.bounded and BOUND.search(clause)):
        return True
    rest = text[number.end : number.end + _REACH]
    end = _SENTENCE_END.search(rest)
    return _DENIED_AFTER.match(rest) is not None or (end is not None and end[0] == "?")


def _agreed(text: str, found: Sequence[Number], called: Sequence[Number]) -> Number | None:
    """Return what the answer calls its answer, the last one where it corrects itself."""
    corrected = any(_CORRECTED.search(text[one.end : other.start]) for one, other in pairwise(called))
    if not corrected and len({number.value for number in called}) > 1:
        return None
    last = called[-1]
    taken_back = _CORRECTED.search(text, last.end) and any(number.start > last.end for number in found)
    return None if taken_back or _is_hedged(text, found, last) else last


def _called_answer(text: str, found: Sequence[Number], mark: re.Match[str], gold: NumberGold) -> Number | None:
    until = _end_of_sentence(text, mark.end())
    if not text[mark.end() : until].strip():
        until = _end_of_sentence(text, until + 1)
    stated = [number for number in found if mark.end() <= number.start < until]
    stated = _same_kind(stated, gold) or stated
    if not stated:
        return None
    several = len({number.value for number in stated}) > 1
    return None if several and not _COMPUTED.search(text[mark.end() : until]) else stated[-1]


def _end_of_sentence(text: str, begin: int) -> int:
    end = _SENTENCE_END.search(text, begin)
    return end.start() if end else len(text)


def _of_kind(text: str, found: Sequence[Number], gold: NumberGold, question: str) -> list[Number]:
    """Return the numbers that may be the answer: of the gold's kind, no years, no parts, not the question's own."""
    kind = _same_kind(found, gold)
    asked = {number.value for number in numbers_in(plain_numbers(question))}
    units = {unit_named(word) for word in re.findall(r"[\w/°²³]+", question)}
    is_other: tuple[Callable[[Number], bool], ...] = (
        lambda number: number.value in asked,
        lambda number: number.is_year and not gold.low.is_year and _IN_TIME.search(text, 0, number.start) is not None,
        lambda number: _is_part(text, number),
        lambda number: bool(number.unit) and not gold.low.unit and number.unit not in units,
    )
    for other in is_other:
        kind = [number for number in kind if not other(number)] or kind
    return kind


def _same_kind(found: Sequence[Number], gold: NumberGold) -> list[Number]:
    low = gold.low
    if low.percent:
        return [number for number in found if number.percent] or [number for number in found if not number.unit]
    if low.unit:
        alike = [number for number in found if number.unit and same_unit(number.unit, low.unit)]
        return alike or [number for number in found if not number.unit and not number.percent]
    if low.is_year:
        return [number for number in found if number.is_year] or list(found)
    return list(found)


def _is_part(text: str, number: Number) -> bool:
    """Return whether it counts a part of what was counted before: 17, of which 3 are closed."""
    before = text[max(0, number.start - _REACH) : number.start]
    return _PART_BEFORE.search(before) is not None or _PART_AFTER.match(text, number.end) is not None


def _broken_down(text: str, kind: Sequence[Number]) -> Number | None:
    """Return the first number where what follows it, after a colon or in parentheses, are parts that sum up to it."""
    whole, parts = kind[0], kind[1:]
    opened = re.search(r"[:(]", text[whole.end : parts[0].start])
    return whole if opened and len(parts) > 1 and whole.value == sum(part.value for part in parts) else None


def _headline(text: str, kind: Sequence[Number]) -> Number | None:
    """Return the number of an answer that begins with nothing but it; what follows explains."""
    end = _SENTENCE_END.search(text)
    if end is None or len(text[: end.start()].split()) > _FEW_WORDS:
        return None
    first = [number for number in kind if number.start < end.start()]
    others = _SENTENCE_END.split(text[end.end() :])
    another = any(len(sentence.split()) <= _FEW_WORDS and any(numbers_in(sentence)) for sentence in others)
    return first[0] if len(first) == 1 and not another else None


def _is_hedged(text: str, found: Sequence[Number], number: Number) -> bool:
    """Return whether the number is one of two that the answer leaves open, or an end of a range."""
    return any(
        number in (one, other)
        and one.value != other.value
        and (is_range(text, one, other) or _OR.match(text[one.end : other.start]) is not None)
        for one, other in pairwise(found)
    )
