"""What an arm has in common with the others, and what it does not: for a person who compares them."""

from docmind_core.agents.arm_names import AGAIN
from docmind_core.agents.arms import Arm
from docmind_core.agents.levels import PerformanceLevel
from docmind_core.agents.levers import Lever

EQUAL_IN_ALL = (
    "passages for the same search, how many of them are read for each search, the earlier turns of a conversation, the "
    "instruction for an answer and its limit of tokens. "
    "Which are read differs only as the column says: dedupe replaces a passage that repeats another one by the next, "
    "passage_choice reads the best one for each search, "
    "a rerank at thorough reorders the candidates, context_budget shortens what is read. With the routing free, the "
    "supervisor of naive arms may search several times, and its answer reads the passages of each of these searches."
)
"""What no arm and no lever changes; tested."""

_PLAIN = ("single_pass", "single_pass@budget", "extractive")
"""Arms that ask for free text alone, or for nothing."""
_GRAPHS = ("tuned", "guide_dag")


def reads_otherwise(arm: Arm) -> tuple[str, ...]:
    """Return in what the passages that an arm reads may differ from the first `final_k` of its search."""
    found = {
        "repeats replaced": Lever.DEDUPE in arm.levers,
        "reranked at thorough": "rerank" in honours(arm),
        "the best for each search": Lever.PASSAGE_CHOICE in arm.levers,
        "shortened to the budget": Lever.CONTEXT_BUDGET in arm.levers,
    }
    return tuple(what for what, holds in found.items() if holds)


def asks_for_forms(arm: Arm, level: str) -> bool:
    """Whether an arm asks for replies in a form, as JSON or as one of several words, at a level."""
    if arm.name.removesuffix(AGAIN) in _PLAIN:
        return False
    decides_by_rules = arm.levers >= {Lever.FIXED_EDGES, Lever.SPECIALIZATION}
    return level != PerformanceLevel.FAST or not decides_by_rules


def honours(arm: Arm) -> tuple[str, ...]:
    """Return which parts of the performance level an arm honours; the rest it does at every level as at any other."""
    specialised = Lever.SPECIALIZATION in arm.levers
    parts: tuple[str, ...]
    if arm.name in _GRAPHS or arm.compared_with in _GRAPHS:
        parts = ("router", "planner", "rerank", "validator") if specialised else ("rerank", "validator")
    else:
        parts = ("router", "planner", "rerank", "no check at fast") if specialised else ()
    checks = Lever.NO_VALIDATION not in arm.levers
    return ("depth", *(part for part in parts if checks or part not in {"validator", "no check at fast"}))
