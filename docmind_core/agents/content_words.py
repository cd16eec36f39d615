"""The words of a text that say what it is about."""

import re

_WORD = re.compile(r"\w{3,}")
_QUESTION_WORDS = {"what", "which", "when", "where", "does", "the", "and", "are", "how", "who", "why", "for", "with"}


def content_words(text: str) -> set[str]:
    """Return the words of three letters or more, lower case, without those that only make a question."""
    return {word.lower() for word in _WORD.findall(text)} - _QUESTION_WORDS
