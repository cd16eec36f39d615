"""The arm `naive_supervisor`, the measured baseline, and `naive+LEVER`.

A supervisor call picks the next agent; agents see the full history; each hand-off adds two messages; the
supervisor rewrites the answer; at most eight hand-offs. An agent that fails is recorded, and a single pass answers
instead, flagged.
"""

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from docmind_core.agents.answering import read_answer
from docmind_core.agents.context import AGENTS, PLANNER, ROUTER, SUPERVISOR, VALIDATOR, AgentContext, ArmAnswer, Message
from docmind_core.agents.context_state import HISTORY, ContextState, reading_request
from docmind_core.agents.decisions import Failure
from docmind_core.agents.graph_nodes import FALLBACK, Node, add_fallback, guarded, has_failed
from docmind_core.agents.graph_walk import GraphWalk
from docmind_core.agents.levers import Lever
from docmind_core.agents.naive_workers import SPECIALISTS, WORKERS, conversation
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS
from docmind_core.agents.prompt_files import answer_examples
from docmind_core.agents.routing import FINISH, HANDOFFS_MAX, TOGETHER, offered_choices
from docmind_core.agents.transcript import ROUTING_TASK, transfer_to
from docmind_core.errors import OutputInvalid
from docmind_core.retrieval.search import Hit, candidate_ranking

ANSWER = "rewrite"


class NaiveState(TypedDict, total=False):
    """The shared conversation; every list grows, nothing is rewritten."""

    question: str
    history: Annotated[list[Message], operator.add]
    agents_run: Annotated[list[str], operator.add]
    passages: Annotated[list[Hit], operator.add]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    strategy: str
    plan: str
    draft: str
    draft_reasoning: str | None
    next_agents: str
    failures: Annotated[list[Failure], operator.add]
    result: ArmAnswer


async def choose_next(state: NaiveState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Ask the model who acts next, among what the suite's routing rule offers."""
    context, agents_run = runtime.context, state.get("agents_run", [])
    if len(agents_run) >= HANDOFFS_MAX:
        return {"next_agents": FINISH}
    choices = offered_choices(
        context.routing,
        agents_run,
        agents=_agents(context.levers),
        parallel=Lever.PARALLEL_TOOLS in context.levers,
    )
    request = reading_request(
        "supervisor",
        ContextState(query=state["question"], history=tuple(state["history"]), layout=(HISTORY,)),
        f"Task: choose who acts next: {', '.join(choices)}.",
        context,
        max_tokens=CHOICE_MAX_TOKENS,
        choices=choices,
    )
    task = f"{ROUTING_TASK}{len(agents_run) + 1}"
    reply = await context.tools.ask(SUPERVISOR, task, request)
    if reply.output_problem is not None:
        raise OutputInvalid(f"the supervisor chose {reply.output_problem}. Does the engine support structured output?")
    if reply.text == FINISH or Lever.NO_HANDOFF_MESSAGES in context.levers:
        return {"next_agents": reply.text}
    return {"next_agents": reply.text, "history": [transfer_to(reply.text)]}


async def rewrite_answer(state: NaiveState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the supervisor write the final answer from the whole conversation."""
    context = runtime.context
    request = reading_request(
        "answer",
        conversation(dict(state), context, with_passages=True),
        f"Question: {state['question']}\n\nTask: answer the question.",
        context,
        max_tokens=context.answer_max_tokens,
        examples=answer_examples(),
    )
    reply = await context.tools.ask(SUPERVISOR, "rewrite", request)
    return {"result": _result(state, reply.text, reply.reasoning)}


async def forward_answer(state: NaiveState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Take the synthesizer's answer as it is; where there is none yet, it is still to be written."""
    if "draft" not in state:
        return await rewrite_answer(state, runtime=runtime)
    return {"result": _result(state, state["draft"], state.get("draft_reasoning"))}


def _result(state: NaiveState, text: str, reasoning: str | None) -> ArmAnswer:
    candidates = candidate_ranking(state.get("rankings", []))
    return read_answer(text, state.get("passages", []), candidates, reasoning=reasoning)


def _agents(levers: frozenset[Lever]) -> tuple[str, ...]:
    return tuple(agent for agent in AGENTS if agent != VALIDATOR or Lever.NO_VALIDATION not in levers)


def _next_nodes(state: NaiveState) -> list[str]:
    if has_failed(state):
        return [FALLBACK]
    chosen = state["next_agents"]
    return [ANSWER] if chosen == FINISH else chosen.split(TOGETHER)


def _after_agents(state: NaiveState) -> str:
    return FALLBACK if has_failed(state) else ANSWER


def _outcome(state: NaiveState) -> str:
    return FALLBACK if has_failed(state) else END


def build_naive_supervisor(
    levers: frozenset[Lever] = frozenset(), *, workers: Sequence[tuple[str, Node]] | None = None
) -> Any:
    """Compile supervisor ⇄ agents, then the answer; with `fixed_edges` the agents in order, and no supervisor."""
    if workers is None:
        workers = SPECIALISTS if Lever.SPECIALIZATION in levers else WORKERS
    graph = StateGraph(NaiveState, context_schema=AgentContext)
    agents = _agents(levers)
    for agent, work in workers:
        if agent in agents:
            graph.add_node(agent, guarded(agent, work))
    forwards = bool(levers & {Lever.FORWARD_MESSAGE, Lever.FIXED_EDGES})
    answer: Node = forward_answer if forwards else rewrite_answer
    graph.add_node(ANSWER, answer if Lever.FIXED_EDGES in levers else guarded(SUPERVISOR, answer))
    add_fallback(graph, agents)
    graph.add_conditional_edges(ANSWER, _outcome, [FALLBACK, END])
    if Lever.FIXED_EDGES in levers:
        _add_fixed_edges(graph, agents, parallel=Lever.PARALLEL_TOOLS in levers)
        return GraphWalk(graph.compile())
    graph.add_node(SUPERVISOR, guarded(SUPERVISOR, choose_next))
    graph.add_edge(START, SUPERVISOR)
    for agent in agents:
        graph.add_edge(agent, SUPERVISOR)
    graph.add_conditional_edges(SUPERVISOR, _next_nodes, [*agents, ANSWER, FALLBACK])
    return GraphWalk(graph.compile())


def _add_fixed_edges(graph: Any, agents: Sequence[str], *, parallel: bool) -> None:
    if parallel:
        graph.add_edge(START, ROUTER)
        graph.add_edge(START, PLANNER)
        graph.add_edge([ROUTER, PLANNER], agents[2])
        chain = agents[2:]
    else:
        chain = [START, *agents]
    for before, after in pairwise(chain):
        graph.add_edge(before, after)
    graph.add_conditional_edges(chain[-1], _after_agents, [ANSWER, FALLBACK])
