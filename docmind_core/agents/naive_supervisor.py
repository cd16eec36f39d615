"""The arm `naive_supervisor`, the measured baseline.

A supervisor call picks the next agent; agents see the full history; each hand-off adds two messages; the
supervisor rewrites the answer; at most eight hand-offs.
"""

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from docmind_core.agents import naive_workers
from docmind_core.agents.answering import read_answer
from docmind_core.agents.context import AGENTS, SUPERVISOR, AgentContext, ArmAnswer
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.graph_nodes import Node, traced
from docmind_core.agents.history import Message, render_history
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.routing import FINISH, HANDOFFS_MAX, offered_choices
from docmind_core.errors import OutputInvalid
from docmind_core.retrieval.search import Hit, candidate_ranking
from docmind_core.serving.chat import ChatRequest

SUPERVISOR_STEPS_MAX = 2 * HANDOFFS_MAX + 4
"""Graph steps of the longest conversation: hand-off and agent alternate, then the rewrite."""


class NaiveState(TypedDict, total=False):
    """The shared conversation; every list grows, nothing is rewritten."""

    question: str
    history: Annotated[list[Message], operator.add]
    agents_run: Annotated[list[str], operator.add]
    passages: Annotated[list[Hit], operator.add]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    strategy: str
    next_agent: str
    result: ArmAnswer


async def choose_next(state: NaiveState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Ask the model who acts next, among what the suite's routing rule offers."""
    agents_run = state.get("agents_run", [])
    if len(agents_run) >= HANDOFFS_MAX:
        return {"next_agent": FINISH}
    choices = offered_choices(runtime.context.routing, agents_run)
    request = ChatRequest(
        system=read_prompt("supervisor"),
        user=f"{render_history(state['history'])}\n\nTask: choose who acts next: {', '.join(choices)}.",
        max_tokens=CHOICE_MAX_TOKENS,
        choices=choices,
        seed=runtime.context.seed,
    )
    task = f"choose_{len(agents_run) + 1}"
    reply = await runtime.context.tools.ask(SUPERVISOR, task, _laid_out(request, state))
    if reply.output_problem is not None:
        raise OutputInvalid(f"the supervisor chose {reply.output_problem}. Does the engine support structured output?")
    if reply.text == FINISH:
        return {"next_agent": FINISH}
    return {"next_agent": reply.text, "history": [Message(speaker=SUPERVISOR, text=f"Transferring to {reply.text}.")]}


async def rewrite_answer(state: NaiveState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the supervisor write the final answer from the whole conversation."""
    request = ChatRequest(
        system=read_prompt("answer"),
        user=f"{render_history(state['history'])}\n\nQuestion: {state['question']}\n\nTask: answer the question.",
        max_tokens=runtime.context.answer_max_tokens,
        seed=runtime.context.seed,
    )
    reply = await runtime.context.tools.ask(SUPERVISOR, "rewrite", _laid_out(request, state))
    return {"result": read_answer(reply.text, state.get("passages", []), candidate_ranking(state.get("rankings", [])))}


def _laid_out(request: ChatRequest, state: NaiveState) -> ChatRequest:
    return laid_out(request, state["question"], history=state["history"], passages=state.get("passages", []))


def opening(question: str) -> NaiveState:
    """Return the state a conversation starts with."""
    return {"question": question, "history": [Message(speaker="user", text=question)]}


def _next_node(state: NaiveState) -> str:
    return "rewrite" if state["next_agent"] == FINISH else state["next_agent"]


def build_naive_supervisor(workers: Sequence[tuple[str, Node]] = naive_workers.WORKERS) -> Any:
    """Compile supervisor ⇄ five agents, then the rewrite."""
    graph = StateGraph(NaiveState, context_schema=AgentContext)
    graph.add_node(SUPERVISOR, traced(SUPERVISOR, choose_next))
    graph.add_node("rewrite", traced(SUPERVISOR, rewrite_answer))
    for agent, work in workers:
        graph.add_node(agent, traced(agent, work))
        graph.add_edge(agent, SUPERVISOR)
    graph.add_edge(START, SUPERVISOR)
    graph.add_conditional_edges(SUPERVISOR, _next_node, [*AGENTS, "rewrite"])
    graph.add_edge("rewrite", END)
    return graph.compile()
