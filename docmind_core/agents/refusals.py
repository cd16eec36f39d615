"""When an answer counts as "the documents don't say"."""

import re

REFUSAL_SENTENCE = "The documents do not answer this."
REFUSAL_RULES_VERSION = "1"

_SOURCE = r"(?:the |these |those |provided |given |any )*(?:documents?|passages?|context|text|sources?)"
_REFUSAL = re.compile(
    rf"(?:{_SOURCE} (?:do|does|did)(?: not|n't) (?:answer|contain|hold|say|state|mention|provide|specify|include)\b)"
    rf"|(?:\bnot (?:answered|stated|mentioned|specified|contained|provided|found) (?:in|by) {_SOURCE})"
    rf"|(?:\b(?:can(?:not|'t| not)|could not|couldn't|unable to) (?:be )?(?:answer|determine|find|say)(?:ed|d)?\b)"
    r"|(?:^(?:i do not know|i don't know|unknown|no answer|not enough information)\b)",
    re.IGNORECASE,
)


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents don't hold it; an empty answer says nothing, so no."""
    return bool(_REFUSAL.search(answer.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))
