"""The guide's rules for the router, at their boundaries (S41-S44), and their deadlines (S39)."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.agents.levels import LEVEL_EFFORT, PerformanceLevel
from docmind_core.agents.routing_rules import WORDS_BETWEEN_LOOKS, RouteDecision, RouteParameters, route_by_rules
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES

LONG = "what " * (3 * WORDS_BETWEEN_LOOKS)


def route(question, level, now_s=lambda: 0.0):
    return route_by_rules(question, PerformanceLevel(level), now_s=now_s)


def slow_clock(step_s):
    """A clock on which this much passes between two looks."""
    return count(step=step_s).__next__


@pytest.mark.parametrize(
    ("question", "level", "strategy", "confidence"),
    [
        ("what is the exact? size", "fast", KEYWORD, 0.7),
        ("what is similar to this", "fast", SEMANTIC, 0.7),
        ("what is the exact like", "fast", KEYWORD, 0.7),
        ("what is this", "fast", HYBRID, 0.7),
        ("what is 'exact' here", "fast", KEYWORD, 0.7),
        ("what is \N{LEFT SINGLE QUOTATION MARK}similar\N{RIGHT SINGLE QUOTATION MARK} here", "fast", SEMANTIC, 0.7),
        ("what exactness is there", "fast", HYBRID, 0.7),
        ("one two three four", "balanced", KEYWORD, 0.8),
        ("one, two; three four", "balanced", KEYWORD, 0.8),
        ("one two three four five", "balanced", SEMANTIC, 0.8),
        ("what does asyncio.gather return", "balanced", KEYWORD, 0.8),
        ("one - two three four", "balanced", SEMANTIC, 0.8),
        (" ".join(["word"] * 20), "balanced", SEMANTIC, 0.8),
        (" ".join(["word"] * 21), "balanced", HYBRID, 0.85),
        ("what is the Particular, size", "thorough", KEYWORD, 0.9),
        ("list all sizes", "thorough", KEYWORD, 0.9),
        ("what is it and what, and", "thorough", HYBRID, 0.95),
        ("what is a, b and c", "thorough", SEMANTIC, 0.9),
        ("what is a, b; c, d", "thorough", HYBRID, 0.95),
        ("what is the exact a, b, c, d", "thorough", KEYWORD, 0.9),
    ],
)
def test_the_guide_s_rules_keep_their_boundaries_and_confidences(question, level, strategy, confidence):
    """S41, S42, S43."""
    decision = route(question, level)
    assert (decision.strategy, decision.confidence, decision.late) == (strategy, confidence, False)


def test_and_is_counted_as_a_word():
    """S43: the guide counts it inside sand, hand and band too."""
    assert route("what has sand in the hand of a band", "thorough").strategy == SEMANTIC
    assert route("what has a and b and c and d", "thorough").strategy == HYBRID


@pytest.mark.parametrize("word", ["what", "how", "why", "when", "where", "who", "which", "whose"])
def test_every_question_word_is_known(word):
    """S43: which and whose are missing in the guide, so that such questions were searched by keyword."""
    assert route(f"{word} house is this", "thorough").strategy == SEMANTIC


def test_each_level_has_the_guide_s_deadline_and_threshold():
    """S37, S39."""
    assert {
        level.value: (effort.max_analysis_s, effort.confidence_threshold) for level, effort in LEVEL_EFFORT.items()
    } == {"fast": (0.1, 0.6), "balanced": (0.3, 0.8), "thorough": (1.0, 0.9)}


@pytest.mark.parametrize(
    ("level", "step_s", "strategy", "confidence"),
    [
        ("thorough", 1.1, HYBRID, 0.85),  # BALANCED: more than 20 words were read
        ("balanced", 0.31, HYBRID, 0.7),  # FAST: no marker word was read
        ("fast", 0.11, HYBRID, 0.7),  # nothing is cheaper: its own rules, on what was read
    ],
)
def test_rules_that_run_late_give_way_to_a_cheaper_level_s(level, step_s, strategy, confidence):
    """S39: the guide never enforces max_analysis_time."""
    decision = route(LONG + "exact", level, slow_clock(step_s))
    assert (decision.strategy, decision.confidence, decision.late) == (strategy, confidence, True)


@pytest.mark.parametrize("level", PerformanceLevel)
def test_rules_in_time_read_the_whole_question(level):
    assert route(LONG, level, slow_clock(0.03)).late is False
    assert route(LONG + "exact", PerformanceLevel.FAST, slow_clock(0.03)).strategy == KEYWORD


def test_a_late_analysis_reads_no_further():
    looks = iter([0.0, 2.0])
    assert route(LONG + "exact", "fast", looks.__next__).strategy == HYBRID


@given(question=st.text(max_size=300), level=st.sampled_from(list(PerformanceLevel)))
def test_every_question_gets_a_route_and_always_the_same(question, level):
    """S44: typed and validated."""
    first, second = route(question, level), route(question, level, slow_clock(100.0))
    assert first == second
    assert first.strategy in STRATEGIES
    assert first.reasoning


@given(question=st.text(max_size=300))
def test_a_word_is_what_the_guide_counts_as_one(question):
    """S42: `len(query.split())`."""
    length = len(question.split())
    wanted = KEYWORD if length < 5 else HYBRID if length > 20 else SEMANTIC
    assert route(question, "balanced").strategy == wanted


@pytest.mark.parametrize(
    ("level", "top_k", "rerank"), [("fast", 10, False), ("balanced", 15, False), ("thorough", 20, True)]
)
def test_a_decision_carries_the_guide_s_parameters(level, top_k, rerank):
    """S41, S42, S43, S44: an untyped dictionary in the guide."""
    assert route("what is it", level).parameters == RouteParameters(top_k=top_k, rerank=rerank)


NO_DEPTH = RouteParameters(top_k=0, rerank=False)


@pytest.mark.parametrize(
    "changes", [{"strategy": "web_search"}, {"confidence": 1.1}, {"confidence": -0.1}, {"parameters": NO_DEPTH}]
)
def test_no_other_strategy_or_confidence_can_be_decided(changes):
    """S44."""
    decided = {
        "strategy": KEYWORD,
        "confidence": 0.9,
        "reasoning": "",
        "parameters": RouteParameters(top_k=15, rerank=False),
    }
    with pytest.raises(ValueError, match="no route"):
        RouteDecision(**{**decided, **changes})
