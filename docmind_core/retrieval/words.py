"""The words that keyword search knows a text by, in any script."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import Stemmer

from docmind_core.suites.plain_values import LANGUAGES_WITHOUT_STEMMER

WORDS_SETTINGS: dict[str, object] = {
    "words": "NFKC, lower case, two characters or more, `_` is a space",
    "scripts without spaces": "pairs of neighbouring characters",
    "stemmer": Stemmer.version(),
}
STOP_WORDS = {
    "chinese": "CHINESE",
    "danish": "DANISH",
    "dutch": "DUTCH",
    "dutch_porter": "DUTCH",
    "english": "EN",
    "french": "FRENCH",
    "german": "GERMAN",
    "italian": "ITALIAN",
    "korean": "KOREAN",
    "norwegian": "NORWEGIAN",
    "porter": "EN",
    "portuguese": "PORTUGUESE",
    "russian": "RUSSIAN",
    "spanish": "SPANISH",
    "swedish": "SWEDISH",
    "turkish": "TURKISH",
}
"""The names of their lists in bm25s, which is imported where words are taken apart: it takes a while."""

# Thai, Lao; Myanmar; Khmer; Tai Le, New Tai Lue, Khmer symbols, Tai Tham; Balinese; kana, bopomofo; ideographs;
# Javanese, more Myanmar, Tai Viet; more ideographs. Hangul has spaces, but its words end in particles: pairs find the
# stem, as in Lucene's CJKAnalyzer.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3021-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
"""Soft hyphens, spaces without width and choices of a glyph: a word is the same with and without them."""


def indexed_words(texts: Sequence[str], language: str) -> list[list[str]]:
    """Return the words of each text as the index holds them.

    Of a script without spaces these are single characters too, for queries of one character.
    """
    return _words(texts, language, singles=True)


def searched_words(texts: Sequence[str], language: str) -> list[list[str]]:
    """Return the words of each query: stemmed, without stop words; pairs of characters in scripts without spaces.

    Raises:
        KeyError: If PyStemmer doesn't know the language, and it is neither `none` nor one that has stop words alone.
    """
    return _words(texts, language, singles=False)


def _words(texts: Sequence[str], language: str, *, singles: bool) -> list[list[str]]:
    stop_words = _stop_words(language)
    found = [[word for word in _split(_plain(text, language), singles) if word not in stop_words] for text in texts]
    if language in LANGUAGES_WITHOUT_STEMMER:
        return found
    # A stemmer of its own for each call: PyStemmer's objects are not thread-safe, and making one takes a microsecond.
    stem = Stemmer.Stemmer(language).stemWords
    return [stem(words) for words in found]


@cache
def _stop_words(language: str) -> frozenset[str]:
    from bm25s import stopwords

    return frozenset(getattr(stopwords, f"STOPWORDS_{STOP_WORDS[language]}")) if language in STOP_WORDS else frozenset()


def _plain(text: str, language: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("_", " ")
    if language == "turkish":
        text = text.replace("I", "\u0131")
    # Python writes the small letter of a capital I with a dot as two characters.
    return text.lower().replace("i\u0307", "i")


def _split(text: str, singles: bool) -> Iterator[str]:
    patterns = _patterns()
    if not patterns.unspaced.search(text):
        yield from (run for run in patterns.run.findall(text) if len(run) > 1)
        return
    for run in patterns.run.findall(text):
        for part in patterns.part.findall(run):
            if patterns.unspaced.match(part):
                yield from _pairs(patterns.character.findall(part), singles)
            elif len(part) > 1 or part != run:
                yield part


def _pairs(characters: Sequence[str], singles: bool) -> Iterator[str]:
    if singles or len(characters) == 1:
        yield from characters
    yield from map("".join, pairwise(characters))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patterns:
    run: re.Pattern[str]
    """Letters, digits and the marks on them."""
    part: re.Pattern[str]
    """What of a run is in scripts without spaces, or what is not."""
    unspaced: re.Pattern[str]
    character: re.Pattern[str]
    """A letter with the marks on it."""


@cache
def _patterns() -> _Patterns:
    # `\w` leaves marks out (accents, vowel signs), and words with them, as Hindi and Thai have, would fall apart.
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M")
    return _Patterns(
        run=re.compile(rf"[\w{marks}]+"),
        part=re.compile(rf"[{UNSPACED}][{UNSPACED}{marks}]*|[^{UNSPACED}]+"),
        unspaced=re.compile(f"[{UNSPACED}]"),
        character=re.compile(f"[^{marks}][{marks}]*|[{marks}]+"),
    )
