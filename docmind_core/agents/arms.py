"""The arms: which graph goes by which name, and how one question is put to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docmind_core.agents import naive_supervisor, single_pass, tuned
from docmind_core.agents.context import AgentContext, ArmAnswer
from docmind_core.errors import AgentError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One system under test."""

    name: str
    shows: str
    """One sentence for a person choosing arms."""
    build: Callable[[], Any]
    opening: Callable[[str], Any]
    steps_max: int = 25


def _plain_opening(question: str) -> dict[str, str]:
    return {"question": question}


ARMS = {
    arm.name: arm
    for arm in (
        Arm(
            name="single_pass",
            shows="One search and one call: what a question costs without agents.",
            build=single_pass.build_single_pass,
            opening=_plain_opening,
        ),
        Arm(
            name="naive_supervisor",
            shows="The baseline: a supervisor call picks each next agent, every agent reads the whole history.",
            build=naive_supervisor.build_naive_supervisor,
            opening=naive_supervisor.opening,
            steps_max=naive_supervisor.SUPERVISOR_STEPS_MAX,
        ),
        Arm(
            name="tuned",
            shows="Fixed edges, parallel searches, typed decisions, a check against the cited passages.",
            build=tuned.build_tuned,
            opening=_plain_opening,
        ),
    )
}


def find_arm(name: str) -> Arm:
    """Return the arm called `name`, or say which there are."""
    if name not in ARMS:
        raise UsageError(f"there is no arm {name!r}. Known arms: {', '.join(ARMS)}.")
    return ARMS[name]


async def answer_question(arm: Arm, graph: Any, question: str, context: AgentContext) -> ArmAnswer:
    """Put one question to a compiled graph.

    Raises:
        AgentError: If the graph ended without an answer.
    """
    state = await graph.ainvoke(arm.opening(question), {"recursion_limit": arm.steps_max}, context=context)
    result = state.get("result")
    if not isinstance(result, ArmAnswer):
        raise AgentError(f"the graph of {arm.name} ended without an answer.")
    return result
