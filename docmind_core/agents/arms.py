"""The arms: which graph goes by which name, what two of them have in common, and how one question is put to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

from docmind_core.agents.context import USER, AgentContext, ArmAnswer, Message
from docmind_core.agents.levels import PerformanceLevel
from docmind_core.agents.levers import (
    ADDED_TO_TUNED,
    AGAIN,
    LEVERS,
    TUNED_LEVERS,
    Lever,
    LeverArm,
    first_of,
    parse_lever_arm,
)
from docmind_core.agents.routing import HANDOFFS_MAX, SEARCHES_MAX
from docmind_core.errors import AgentError, UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One system under test."""

    name: str
    shows: str
    """One sentence for a person choosing arms."""
    build: Callable[[], Any]
    opening: Callable[[str, AgentContext], Any]
    steps_max: int = 25
    levers: frozenset[Lever] = frozenset()
    """What is on in it."""
    changed: tuple[Lever, ...] = ()
    """The levers in its name: what makes it differ from the arm it is compared with."""
    of_user: bool = False
    """Whether it is a user's system, not a built-in graph."""
    compared_with: str = "naive_supervisor"
    """The arm that its effect is measured against."""
    spends_as: str = ""
    """The arm whose tokens on the same query are its budget; it answers a block's queries after that one."""


def _plain_opening(question: str, _context: AgentContext) -> dict[str, str]:
    return {"question": question}


def _conversation_opening(question: str, context: AgentContext) -> dict[str, Any]:
    """Return the state a conversation starts with: what was said before, and the question."""
    return {"question": question, "history": [*context.earlier, Message(speaker=USER, text=question)]}


def _graph(module: str, builder: str) -> Callable[..., Any]:
    """Return what builds a graph; its module is imported then, as LangGraph takes a second that few commands need."""

    def build(*arguments: Any) -> Any:
        return getattr(import_module(f"docmind_core.agents.{module}"), builder)(*arguments)

    return build


_BUILDERS = {
    "naive_supervisor": _graph("naive_supervisor", "build_naive_supervisor"),
    "tuned": _graph("tuned", "build_tuned"),
}


ARMS = {
    arm.name: arm
    for arm in (
        Arm(
            name="single_pass",
            shows="One search and one call: the cost of a question without agents.",
            build=_graph("opponents", "build_single_pass"),
            opening=_plain_opening,
        ),
        Arm(
            name="single_pass@budget",
            shows="As many single passes as the tokens of tuned on the same query allow; the majority answer wins.",
            build=_graph("opponents", "build_single_pass_at_budget"),
            opening=_plain_opening,
            spends_as="tuned",
        ),
        Arm(
            name="extractive",
            shows="The best sentence of the retrieved passages, without a model: the floor.",
            build=_graph("opponents", "build_extractive"),
            opening=_plain_opening,
        ),
        Arm(
            name="single_agent",
            shows="One agent with a search tool, which searches until it has enough, at most three times.",
            build=_graph("single_agent", "build_single_agent"),
            opening=_plain_opening,
            steps_max=2 * SEARCHES_MAX + 4,
        ),
        Arm(
            name="guide_dag",
            shows="The guide's own dependency graph: no agent reads the plan or acts on the verdict.",
            build=_graph("guide_dag", "build_guide_dag"),
            opening=_plain_opening,
            levers=frozenset(
                {
                    Lever.FIXED_EDGES,
                    Lever.PARALLEL_TOOLS,
                    Lever.SPECIALIZATION,
                    Lever.CONTEXT_ISOLATION,
                    Lever.PREFIX_ORDER,
                }
            ),
        ),
        Arm(
            name="naive_supervisor",
            shows="The baseline: a supervisor call picks each next agent, and every agent reads the whole history.",
            build=_BUILDERS["naive_supervisor"],
            compared_with="",
            opening=_conversation_opening,
            steps_max=2 * HANDOFFS_MAX + 4,  # hand-off and agent alternate, then the rewrite
        ),
        Arm(
            name="tuned",
            shows="Fixed edges, parallel searches, typed decisions, an answer from the best passage of each search.",
            build=_BUILDERS["tuned"],
            opening=_plain_opening,
            levers=TUNED_LEVERS,
        ),
    )
}
"""The arms without a lever in their name."""

EQUAL_IN_ALL = (
    "passages for the same search, how many of them are read per search, the earlier turns of a conversation, and the "
    "instruction for an answer with its token limit. "
    "Which passages are read differs only as the column says: dedupe replaces a near-duplicate by the next passage, "
    "passage_choice reads the best one per search, "
    "a rerank at thorough reorders the candidates, context_budget shortens the input. With routing free, the "
    "supervisor of naive arms may search several times, and its answer reads the passages of all these searches."
)
"""What no arm and no lever changes; tested."""

_PLAIN = ("single_pass", "single_pass@budget", "extractive")
"""Arms that ask for free text alone, or for nothing."""
_GRAPHS = ("tuned", "guide_dag")


def find_arm(name: str) -> Arm:
    """Return the arm called `name`, levers in its name or not, or say which there are."""
    if (first := first_of(name)) is not None and first_of(first) is None:
        return replace(find_arm(first), name=name, shows=f"{first}, run a second time to measure random variation.")
    if name in ARMS:
        return ARMS[name]
    if (found := parse_lever_arm(name)) is not None:
        return _with_levers(name, found)
    known, meant = f"{', '.join(ARMS)}, naive+LEVER, tuned-LEVER", did_you_mean(name, ARMS)
    raise UsageError(f"unknown arm {name!r}.{meant} Known arms: {known}. See them: docmind arms")


def lever_arms() -> tuple[Arm, ...]:
    """Return every arm with one lever in its name."""
    names = [f"naive+{lever}" for lever, facts in LEVERS.items() if facts.not_in_naive is None]
    names += [
        f"tuned{'+' if lever in ADDED_TO_TUNED else '-'}{lever}"
        for lever, facts in LEVERS.items()
        if facts.not_in_tuned is None
    ]
    return tuple(find_arm(name) for name in names)


def _with_levers(name: str, found: LeverArm) -> Arm:
    changed = [f"{'with' if lever in found.levers else 'without'} {lever}" for lever in found.changed]
    return replace(
        ARMS[found.graph],
        name=name,
        shows=f"{found.graph} {', '.join(changed)}.",
        build=partial(_BUILDERS[found.graph], found.levers),
        levers=found.levers,
        changed=found.changed,
        compared_with=found.graph,
    )


async def answer_question(arm: Arm, graph: Any, question: str, context: AgentContext) -> ArmAnswer:
    """Ask a compiled graph one question.

    Raises:
        AgentError: If the graph ended without an answer.
    """
    state = await graph.ainvoke(
        arm.opening(question, context), {"recursion_limit": arm.steps_max}, context=replace(context, levers=arm.levers)
    )
    result = state.get("result")
    if not isinstance(result, ArmAnswer):
        raise AgentError(f"the graph of {arm.name} ended without an answer.")
    return result


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
