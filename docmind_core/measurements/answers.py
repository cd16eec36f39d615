"""How close an answer's text is to the accepted answers."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CLOSED = frozenset({"yes", "no", "noanswer", "no answer"})

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_NUMBER = re.compile(
    r"(?<![\w.,])(?<![^\W\d]-)(?P<open>\()?(?P<sign>[-+\N{MINUS SIGN}])?(?P<currency>[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![\w]|[.,]\d)"
    r"(?P<close>\))?(?:\s*(?P<percent>%|percent\b|per cent\b))?"
    r"(?:\s+(?P<scale>hundred|thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)
NUMBERS_MAX = 3
"""An answer that lists more numbers than this names none of them."""


def normalised(text: str) -> str:
    """Return lower case without ASCII punctuation, articles and extra white space: the rule of the SQuAD script.

    Source: Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250, evaluate-v1.1.py.
    """
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 when the normalised answer equals an accepted one, else 0.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    return float(any(normalised(prediction) == normalised(gold) for gold in golds))


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the best F1 of word overlap with an accepted answer, in [0, 1].

    Bags of normalised words, multiplicity counted. Both empty is 1, one empty is 0. For the golds yes, no
    and no answer it is `exact_match`, as in the HotpotQA script: one shared word would be half a point.

    Raises:
        ValueError: If there is no accepted answer (`no_gold`).
    """
    _require(golds)
    return max(_overlap_f1(normalised(prediction), normalised(gold)) for gold in golds)


def numeric_match(prediction: str, golds: Sequence[str]) -> float | None:
    """Return 1 when the answer holds the number of an accepted answer, within 1 %, else 0.

    An accepted answer counts when it holds exactly one number. Signs, parentheses as minus, thousands
    separators, percent and scale words are read; the rest of the accepted answer is its unit, and each of
    its words must stand in the answer. Zero is matched within 0.01. A bare integer from 1000 to 2999 reads
    as a year and must be equal: 1 % of a year is two decades.

    Returns:
        None when no accepted answer holds exactly one number (`no_gold`).
    """
    wanted = [number for gold in golds if (number := _only_number(gold)) is not None]
    if not wanted:
        return None
    found = _numbers(prediction)
    if len(found) > NUMBERS_MAX:
        return 0.0
    words = Counter(_unit_words(prediction))
    return float(any(_equal(number, gold) and not gold.unit - words for number in found for gold in wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    value: float
    unit: Counter[str]
    """Words beside the number; filled for accepted answers only."""
    percent: bool
    currency: str
    is_year: bool


def _require(golds: Sequence[str]) -> None:
    if not golds:
        raise ValueError("a match needs at least one accepted answer; drop the query or add one")


def _overlap_f1(prediction: str, gold: str) -> float:
    if gold in _CLOSED:
        return float(prediction == gold)
    predicted, wanted = prediction.split(), gold.split()
    if not predicted or not wanted:
        return float(predicted == wanted)
    common = sum((Counter(predicted) & Counter(wanted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _only_number(text: str) -> _Number | None:
    numbers = _numbers(text)
    if len(numbers) != 1:
        return None
    number = numbers[0]
    return _Number(
        value=number.value,
        unit=Counter(_unit_words(text)),
        percent=number.percent,
        currency=number.currency,
        is_year=number.is_year,
    )


def _numbers(text: str) -> list[_Number]:
    return [_read_number(match) for match in _NUMBER.finditer(text)]


def _read_number(match: re.Match[str]) -> _Number:
    digits = match["digits"]
    negative = match["sign"] in {"-", "\N{MINUS SIGN}"} or bool(match["open"] and match["close"])
    scale = _SCALES[match["scale"].lower()] if match["scale"] else 1.0
    bare = not (match["sign"] or match["currency"] or match["percent"] or match["scale"] or match["open"])
    return _Number(
        value=float(digits.replace(",", "")) * scale * (-1.0 if negative else 1.0),
        unit=Counter(),
        percent=match["percent"] is not None,
        currency=(match["currency"] or "").strip(),
        is_year=bare and re.fullmatch(r"[12]\d{3}", digits) is not None,
    )


def _unit_words(text: str) -> list[str]:
    return normalised(_NUMBER.sub(" ", text)).split()


def _equal(number: _Number, gold: _Number) -> bool:
    if number.percent != gold.percent or number.currency != gold.currency:
        return False
    if gold.is_year:
        return number.value == gold.value
    tolerance = 0.01 * abs(gold.value) if gold.value else 0.01
    # Decimal fractions are not exact in binary: 1 % off must not become a miss by rounding.
    return abs(number.value - gold.value) <= tolerance * (1 + 1e-9)
