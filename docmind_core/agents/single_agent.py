"""The arm `single_agent`: one agent with a search tool, which decides when it has read enough.

Where it fails, a single pass answers instead, flagged.
"""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from docmind_core.agents.answering import answer_request, nothing_found, read_answer
from docmind_core.agents.context import SINGLE_AGENT, AgentContext, ArmAnswer
from docmind_core.agents.context_state import HISTORY, PASSAGES, ContextState, reading_request
from docmind_core.agents.decisions import Failure
from docmind_core.agents.graph_nodes import FALLBACK, add_fallback, guarded, has_failed
from docmind_core.agents.graph_walk import GraphWalk
from docmind_core.agents.outputs import DECISION_MAX_TOKENS, NextAction, NextStep, SearchRequest
from docmind_core.agents.passages import numbered
from docmind_core.agents.routing import SEARCHES_MAX
from docmind_core.retrieval.search import Hit, candidate_ranking

ANSWER = "answer"


class SingleAgentState(TypedDict, total=False):
    """A question, what was searched for it, and its answer."""

    question: str
    searched: Annotated[list[str], operator.add]
    rankings: Annotated[list[tuple[Hit, ...]], operator.add]
    wanted: str | None
    failures: Annotated[list[Failure], operator.add]
    result: ArmAnswer


async def decide(state: SingleAgentState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Ask the model for its next search, or whether it has read enough; the first turn is always a search."""
    context, searched = runtime.context, state.get("searched", [])
    form: type[SearchRequest] | type[NextStep]
    shown: tuple[Hit, ...]
    if not searched:
        shown, form, task = (), SearchRequest, "Task: write the search query."
    else:
        shown = _passages(state, context)
        form, task = NextStep, "Task: say whether to answer now or to search again, and for what."
    reads = ContextState(
        query=state["question"],
        history=context.earlier,
        passages=numbered(shown),
        layout=(HISTORY, PASSAGES, f"Question: {state['question']}"),
    )
    request = reading_request("agent", reads, task, context, output=form, max_tokens=DECISION_MAX_TOKENS)
    reply = await context.tools.ask(SINGLE_AGENT, f"decide_{len(searched) + 1}", request)
    if not searched:
        return {"wanted": reply.output.query if isinstance(reply.output, SearchRequest) else state["question"]}
    again = isinstance(reply.output, NextStep) and reply.output.action is NextAction.SEARCH
    wanted = reply.output.query if again and isinstance(reply.output, NextStep) else None
    return {"wanted": None if wanted in searched else wanted}


async def search(state: SingleAgentState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Run the search that the agent asked for."""
    context, wanted = runtime.context, state["wanted"] or state["question"]
    return {"searched": [wanted], "rankings": [await context.tools.search(context.strategy, wanted, context.depth)]}


async def answer(state: SingleAgentState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer from the best passages of all searches."""
    context = runtime.context
    passages = _passages(state, context)
    if not passages:
        return {"result": nothing_found()}
    reply = await context.tools.ask(SINGLE_AGENT, ANSWER, answer_request(state["question"], passages, context))
    candidates = candidate_ranking(state["rankings"])
    return {"result": read_answer(reply.text, passages, candidates, reasoning=reply.reasoning)}


def _passages(state: SingleAgentState, context: AgentContext) -> tuple[Hit, ...]:
    return candidate_ranking(state.get("rankings", []))[: context.depth.final_k]


def _after_deciding(state: SingleAgentState) -> str:
    if has_failed(state):
        return FALLBACK
    return ANSWER if state["wanted"] is None else "search"


def _after_searching(state: SingleAgentState) -> str:
    if has_failed(state):
        return FALLBACK
    enough = len(state["searched"]) >= SEARCHES_MAX or not state["rankings"][-1]
    return ANSWER if enough else "decide"


def _outcome(state: SingleAgentState) -> str:
    return FALLBACK if has_failed(state) else END


def build_single_agent() -> Any:
    """Compile agent ⇄ search, then the answer."""
    graph = StateGraph(SingleAgentState, context_schema=AgentContext)
    graph.add_node("decide", guarded(SINGLE_AGENT, decide))
    graph.add_node("search", guarded(SINGLE_AGENT, search))
    graph.add_node(ANSWER, guarded(SINGLE_AGENT, answer))
    graph.add_edge(START, "decide")
    graph.add_conditional_edges("decide", _after_deciding, ["search", ANSWER, FALLBACK])
    graph.add_conditional_edges("search", _after_searching, ["decide", ANSWER, FALLBACK])
    graph.add_conditional_edges(ANSWER, _outcome, [FALLBACK, END])
    add_fallback(graph, ())
    return GraphWalk(graph.compile())
