"""Rules that read a question: which search suits it, and whether it needs a plan.

The strategy rules are the guide's own, with its boundaries and confidences, for the levels FAST and BALANCED.
"""

import re
from dataclasses import dataclass

from docmind_core.agents.levels import PerformanceLevel
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC

ROUTING_RULES_VERSION = "1"

_WORD = re.compile(r"[\w']+")
_EXACT = {"specific", "exact", "precise"}
_SIMILAR = {"similar", "related", "like"}
_SHORT, _LONG = 5, 20
_COMPOSITE = re.compile(
    r"\b(?:both|differences?|differ|differs|compare[ds]?|versus|vs|same|respectively|in common|whereas)\b"
    r"|\bwhich (?:of|one)\b|\band (?:what|which|who|when|where|how|why)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDecision:
    """How to search for a question."""

    strategy: str
    confidence: float
    """The rule's constant in [0, 1]; a claim to be calibrated, not a measurement."""
    reasoning: str


def route_by_rules(question: str, level: PerformanceLevel) -> RouteDecision:
    """Choose a strategy: FAST by marker words, all else by the number of words (below 5, 5 to 20, above 20)."""
    words = [word.lower() for word in _WORD.findall(question)]
    if level is PerformanceLevel.FAST:
        return _by_markers(set(words))
    if len(words) < _SHORT:
        return RouteDecision(strategy=KEYWORD, confidence=0.8, reasoning="short question")
    if len(words) > _LONG:
        return RouteDecision(strategy=HYBRID, confidence=0.85, reasoning="long question")
    return RouteDecision(strategy=SEMANTIC, confidence=0.8, reasoning="question of medium length")


def _by_markers(words: set[str]) -> RouteDecision:
    if words & _EXACT:
        return RouteDecision(strategy=KEYWORD, confidence=0.7, reasoning="asks for something exact")
    if words & _SIMILAR:
        return RouteDecision(strategy=SEMANTIC, confidence=0.7, reasoning="asks for something similar")
    return RouteDecision(strategy=HYBRID, confidence=0.7, reasoning="no marker word")


def needs_plan(question: str) -> bool:
    """Return whether a question is about several things, so that one search may not find all of them."""
    return question.count("?") > 1 or _COMPOSITE.search(question) is not None
