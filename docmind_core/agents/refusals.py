"""When an answer counts as "the documents don't say"."""

import re

REFUSAL_SENTENCE = "The documents do not answer this."
REFUSAL_RULES_VERSION = "3"
"""Stored in the manifest of each run, so that counts of two versions can be told apart."""

_LEAD = (
    r"(?:(?:(?:i'm |i am )?sorry|unfortunately|answer|based on [^.,:]{1,60}|according to [^.,:]{1,60})"
    r"(?:[,:;.]|,? but)?\s+){0,2}"
)
_SOURCE = (
    r"(?:(?:(?:the|these|those|any|your) |(?:none|any) of the )?(?:(?:provided|given|retrieved|available) )?"
    r"(?:documents?|passages?|context|sources?)|(?:the |this )?(?:provided|given) text)"
)
_NOT = r"(?: not|n't)"
_CANNOT = rf"(?:can{_NOT}|cannot|can't|could{_NOT}|unable to|not able to|not possible to)"
_SAY = r"(?:answer|contain|hold|say|state|mention|provide|specify|include|describe|tell)"
_SAID = r"(?:answered|stated|mentioned|specified|contained|provided|found|described|determined|given)"
_END = r"(?=\s*[.,;:!]|\s*$)"
_REFUSAL = re.compile(
    rf"^{_LEAD}(?:"
    rf"{_SOURCE} (?:do|does|did){_NOT} (?:\w+ )?{_SAY}\b"
    rf"|none of (?:the|these) (?:documents|passages|sources) {_SAY}s?\b"
    rf"|[^.]{{0,120}}\bnot (?:\w+ )?{_SAID} (?:in|by|from) {_SOURCE}{_END}"
    rf"|(?:the )?answer (?:is|was){_NOT} (?:\w+ )?(?:in|part of) {_SOURCE}{_END}"
    r"|(?:there is |there's )no mention of [^.,;:]{1,120}[.!]?$"
    rf"|(?:it is |it's )?(?:not possible|impossible) to answer\b[^.]{{0,80}}\b(?:in|from|on|with) {_SOURCE}{_END}"
    rf"|(?:there is |there's )?(?:no|not enough) (?:information|mention|answer)\b[^.]{{0,120}}"
    rf"\b(?:in|from) {_SOURCE}{_END}"
    rf"|[^.]{{0,120}}\b{_CANNOT} be {_SAID} (?:in|by|from|with) {_SOURCE}{_END}"
    rf"|(?:the|this|your) question {_CANNOT} be (?:answered|determined)\b"
    rf"|(?:i|we)(?:'m| am| are)? {_CANNOT} (?:answer|determine|find|say|tell)\b"
    r"|(?:i|we) (?:do not|don't) know\b"
    rf"|(?:(?:it|this|that|the answer) {_CANNOT} be (?:answered|determined)"
    r"|unknown|no answer|not (?:mentioned|stated|specified|provided)"
    r"|not enough information|no information(?: (?:is|was) (?:provided|given|available))?)[.!]?$"
    r")",
    re.IGNORECASE,
)
"""Anchored at the beginning: a refusal is what the answer opens with, and is about the documents or the question.

An answer may well be about what cannot be found or does not contain something, on documents about Python above all.
"""


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents don't hold it; an empty answer says nothing, so no."""
    plain = answer.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip().lstrip("\"'*_ ")
    return bool(_REFUSAL.match(" ".join(plain.split())))
