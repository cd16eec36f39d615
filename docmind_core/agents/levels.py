"""Performance levels: how much each of the five agents may spend on one query.

The synthesizer reads `final_k` passages. Every arm takes its depth from the level; which arms honour the rest of it is
said by `arm_facts.honours`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class PerformanceLevel(StrEnum):
    """The three levels of the guide."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEffort:
    """What a level lets the five agents do; the numbers are the guide's."""

    max_analysis_s: float
    """How long the router may think about one question, seconds."""
    confidence_threshold: float
    """A route of less confidence is used and not kept for the next time."""
    routes_by_model: bool
    """Whether the router asks the model, with `max_analysis_s` for its reply; the rules are the fallback."""
    plans: Literal["never", "composite", "always"]
    """Which questions the planner asks the model about."""
    reranks: bool
    """Whether the retrieval expert reorders its candidates before they are cut to `final_k`."""
    checks: Literal["nothing", "cited", "all"]
    """Against which passages the validator checks an answer; `nothing` costs no call and rejects no answer."""


LEVEL_EFFORT = {
    PerformanceLevel.FAST: LevelEffort(
        max_analysis_s=0.1,
        confidence_threshold=0.6,
        routes_by_model=False,
        plans="never",
        reranks=False,
        checks="nothing",
    ),
    PerformanceLevel.BALANCED: LevelEffort(
        max_analysis_s=0.3,
        confidence_threshold=0.8,
        routes_by_model=False,
        plans="composite",
        reranks=False,
        checks="cited",
    ),
    PerformanceLevel.THOROUGH: LevelEffort(
        max_analysis_s=1.0,
        confidence_threshold=0.9,
        routes_by_model=True,
        plans="always",
        reranks=True,
        checks="all",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalDepth:
    """How many chunks a search returns, and how many of them reach the synthesizer."""

    candidates_k: int
    final_k: int


RETRIEVAL_DEPTH = {
    PerformanceLevel.FAST: RetrievalDepth(candidates_k=10, final_k=5),
    PerformanceLevel.BALANCED: RetrievalDepth(candidates_k=15, final_k=5),
    PerformanceLevel.THOROUGH: RetrievalDepth(candidates_k=20, final_k=10),
}


def retrieval_depth(level: PerformanceLevel, top_k: int | None) -> RetrievalDepth:
    """Return the depth of `level`, with the suite's `top_k` passages where it names a number."""
    depth = RETRIEVAL_DEPTH[level]
    if top_k is None:
        return depth
    return RetrievalDepth(candidates_k=max(depth.candidates_k, top_k), final_k=top_k)
