"""Whether an answer asserts the number of an accepted answer."""

import json
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from docmind_core.measurements.asserted_numbers import asserted_number, asserted_range, candidates
from docmind_core.measurements.number_golds import NumberGold, number_gold
from docmind_core.measurements.number_text import plain_numbers
from docmind_core.measurements.numbers import Number
from docmind_core.measurements.units import same_unit, unit_named

TOLERANCE = Fraction(1, 100)
_READ_MAX = 10_000
"""Characters of an answer that are read, the last ones: a computation ends in its result."""
_SPACES = re.compile(r"[ \t]{2,}")
_ANSWER_KEYS = ("final_answer", "answer", "result", "value", "response")
_FENCE = re.compile(r"\A\s*```\w*\s*(.*?)\s*```\s*\Z", re.DOTALL)
_SHARE = re.compile(r"\b(?:percent\w*|per cent|share|proportion|fraction|ratio|rate|probability)\b|%", re.IGNORECASE)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALE_ASKED = re.compile(rf"\b({'|'.join(_SCALES)})s?\b", re.IGNORECASE)
_COUNTED = re.compile(r"\bhow many (?:\w+[\s-]){0,2}?([a-z]{3,}s|people)\b", re.IGNORECASE)
_OF_PEOPLE = re.compile(r"(?:ers|ors|ees|ists|ants|ents|ians|men|women|children|people)$")
_PROFIT = re.compile(r"\b(?:profit|result|income|earnings|balance)\b", re.IGNORECASE)
_LOSS = re.compile(r"(?<=\bloss of )(?=[$€£\d])", re.IGNORECASE)
_WHEN = re.compile(r"\b(?:when|year)\b", re.IGNORECASE)
_VERSION = re.compile(r"\b(?:version|release)\b", re.IGNORECASE)


def numeric_match(answer: str, golds: Sequence[str], *, question: str = "", in_sentence: bool = False) -> float | None:
    """Return 1 when the answer asserts the number of an accepted answer, else 0.

    Decimals match within 1 % (0.01 for zero), integers only when equal; versions too. A unit need not be repeated,
    another one is a miss; so is a scale, unless the question names it.

    Args:
        answer: As it was read: without thinking and citation marks.
        golds: Accepted answers.
        question: What was asked; its own numbers are not the answer's.
        in_sentence: Whether accepted answers are sentences.

    Returns:
        None when no accepted answer is a number (`no_gold`).
    """
    read = (number_gold(gold, question=question, in_sentence=in_sentence) for gold in golds)
    wanted = [gold for gold in read if gold is not None]
    return float(any(_asserts(answer, gold, question) for gold in wanted)) if wanted else None


@lru_cache(maxsize=1024)
def _asserts(answer: str, gold: NumberGold, question: str) -> bool:
    if " ".join(answer.split()).lower() == gold.text.lower():
        return True
    counts_one = gold.high is None and gold.low.value == 1
    said = _SPACES.sub(" ", _json_answer(answer))[-_READ_MAX:]
    text = plain_numbers(said, asked=question, counts_one=counts_one)
    if _PROFIT.search(question):
        text = _LOSS.sub("-", text)
    found = candidates(text, gold, question)
    if gold.high is None:
        number = asserted_number(text, found, gold, question)
        return number is not None and _equal(number, gold.low, question)
    ends = asserted_range(text, found)
    if ends is None:
        return False
    unit = ends[1].unit or ends[0].unit
    same = not unit or not gold.high.unit or same_unit(unit, gold.high.unit)
    return same and (ends[0].value, ends[1].value) == (gold.low.value, gold.high.value)


def _json_answer(answer: str) -> str:
    """Return what a JSON object gives as its answer; one that gives none, or several, answers nothing."""
    fenced = _FENCE.match(answer)
    bare = fenced[1] if fenced else answer.strip()
    if not bare.startswith("{"):
        return answer
    try:
        fields = json.loads(bare)
    except (ValueError, RecursionError):
        return answer
    by_name = {str(name).lower(): value for name, value in fields.items()}
    values = [by_name[name] for name in _ANSWER_KEYS if name in by_name]
    return str(values[0]) if values and isinstance(values[0], str | int | float) else ""


def _equal(number: Number, wanted: Number, question: str) -> bool:
    if not _units_agree(number, wanted, question):
        return False
    values = {number.value}
    if wanted.percent and not number.percent:
        values.add(number.value * 100)
    elif number.percent and not wanted.percent:
        values = {number.value / 100} | (values if _SHARE.search(question) else set())
    scales = [_SCALES[word.lower()] for word in _SCALE_ASKED.findall(question)]
    values |= {value * factor for value in values for scale in scales for factor in (scale, Fraction(1, scale))}
    return any(_close(value, wanted, exact=_VERSION.search(question) is not None) for value in values)


def _close(value: Fraction, wanted: Number, *, exact: bool) -> bool:
    if wanted.value == 0:
        return abs(value) <= TOLERANCE
    if not wanted.decimal or exact:
        return value == wanted.value
    return abs(value - wanted.value) <= TOLERANCE * abs(wanted.value)


def _units_agree(number: Number, wanted: Number, question: str) -> bool:
    if wanted.percent:
        return not number.unit
    if number.unit and wanted.unit:
        return same_unit(number.unit, wanted.unit)
    if number.percent and wanted.unit:
        return False
    counted = _counted(wanted, question)
    if not number.unit:
        return _nouns_agree(number.noun, counted, question)
    if wanted.is_year and _WHEN.search(question):
        return False
    people = number.unit == "people" and any(map(_OF_PEOPLE.search, counted))
    return not counted or people or any(same_unit(unit_named(noun) or "", number.unit) for noun in counted)


def _counted(wanted: Number, question: str) -> set[str]:
    """Return what was counted, by the accepted answer or the question."""
    asked = _COUNTED.search(question)
    return {noun for noun in (wanted.noun, asked[1].lower() if asked else "") if noun}


def _nouns_agree(noun: str, counted: set[str], question: str) -> bool:
    """Return whether what the answer counted may be what was asked for: any people may be called otherwise."""
    if not noun or not counted or noun in counted or noun in question.lower():
        return True
    return any(map(_OF_PEOPLE.search, counted)) and _OF_PEOPLE.search(noun) is not None
