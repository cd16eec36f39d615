"""Rules that read a question: which search suits it, and whether it needs a plan.

The strategy rules are the guide's own, with its boundaries and confidences; the first that fits decides:

    FAST      a word of specific, exact, precise                 keyword   0.7
              a word of similar, related, like                   semantic  0.7
              else                                               hybrid    0.7
    BALANCED  fewer than 5 words                                 keyword   0.8
              more than 20 words                                 hybrid    0.85
              else                                               semantic  0.8
    THOROUGH  a word of specific, exact, particular, detail,
              or no question word                                keyword   0.9
              more than 2 commas, semicolons and words "and"     hybrid    0.95
              else                                               semantic  0.9

Besides strategy and confidence, a decision carries the guide's parameters: top_k 10, 15 or 20, and at THOROUGH rerank.

The number of words is the guide's own: the text between spaces, so `asyncio.gather` is one. Two other things are
read otherwise than in the guide: listed words are looked for without the punctuation and apostrophes around them, so
"exact?" and "'exact'" are markers and "sand" holds no "and"; and which and whose are question words besides what, how,
why, when, where and who. An imperative ("List the ...") has no question word, so THOROUGH searches by keyword for it,
as in the guide.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from docmind_core.agents.levels import LEVEL_EFFORT, RETRIEVAL_DEPTH, PerformanceLevel
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES

ROUTING_RULES_VERSION = "3"
WORDS_BETWEEN_LOOKS = 1000
"""Words read between two looks at the clock; a question below that is never cut short, whatever the machine does."""

_PIECE = re.compile(r"\S+")
_WORD = re.compile(r"[\w']+")
_EXACT = {"specific", "exact", "precise"}
_SIMILAR = {"similar", "related", "like"}
_SPECIFIC = {"specific", "exact", "particular", "detail"}
_QUESTION_WORDS = {"what", "how", "why", "when", "where", "who", "which", "whose"}
_SHORT, _LONG, _SIMPLE = 5, 20, 2
_COMPOSITE = re.compile(
    r"\b(?:both|differences?|differ|differs|compare[ds]?|versus|vs|same|respectively|in common|whereas)\b"
    r"|\bwhich (?:of|one)\b|\band (?:what|which|who|when|where|how|why)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteParameters:
    """How deep the level searches: the guide's numbers, whatever rule decided on the strategy."""

    top_k: int
    """Candidates asked for; a suite's own `top_k` may ask for more."""
    rerank: bool
    """Whether they are reordered before they are cut to what is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDecision:
    """How to search for a question."""

    strategy: str
    confidence: float
    """The rule's constant in [0, 1]; a claim to be calibrated, not a measurement."""
    reasoning: str
    parameters: RouteParameters
    late: bool = False
    """Whether the level's own rules ran out of time, so that a cheaper level's decided on what was read."""

    def __post_init__(self) -> None:
        """Refuse what no router may decide."""
        top_k = self.parameters.top_k
        if self.strategy not in STRATEGIES or not 0.0 <= self.confidence <= 1.0 or top_k < 1:
            raise ValueError(f"no route: strategy {self.strategy!r}, confidence {self.confidence!r}, top_k {top_k!r}")


def route_by_rules(question: str, level: PerformanceLevel, *, now_s: Callable[[], float]) -> RouteDecision:
    """Choose a strategy by the level's rules, or by a cheaper level's when reading the question takes too long.

    Args:
        question: Not empty; an empty one is refused where query sets are read.
        level: Whose rules, and whose `max_analysis_s`.
        now_s: A clock that only goes forward, seconds.
    """
    read, late = _read(question, now_s, until_s=now_s() + LEVEL_EFFORT[level].max_analysis_s)
    strategy, confidence, reasoning = _RULES[_CHEAPER[level] if late else level](read)
    parameters = RouteParameters(top_k=RETRIEVAL_DEPTH[level].candidates_k, rerank=LEVEL_EFFORT[level].reranks)
    return RouteDecision(
        strategy=strategy, confidence=confidence, reasoning=reasoning, parameters=parameters, late=late
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What the rules know of a question, or of as much of it as was read."""

    length: int
    """Words as the guide counts them: the text between spaces."""
    words: Sequence[str]
    """Lower case, without the punctuation and apostrophes around them."""
    separators: int
    """Commas and semicolons."""


def _read(question: str, now_s: Callable[[], float], *, until_s: float) -> tuple[_Question, bool]:
    """Return what was read, and whether time ran out before the last of it."""
    length, separators, late = 0, 0, False
    words: list[str] = []
    for found in _PIECE.finditer(question):
        if length and length % WORDS_BETWEEN_LOOKS == 0 and now_s() > until_s:
            late = True
            break
        piece = found.group().lower()
        length += 1
        separators += piece.count(",") + piece.count(";")
        words += filter(None, (word.strip("'") for word in _WORD.findall(piece)))
    return _Question(length=length, words=words, separators=separators), late


_Choice = tuple[str, float, str]


def _by_markers(question: _Question) -> _Choice:
    words = set(question.words)
    if words & _EXACT:
        return KEYWORD, 0.7, "asks for something exact"
    if words & _SIMILAR:
        return SEMANTIC, 0.7, "asks for something similar"
    return HYBRID, 0.7, "no marker word"


def _by_length(question: _Question) -> _Choice:
    if question.length < _SHORT:
        return KEYWORD, 0.8, "short question"
    if question.length > _LONG:
        return HYBRID, 0.85, "long question"
    return SEMANTIC, 0.8, "question of medium length"


def _by_features(question: _Question) -> _Choice:
    words = set(question.words)
    if words & _SPECIFIC:
        return KEYWORD, 0.9, "asks for something specific"
    if not words & _QUESTION_WORDS:
        return KEYWORD, 0.9, "no question word"
    if question.separators + question.words.count("and") > _SIMPLE:
        return HYBRID, 0.95, "question of many parts"
    return SEMANTIC, 0.9, "plain question"


_RULES: dict[PerformanceLevel, Callable[[_Question], _Choice]] = {
    PerformanceLevel.FAST: _by_markers,
    PerformanceLevel.BALANCED: _by_length,
    PerformanceLevel.THOROUGH: _by_features,
}
_CHEAPER = {
    PerformanceLevel.FAST: PerformanceLevel.FAST,
    PerformanceLevel.BALANCED: PerformanceLevel.FAST,
    PerformanceLevel.THOROUGH: PerformanceLevel.BALANCED,
}


def needs_plan(question: str) -> bool:
    """Return whether a question is about several things, so that one search may not find all of them."""
    return question.count("?") > 1 or _COMPOSITE.search(question) is not None
