"""The five agents of the naive supervisor, in their simplest real form.

Each reads the whole conversation, and hands back with a message of its own and one that returns control.
"""

from enum import StrEnum
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict, create_model

from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR, AgentContext
from docmind_core.agents.context_state import laid_out
from docmind_core.agents.history import Message, render_history
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS, DECISION_MAX_TOKENS, Plan, SearchRequest, Supported
from docmind_core.agents.passages import render_passages
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.serving.chat import ChatReply, ChatRequest


def _hand_back(agent: str, state: dict[str, Any], *messages: Message, **update: Any) -> dict[str, Any]:
    returning = Message(speaker=agent, text="Transferring back to supervisor.")
    return {**update, "history": [*messages, returning], "agents_run": [agent]}


async def _ask(
    agent: str, state: dict[str, Any], context: AgentContext, prompt: str, task: str, **form: Any
) -> ChatReply:
    """Call the model with the whole history; the task's booking name carries the turn."""
    request = ChatRequest(
        system=read_prompt(prompt),
        user=f"{render_history(state['history'])}\n\nTask: {task}",
        seed=context.seed,
        **form,
    )
    turn = len(state.get("agents_run", [])) + 1
    request = laid_out(request, state["question"], history=state["history"], passages=state.get("passages", []))
    return await context.tools.ask(agent, f"{prompt}_{turn}", request)


def _strategy_form(strategies: tuple[str, ...]) -> type[BaseModel]:
    names = StrEnum("SearchStrategy", {name.upper(): name for name in strategies})  # type: ignore[misc]
    return create_model("Route", __config__=ConfigDict(extra="forbid"), strategy=(names, ...))


async def route(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose a search strategy; an unreadable choice leaves the suite's own."""
    context = runtime.context
    form = _strategy_form(context.strategies)
    reply = await _ask(
        ROUTER, state, context, "route", "choose the search strategy.", output=form, max_tokens=DECISION_MAX_TOKENS
    )
    strategy = str(reply.output.model_dump(mode="json")["strategy"]) if reply.output else context.strategy
    return _hand_back(ROUTER, state, Message(speaker=ROUTER, text=reply.text), strategy=strategy)


async def plan(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break the question into searches, for the others to read."""
    task = "write the search queries."
    reply = await _ask(PLANNER, state, runtime.context, "plan", task, output=Plan, max_tokens=DECISION_MAX_TOKENS)
    return _hand_back(PLANNER, state, Message(speaker=PLANNER, text=reply.text))


async def retrieve(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Write a search query, search, and report; an unreadable query becomes the question itself."""
    context = runtime.context
    task = "write the search query."
    reply = await _ask(
        RETRIEVER, state, context, "retrieve", task, output=SearchRequest, max_tokens=DECISION_MAX_TOKENS
    )
    wanted = reply.output.query if isinstance(reply.output, SearchRequest) else state["question"]
    hits = await context.tools.search(state.get("strategy", context.strategy), wanted, context.depth)
    kept = hits[: context.depth.final_k]
    first_number = len(state.get("passages", [])) + 1
    found = render_passages(kept, first_number=first_number) if kept else "Nothing was found."
    called = Message(speaker=RETRIEVER, text=reply.text)
    result = Message(speaker="search_tool", text=found)
    read = [*state.get("passages", []), *kept]
    after = {**state, "history": [*state["history"], called, result], "passages": read}
    report = await _ask(
        RETRIEVER, after, context, "retrieve_report", "report what was found.", max_tokens=context.answer_max_tokens
    )
    reported = Message(speaker=RETRIEVER, text=report.text)
    return _hand_back(RETRIEVER, state, called, result, reported, passages=list(kept), rankings=[hits])


async def synthesize(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer the question from the conversation."""
    task = f"answer the question.\n\nQuestion: {state['question']}"
    reply = await _ask(
        SYNTHESIZER, state, runtime.context, "answer", task, max_tokens=runtime.context.answer_max_tokens
    )
    return _hand_back(SYNTHESIZER, state, Message(speaker=SYNTHESIZER, text=reply.text))


async def validate(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Say whether the answer is supported; nobody but the supervisor acts on it."""
    choices = tuple(verdict.value for verdict in Supported)
    task = "say whether the passages support the answer: yes or no."
    reply = await _ask(VALIDATOR, state, runtime.context, "check", task, choices=choices, max_tokens=CHOICE_MAX_TOKENS)
    return _hand_back(VALIDATOR, state, Message(speaker=VALIDATOR, text=f"supported: {reply.text}"))


WORKERS = (
    (ROUTER, route),
    (PLANNER, plan),
    (RETRIEVER, retrieve),
    (SYNTHESIZER, synthesize),
    (VALIDATOR, validate),
)
