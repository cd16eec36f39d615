"""The numbers in a text: their values, units and places.

Conventions where writing is ambiguous: a point before three digits is decimal (1.234 is a bit more than one), a comma
before three digits separates thousands (1,234); one point or comma repeated, both together, spaces, apostrophes and
underscores in groups of three separate thousands (1.234.567; 1.234,50; 1 234), a comma before one or two digits is
decimal (1,5). Parentheses are a minus where the number is all that an amount or the answer consists of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from docmind_core.measurements.number_text import LONG_SCALES
from docmind_core.measurements.units import CURRENCIES, unit_named

_SCALES = {
    "hundred": 100, "thousand": 1000, "k": 1000, "lakh": 10**5, "million": 10**6, "mio": 10**6, "mn": 10**6,
    "mln": 10**6, "crore": 10**7, "billion": 10**9, "bn": 10**9, "trillion": 10**12, "tn": 10**12, "dozen": 12,
}  # fmt: skip
_LETTER_SCALES = {"k": 1000, "K": 1000, "M": 10**6, "B": 10**9}
_MONEY_SCALES = {"m": 10**6, "b": 10**9, "t": 10**12}
_DIGITS = (
    r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2}"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"
    r"|\d{1,3}(?:[ '_]\d{3})+(?:[.,]\d+)?|0,\d+|\d+,\d{1,2}|\d+\.\d+|\.\d+|\d+"
)
_NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>(?<![\w)%°.])[-+]|\b(?:minus|negative)\s)?"
    r"(?P<currency>(?:\bUS)?\$|[€£¥₹]|\b(?:USD|EUR|GBP|CHF)\b)?\s?(?P<inner>(?<=[$€£¥₹])-)?(?P<inner_open>(?<=[$€£¥₹])\()?"
    r"(?<![\w.,#])(?<![A-Za-z]-)"
    r"(?:(?:(?P<whole>\d{1,6})\s)?(?P<upper>\d{1,9})/(?P<lower>\d{1,9})(?![\w/])"
    rf"|(?P<digits>{_DIGITS})(?:\s?[x×*·]\s?10\s?~\s?\{{?(?P<power>-?\d{{1,2}})\}}?|[eE](?P<exponent>[-+]?\d{{1,2}})\b)?)"
    r"(?!\d|[.,]\d)(?P<rank>(?:st|nd|rd|th)\b)?(?P<letters>(?:[A-Za-zµ]+[²³23]?)(?:/[a-z]+)?)?"
    r"(?:[\s-]?(?P<percent>%|percent\b|per\scent\b|percentage\spoints?\b))?"
    rf"(?:[\s-]?(?P<scale>{LONG_SCALES})\b)?",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"[\s-]?(?:(?P<kind>square|cubic|US|degrees?|swiss)[\s-])?(?P<name>°?[A-Za-zµ]+[²³23]?(?:/[a-z]+)?|[$€£¥₹])"
    r"(?:[\s-](?P<per>per[\s-](?:hour|second)|sterling)\b)?"
)
_PLURAL = re.compile(r"\s([a-z]{3,}s)\b(?!-)")
_NO_PLURAL = frozenset(
    {"this", "does", "was", "has", "its", "plus", "minus", "times", "thus", "less", "across", "always"}
)
_NAME_AFTER = re.compile(r"\s([A-Z][a-z]{2,})\b")
_NAME_BEFORE = re.compile(r"[^\s.:!?]\s([A-Z]\w*)\s$")
YEARS = range(1000, 3000)
_DIGITS_MAX = 60
"""Longer runs of digits are not read as numbers: no question asks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number in a text."""

    value: Fraction
    start: int
    end: int
    """After its unit."""
    decimal: bool
    """Written with a fraction: it was rounded, and is compared within 1 %."""
    percent: bool
    unit: str
    """Its one name in `units`, currencies among them; empty for none."""
    noun: str
    """The plural that follows and is not a unit: what was counted."""
    rank: bool
    """An ordinal: 3rd, third."""
    name: str
    """The capitalised word next to it that makes it part of a name: 42 Mill Road, Apollo 11."""
    bare: bool
    """Nothing but digits: no sign, separator, unit, percent or scale."""

    @property
    def is_year(self) -> bool:
        """Whether it reads as a year."""
        return self.bare and self.value.denominator == 1 and self.value.numerator in YEARS


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of a text that `plain_numbers` returned, in their order."""
    for found in _NUMBER.finditer(text):
        if (number := _read(text, found)) is not None:
            yield number


def _read(text: str, found: re.Match[str]) -> Number | None:
    value, decimal = _value(found)
    if value is None:
        return None
    end, unit = found.end(), _currency(found)
    if found["letters"]:
        decade = found["letters"] == "s" and (value in YEARS or text[: found.start()].endswith("the "))
        read = None if decade else _letters(found["letters"], money=bool(unit))
        if read is None:
            return None
        scale, glued = read
        value, unit = value * scale, unit or glued
    if found["scale"]:
        value *= _SCALES[found["scale"].lower()]
    if not unit or unit in CURRENCIES:
        length, after = _unit_after(text[end : end + 40])
        if after and (not unit or after == unit):
            unit, end = after, end + length
    negative = _is_negative(text, found, end)
    start = found.start() + len(found[0]) - len(found[0].lstrip(" ("))
    noun = "" if unit else _noun_after(text[end : end + 40])
    plain = re.fullmatch(r"\s?\d+", text[found.start() : found.end()]) is not None
    return Number(
        value=-value if negative else value,
        start=start,
        end=end,
        decimal=decimal,
        percent=found["percent"] is not None,
        unit=unit,
        noun=noun,
        rank=found["rank"] is not None,
        name="" if unit or found["percent"] else _name(text, start, end),
        bare=plain and not unit,
    )


def _value(found: re.Match[str]) -> tuple[Fraction | None, bool]:
    if found["upper"]:
        lower = int(found["lower"])
        return (Fraction(found["whole"] or 0) + Fraction(int(found["upper"]), lower), True) if lower else (None, False)
    if len(found["digits"]) > _DIGITS_MAX:
        return None, False
    digits = _point_decimal(found["digits"])
    power = int(found["power"] or found["exponent"] or 0)
    return Fraction(digits) * Fraction(10) ** power, "." in digits


def _point_decimal(digits: str) -> str:
    """Return digits without separators of thousands and with a point before the decimals."""
    digits = re.sub(r"[ '_]", "", digits)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2}", digits):
        return digits.replace(".", "").replace(",", ".")
    if re.fullmatch(r"0,\d+|\d+,\d{1,2}", digits):
        return digits.replace(",", ".")
    return digits.replace(",", "")


def _currency(found: re.Match[str]) -> str:
    return unit_named(found["currency"]) or "" if found["currency"] else ""


def _letters(letters: str, *, money: bool) -> tuple[int, str] | None:
    """Return scale and unit of letters right after the digits; None when they make it a name: 3D, 1990s."""
    if money and letters in _MONEY_SCALES:
        return _MONEY_SCALES[letters], ""
    if letters in _LETTER_SCALES or letters.lower() in _SCALES:
        return _LETTER_SCALES.get(letters) or _SCALES[letters.lower()], ""
    unit = unit_named(letters)
    return None if unit is None else (1, unit)


def _unit_after(text: str) -> tuple[int, str]:
    found = _UNIT.match(text)
    if found is None:
        return 0, ""
    parts = [found["kind"], found["name"], found["per"]]
    for words, group in ((parts, 0), (parts[1:], 0), (parts[:2], "name"), (parts[1:2], "name")):
        if words is not parts and words != parts[:2] and parts[0]:
            continue
        name = "-".join(re.sub(r"\s", "-", word) for word in words if word)
        if unit := unit_named(name):
            return found.end(group), unit
    return 0, ""


def _noun_after(text: str) -> str:
    found = _PLURAL.match(text)
    return found[1] if found and found[1] not in _NO_PLURAL else ""


def _is_negative(text: str, found: re.Match[str], end: int) -> bool:
    sign = (found["sign"] or "").strip().lower()
    if sign in {"-", "minus", "negative"} or found["inner"]:
        return True
    if not (found["open"] or found["inner_open"]) or text[end : end + 1] != ")":
        return False
    before = text[: found.start()].rstrip()
    return not before or before[-1] in "=:$€£¥₹" or before.split()[-1].lower() in {"is", "was", "of", "to"}


def _name(text: str, start: int, end: int) -> str:
    found = _NAME_AFTER.match(text, end) or _NAME_BEFORE.search(text[max(0, start - 40) : start])
    return found[1] if found else ""
