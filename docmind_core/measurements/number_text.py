"""A text with its numbers in digits, and without the digits that are none of its numbers.

Words, vulgar fractions, LaTeX and Markdown become plain; dates keep their year; what points at a page, a passage or a
version goes. What is left is read by `numbers.numbers_in`.
"""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from text_to_num import alpha2digit

LONG_SCALES = r"hundred|thousand|lakh|million|mio|mn|mln|crore|billion|bn|trillion|tn|dozen"
_MONTHS = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_SAME = {
    **dict.fromkeys(
        "\N{MINUS SIGN}\N{NON-BREAKING HYPHEN}\N{HYPHEN}\N{FULLWIDTH HYPHEN-MINUS}\N{SMALL HYPHEN-MINUS}", "-"
    ),
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    **{unit: unit for unit in "²³"},
}
"""Characters read as another one, or kept: a square metre is a unit."""
_HIDING = "\N{ZERO WIDTH NON-JOINER}"
"""In a word that is not to be read as a number."""

_UNSPACED = r"\u0e00-\u0e4f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_LETTER_BEFORE_DIGIT = re.compile(rf"(?<=[{_UNSPACED}])(?=[-+]?[$€£¥]?\d)")
"""In scripts without spaces a number follows its word at once."""
_MYRIADS = {"万亿": 10**12, "萬億": 10**12, "亿": 10**8, "億": 10**8, "万": 10**4, "萬": 10**4}
_NEGATED = re.compile(r"(?:[并並]?不是|[并並]非)[约約]?\s*(?=[-+]?\d)")
_WITH_MYRIAD = re.compile(rf"(?<![\d.])(\d+(?:,\d{{3}})*(?:\.\d+)?)\s?({'|'.join(_MYRIADS)})")

Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(*pairs: tuple[str, str], flags: re.RegexFlag = re.IGNORECASE) -> Rules:
    return tuple((re.compile(pattern, flags | re.MULTILINE), replacement) for pattern, replacement in pairs)


_MARKUP = _rules(
    (r"\\(?:boxed|fbox)\s*\{([^{}]*)\}", r" . final answer: \1 . "),
    (r"(?:^|\s)####\s+", " . final answer: "),
    (r"\\d?frac\{(\d+)\}\{(\d+)\}", r"\1/\2"),
    (r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}", r"\1"),
    (r"\\(?:times|cdot)", "×"),
    (r"\\([%$&#])", r"\1"),
    (r"\\[()\[\],;! ]", " "),
    (r"\$([\d\s.,=+*/^×÷(){}%-]*)\$(?!\d)", r"\1"),
    (r"\*\*(?!\d)|(?<!\d)\*\*|__|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)|`", ""),
    (r"(^|[\s(:=])\N{EN DASH}(?=\d)", r"\1-"),
    (r"^\s*[-*+\N{BULLET}]\s+", ""),
    (r"^\s{0,3}#{1,3}\s+", ""),
)
_ENUMERATED = re.compile(r"^\s*1[.)]\s+\S", re.MULTILINE)
_ENUMERATOR = re.compile(r"^\s*\d{1,2}[.)]\s+(?=\S)", re.MULTILINE)

_SPELLED = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|\w*hundred|thousand"
    r"|\w+illion|first|second|third|\w+th|half|halves|thirds?|quarters?|dozen)\b",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"(?<![\w-])(?<!ty )one\b(?!\s+(?:hundred|thousand|\w+illion|dozen|point|and a half|half|third|quarter|fifth))",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:no|each|every|any|some|which|this|that|the|another|other|last|first|right|wrong|next)[\s-]one\b"
    r"|\bone\s+(?:of|another|or|by|can|could|may|might|must|should|would|will|has|needs|day|after)\b|\bone's\b",
    re.IGNORECASE,
)
_BEFORE_READING = _rules(
    (r"\bhalf an? (hundred|thousand|\w+illion)\b", r"0.5 \1"),
    (rf"(?<=\d)(\s?)(?=(?:{LONG_SCALES})\b)(\w)", rf"\1\2{_HIDING}"),
    (r"(?<=\d )second\b", "sec"),
    (r"\b(\w+) and a half\b", r"\1 point five"),
    (r"\b(?:a|one) dozen\b", "12"),
    (r"\ban? (hundred|thousand|million|billion|trillion)\b", r"one \1"),
    (r"-(third|quarter|half|halve|fourth|fifth|eighth|tenth)", r" \1"),
)
_AFTER_READING = _rules(
    (_HIDING, ""),
    (r"(?<=\.\d )1000\b", "thousand"),
    (r"(?<=\.\d )1000000\b", "million"),
    (r"(?<=\.\d )1000000000\b", "billion"),
    (r"\b(\d+) (\d+)(?:rd|th)s\b", r"\1/\2"),
    (r"\b(\d+) quarters\b", r"\1/4"),
    (r"\b(?:a|1) (3|5|10)(?:rd|th)(?= of\b|\W*\Z)", r"1/\1"),
    (r"\b(?:a|1) quarter(?= of\b|\W*\Z)", "1/4"),
    (r"\b(?:(?:a|1) )?half(?= (?:of|the)\b|\W*\Z)", "1/2"),
)

_NO_NUMBERS = _rules(
    (r"https?://\S+", " link "),
    (r"\[\^?\d+(?:\s*[,;-]\s*\d+)*\]|【[^】]*】", " "),
    (r"\b(\d{4})-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?\b", r"\1"),
    (r"\b\d{1,2}[/.]\d{1,2}[/.](\d{4})\b", r"\1"),
    (r"(?<![\d:.])\d{1,2}:\d\d(?::\d\d)?\b", " time "),
    (r"\b\d+(?:\.\d+)?\s?(?:\^|\*\*)\s?\{?-?\d+\}?(?:\s?[-+]\s?\d+)?", " power "),
    (r"(?<![\d.])(?!\d{1,3}(?:\.\d{3})+(?![\d.]))\d+(?:\.\d+){2,}", " version "),
)
_POWER_OF_TEN = re.compile(r"(?<=\d)(\s?[x×*·]\s?10\s?)\^(\s?\{?-?\d{1,2}\}?)")
_DATES = _rules(
    (rf"\b{_MONTHS}\s{_DAY}\b,?(?!\d)(?!\s*(?:%|million|people))", " "),
    (rf"\b{_DAY}\s(?:of\s)?{_MONTHS},?", " "),
    flags=re.MULTILINE,
)
_SOURCES = (
    "page", "passage", "document", "doc", "source", "section", "chapter", "figure", "table", "line", "step", "item",
    "ref", "reference", "citation", "footnote", "note", "paragraph", "appendix", "excerpt", "chunk", "context",
    "article", "option", "question",
)  # fmt: skip


@lru_cache(maxsize=4096)
def plain_numbers(text: str, *, asked: str = "", counts_one: bool = False) -> str:
    """Return the text as `numbers_in` reads it.

    Args:
        text: An answer, or an accepted one.
        asked: The question. Where it is about a page or a passage, their numbers count.
        counts_one: Whether the word "one" is a number; it is a pronoun as often.
    """
    if not text.isascii():
        text = _NEGATED.sub(" is not ", "".join(map(_plain_character, text)))
        text = _LETTER_BEFORE_DIGIT.sub(" ", text)
        text = _WITH_MYRIAD.sub(_written_out, text)
    if _ENUMERATED.search(text):
        text = _ENUMERATOR.sub("", text)
    text = _replaced(text, _MARKUP)
    text = _POWER_OF_TEN.sub(r"\1~\2", text)
    text = _replaced(_replaced(text, _NO_NUMBERS), _DATES)
    words = asked.lower()
    sources = "|".join(name for name in _SOURCES if name not in words)
    if sources:
        more = r"(?:\s*(?:,|and|&|-|\N{EN DASH}|to|or)\s*\d+\b)*"
        pointing = rf"\b(?:{sources})s?\s*(?:no\.\s*|number\s*|#)?\d+\b(?!\.\d){more}"
        text = re.sub(pointing, " source ", text, flags=re.IGNORECASE)
    return _without_words(text, counts_one=counts_one)


def has_date(text: str) -> bool:
    """Return whether a text has a day of a month: `plain_numbers` leaves its year alone."""
    return any(pattern.search(text) for pattern, _ in (*_DATES, *_NO_NUMBERS[2:4]))


def _replaced(text: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def _written_out(found: re.Match[str]) -> str:
    value = Fraction(found[1].replace(",", "")) * _MYRIADS[found[2]]
    return str(value.numerator) if value.denominator == 1 else f"{float(value):f}"


def _plain_character(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    category = unicodedata.category(character)
    plain = unicodedata.normalize("NFKC", character)
    if category == "No" and "\N{FRACTION SLASH}" in plain:
        return " " + plain.replace("\N{FRACTION SLASH}", "/")
    if category == "No" and "SUPERSCRIPT" in unicodedata.name(character, ""):
        return f"^{plain}"
    return plain if category in {"Nd", "Sc", "Po", "Zs"} and len(plain) == 1 else character


def _without_words(text: str, *, counts_one: bool) -> str:
    if not _SPELLED.search(text):
        return text
    text = _replaced(text, _BEFORE_READING)
    hidden = _PRONOUN if counts_one else _ONE
    text = hidden.sub(lambda found: re.sub(r"(?=ne\b)", _HIDING, found[0]), text)
    return _replaced(alpha2digit(text, "en", 0), _AFTER_READING)
