"""Texts made comparable: how an answer is held against an accepted one."""

import re
import string
import unicodedata
from functools import lru_cache

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ASCII_P = str.maketrans("", "", "".join(c for c in string.punctuation if unicodedata.category(c)[0] == "P") + "`")
"""Punctuation by Unicode, which `$+<=>^|~` are not; and the backtick, Markdown's quotation mark of code."""
_TICKED = re.compile(r"\A(`+)(.*)\1\Z", re.DOTALL)


def normalised(text: str) -> str:
    """Return a text in NFKC and lower case, without punctuation (Unicode P*), articles and extra white space."""
    text = unicodedata.normalize("NFKC", text).lower()
    bare = text.translate(_ASCII_P)
    if not bare.isascii():
        bare = "".join(
            character for character in bare if character.isascii() or unicodedata.category(character)[0] != "P"
        )
    return " ".join(_ARTICLES.sub(" ", bare).split())


def squad_normalised(text: str) -> str:
    """Return lower case without ASCII punctuation, articles and extra white space: the rule of the SQuAD script.

    Source: Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250, evaluate-v1.1.py.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_ASCII_PUNCTUATION)).split())


@lru_cache(maxsize=65536)
def vanishes(gold: str) -> bool:
    """Return whether normalising leaves no letter and no digit of an accepted answer: `A`, `==`, `the`."""
    return not any(character.isalnum() for character in normalised(gold))


def is_same_answer(prediction: str, gold: str) -> bool:
    """Return whether an answer is an accepted one.

    Normalised texts are compared; where nothing would be left of the accepted one, the texts as they are, stripped.
    """
    if vanishes(gold):
        return _stripped(prediction) == _stripped(gold)
    return normalised(prediction) == normalised(gold)


def _stripped(text: str) -> str:
    text = text.strip()
    ticked = _TICKED.match(text)
    return ticked[2].strip() if ticked else text
