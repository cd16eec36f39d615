"""The agents of `tuned-specialization`: each asks the model, whether its task needs one or not."""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents.context import RETRIEVER, ROUTER, AgentContext
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.naive_workers import read_strategy, strategy_form
from docmind_core.agents.outputs import DECISION_MAX_TOKENS, SearchRequest
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.route_choice import chosen, remembered_route, route_request
from docmind_core.agents.transcript import after_earlier_turns
from docmind_core.agents.tuned_nodes import ask_for_plan
from docmind_core.agents.tuned_state import SearchTask, TunedState
from docmind_core.serving.chat import ChatRequest


async def route(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model choose the search strategy; an unreadable choice leaves the suite's own."""
    context, question = runtime.context, state["question"]
    began_s = context.tools.now_s()
    form = strategy_form(context.strategies)
    request = route_request(question, context, output=form, max_tokens=DECISION_MAX_TOKENS)

    async def decide() -> tuple[RouteRecord, str]:
        reply = await context.tools.ask(ROUTER, "route", request)
        return chosen(read_strategy(reply), question, context), reply.text

    record, _ = await remembered_route(question, context, decide)
    context.tools.record_route(record, began_s=began_s)
    return {"strategy": record.strategy}


async def plan(state: TunedState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model plan every question, also one about a single thing."""
    return {"sub_queries": await ask_for_plan(state["question"], runtime.context)}


async def retrieve(task: SearchTask, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Let the model word the search; an unreadable one is the planned search itself."""
    context = runtime.context
    request = ChatRequest(
        system=read_prompt("retrieve"),
        user=after_earlier_turns(f"Question: {task['sub_query']}\n\nTask: write the search query.", context),
        max_tokens=DECISION_MAX_TOKENS,
        output=SearchRequest,
        seed=context.seed,
    )
    request = laid_out(request, task["sub_query"], history=context.earlier)
    reply = await context.tools.ask(RETRIEVER, f"retrieve_{task['number']}", request)
    wanted = reply.output.query if isinstance(reply.output, SearchRequest) else task["sub_query"]
    return {"rankings": [await context.tools.search(task["strategy"], wanted, context.depth)]}
