"""What the nodes of the arm `tuned` hand each other."""

import operator
from typing import Annotated, TypedDict

from docmind_core.agents.context import PLANNER, ROUTER, AgentContext, ArmAnswer, Message
from docmind_core.agents.decisions import Failure
from docmind_core.agents.levers import Lever
from docmind_core.agents.transcript import render_history
from docmind_core.retrieval.search import Hit


class TunedState(TypedDict, total=False):
    """Each key has one owner, lists grow."""

    question: str
    strategy: str
    sub_queries: list[str]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    reranked: tuple[Hit, ...]
    read_ids: Annotated[list[str], operator.add]
    supported: str
    refined: bool
    failures: Annotated[list[Failure], operator.add]
    result: ArmAnswer


class SearchTask(TypedDict, total=False):
    """One branch of the fan-out."""

    sub_query: str
    strategy: str
    number: int
    """From 1, in the order of the plan."""
    together: tuple[str, ...]
    """The sub-queries of all branches, where they run at once."""


def said_before(state: TunedState, context: AgentContext) -> str:
    """Return what router and planner said; nothing where agents see their own inputs alone."""
    if Lever.CONTEXT_ISOLATION in context.levers:
        return ""
    said = [
        Message(speaker="user", text=state["question"]),
        Message(speaker=ROUTER, text=state["strategy"]),
        Message(speaker=PLANNER, text="\n".join(state["sub_queries"])),
    ]
    return render_history(said)
