"""The five agents of the naive supervisor, in their simplest real form.

Each reads the whole conversation, and hands back with a message of its own and one that returns control. The
levers of the arm change what an agent reads and what it leaves in the conversation.

Those of the lever `specialization` end in `_specialised`: each works by its own means, the model where it must. As in
`tuned`, the level decides where: who routes, what is planned, whether candidates are reranked, whether an answer is
checked. A check reads what the arm gives its validator.
"""

from typing import Any

from langgraph.runtime import Runtime

from docmind_core.agents.context import PLANNER, RETRIEVER, ROUTER, SYNTHESIZER, VALIDATOR, AgentContext, Message
from docmind_core.agents.context_state import HISTORY, PASSAGES, ContextState, reading_request
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.levers import Lever
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS, DECISION_MAX_TOKENS, Plan, SearchRequest, Supported
from docmind_core.agents.passage_choice import chosen_passages
from docmind_core.agents.passages import NumberedPassage, numbered, render_numbered
from docmind_core.agents.prompt_files import answer_examples
from docmind_core.agents.refusals import is_refusal
from docmind_core.agents.reranking import reranked
from docmind_core.agents.route_choice import chosen, decide_route, remembered_route, strategy_form
from docmind_core.agents.text_overlap import without_near_duplicates
from docmind_core.agents.transcript import SEARCH_TOOL, hand_back_from
from docmind_core.agents.tuned_nodes import UNCHECKED, is_planned
from docmind_core.retrieval.search import Hit, candidate_ranking
from docmind_core.serving.chat import ChatReply

NOTHING_FOUND = "Nothing was found."


def hand_back(
    agent: str, context: AgentContext, *messages: Message, tool_output: tuple[Message, ...] = (), **update: Any
) -> dict[str, Any]:
    """Return the update of a finished agent: what it leaves in the conversation, and that it has run."""
    left = messages if Lever.LAST_MESSAGE_ONLY in context.levers else (*tool_output, *messages)
    if not context.levers & {Lever.NO_HANDOFF_MESSAGES, Lever.FIXED_EDGES}:
        left = (*left, hand_back_from(agent))
    return {**update, "history": list(left), "agents_run": [agent]}


def conversation(state: dict[str, Any], context: AgentContext, *, with_passages: bool) -> ContextState:
    """Return the conversation, and the passages after it if the retrieval expert left them out of it."""
    left_out = with_passages and Lever.LAST_MESSAGE_ONLY in context.levers
    return ContextState(
        query=state["question"],
        history=tuple(state["history"]),
        passages=numbered(state.get("passages", [])) if left_out else (),
        layout=(HISTORY, PASSAGES),
    )


def keep_passages(state: dict[str, Any], hits: tuple[Hit, ...], context: AgentContext) -> tuple[Hit, ...]:
    """Return what of a ranking is read, at most `final_k` passages; with `dedupe` the next one replaces a repeat."""
    if Lever.DEDUPE in context.levers:
        read = state.get("passages", [])
        hits = without_near_duplicates(hits, already_read=read, wanted=context.depth.final_k)
    found = hits[: context.depth.final_k]
    return chosen_passages([state["question"]], found) if Lever.PASSAGE_CHOICE in context.levers else found


def search_result(state: dict[str, Any], kept: tuple[Hit, ...]) -> Message:
    """Return the message of the search tool; numbers continue those of an earlier search."""
    shown = numbered(kept, first_number=len(state.get("passages", [])) + 1)
    return Message(speaker=SEARCH_TOOL, text=render_numbered(shown) if shown else NOTHING_FOUND, passages=shown)


async def _ask(
    agent: str,
    state: dict[str, Any],
    context: AgentContext,
    prompt: str,
    task: str,
    *,
    reads: ContextState,
    **form: Any,
) -> ChatReply:
    """Call the model; the task's booking name carries the turn."""
    request = reading_request(prompt, reads, f"Task: {task}", context, **form)
    return await context.tools.ask(agent, f"{prompt}_{_turn(state)}", request)


def _turn(state: dict[str, Any]) -> int:
    return len(state.get("agents_run", [])) + 1


def _reads(
    state: dict[str, Any],
    context: AgentContext,
    *inputs: str,
    passages: tuple[NumberedPassage, ...] = (),
    with_passages: bool = False,
) -> ContextState:
    """Return the conversation, or with `context_isolation` what the user said before and the agent's own inputs."""
    if Lever.CONTEXT_ISOLATION in context.levers:
        return ContextState(
            query=state["question"], history=context.earlier, passages=passages, layout=(HISTORY, *inputs)
        )
    return conversation(state, context, with_passages=with_passages)


def _question(state: dict[str, Any]) -> str:
    return f"Question: {state['question']}"


async def route(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose a search strategy; an unreadable choice leaves the suite's own."""
    context = runtime.context
    began_s, form = context.tools.now_s(), strategy_form(context.strategies)
    task, reads = "choose the search strategy.", _reads(state, context, _question(state))

    async def decide() -> tuple[RouteRecord, str]:
        reply = await _ask(
            ROUTER, state, context, "route", task, reads=reads, output=form, max_tokens=DECISION_MAX_TOKENS
        )
        return chosen(reply, state["question"], context), reply.text

    record, said = await remembered_route(state["question"], context, decide, reads=reads.render())
    context.tools.record_route(record, began_s=began_s)
    return hand_back(ROUTER, context, Message(speaker=ROUTER, text=said), strategy=record.strategy)


async def plan(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break the question into searches, for the others to read."""
    context = runtime.context
    task, reads = "write the search queries.", _reads(state, context, _question(state))
    reply = await _ask(PLANNER, state, context, "plan", task, reads=reads, output=Plan, max_tokens=DECISION_MAX_TOKENS)
    return hand_back(PLANNER, context, Message(speaker=PLANNER, text=reply.text), plan=reply.text)


async def retrieve(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Write a search query, search, and report; an unreadable query becomes the question itself."""
    context = runtime.context
    planned = f"Plan: {state['plan']}" if state.get("plan") else ""
    reads = _reads(state, context, _question(state), planned)
    reply = await _ask(
        RETRIEVER,
        state,
        context,
        "retrieve",
        "write the search query.",
        reads=reads,
        output=SearchRequest,
        max_tokens=DECISION_MAX_TOKENS,
    )
    wanted = reply.output.query if isinstance(reply.output, SearchRequest) else state["question"]
    hits = await context.tools.search(state.get("strategy", context.strategy), wanted, context.depth)
    kept = keep_passages(state, hits, context)
    called = Message(speaker=RETRIEVER, text=reply.text)
    result = search_result(state, kept)
    after = {**state, "history": [*state["history"], called, result]}
    report = await _ask(
        RETRIEVER,
        after,
        context,
        "retrieve_report",
        "report what was found.",
        reads=_reads(after, context, _question(state), _place_of(result.passages), passages=result.passages),
        max_tokens=context.answer_max_tokens,
    )
    reported = Message(speaker=RETRIEVER, text=report.text)
    return hand_back(RETRIEVER, context, reported, tool_output=(called, result), passages=list(kept), rankings=[hits])


async def synthesize(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Answer the question from the conversation."""
    context = runtime.context
    read = numbered(state.get("passages", []))
    reads = _reads(state, context, _place_of(read), passages=read, with_passages=True)
    task = f"answer the question.\n\n{_question(state)}"
    form = {"max_tokens": context.answer_max_tokens, "examples": answer_examples()}
    reply = await _ask(SYNTHESIZER, state, context, "answer", task, reads=reads, **form)
    said = Message(speaker=SYNTHESIZER, text=reply.text)
    return hand_back(SYNTHESIZER, context, said, draft=reply.text, draft_reasoning=reply.reasoning)


async def validate(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Say whether the answer is supported; only the supervisor acts on it."""
    context = runtime.context
    choices = tuple(verdict.value for verdict in Supported)
    task = "say whether the passages support the answer: yes or no."
    answered = f"Answer: {state.get('draft', '')}"
    read = numbered(state.get("passages", []))
    reads = _reads(state, context, _place_of(read), _question(state), answered, passages=read, with_passages=True)
    reply = await _ask(
        VALIDATOR, state, context, "check", task, reads=reads, choices=choices, max_tokens=CHOICE_MAX_TOKENS
    )
    return hand_back(VALIDATOR, context, Message(speaker=VALIDATOR, text=f"supported: {reply.text}"))


async def route_specialised(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Choose the search strategy by rules, at THOROUGH by the model with the rules as fallback."""
    context = runtime.context
    began_s = context.tools.now_s()

    async def decide() -> tuple[RouteRecord, str]:
        return await decide_route(state["question"], context, task=f"route_{_turn(state)}"), ""

    record, _ = await remembered_route(state["question"], context, decide)
    context.tools.record_route(record, began_s=began_s)
    strategy = record.strategy
    return hand_back(ROUTER, context, Message(speaker=ROUTER, text=strategy), strategy=strategy)


async def plan_specialised(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Break a composite question into searches, at THOROUGH every one; what is not broken costs no call."""
    if is_planned(state["question"], runtime.context.level):
        return await plan(state, runtime=runtime)
    return hand_back(PLANNER, runtime.context, Message(speaker=PLANNER, text="One search: the question itself."))


async def retrieve_specialised(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Search for the question and for what was planned; the passages are the report."""
    context = runtime.context
    strategy = state.get("strategy", context.strategy)
    queries = tuple(dict.fromkeys([state["question"], *_planned(state)]))
    rankings = await context.tools.search_many(strategy, queries, context.depth)
    if LEVEL_EFFORT[context.level].reranks:
        candidates = candidate_ranking(rankings)
        rankings = (await reranked(state["question"], candidates, context, task=f"rerank_{_turn(state)}"),)
    kept = keep_passages(state, candidate_ranking(rankings), context)
    result = search_result(state, kept)
    said = Message(speaker=RETRIEVER, text=f"{len(kept)} passages were found.")
    return hand_back(RETRIEVER, context, said, tool_output=(result,), passages=list(kept), rankings=list(rankings))


async def validate_specialised(state: dict[str, Any], runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Check an answer against the passages; a refusal claims nothing and costs no call, and at FAST no answer does."""
    if LEVEL_EFFORT[runtime.context.level].checks == "nothing":
        return hand_back(VALIDATOR, runtime.context, Message(speaker=VALIDATOR, text=f"supported: {UNCHECKED}"))
    if is_refusal(state.get("draft", "")):
        return hand_back(VALIDATOR, runtime.context, Message(speaker=VALIDATOR, text="supported: yes"))
    return await validate(state, runtime=runtime)


def _place_of(passages: tuple[NumberedPassage, ...]) -> str:
    return PASSAGES if passages else NOTHING_FOUND


def _planned(state: dict[str, Any]) -> list[str]:
    try:
        return Plan.model_validate_json(state.get("plan") or "").sub_queries
    except ValueError:
        return []


WORKERS = (
    (ROUTER, route),
    (PLANNER, plan),
    (RETRIEVER, retrieve),
    (SYNTHESIZER, synthesize),
    (VALIDATOR, validate),
)
SPECIALISTS = (
    (ROUTER, route_specialised),
    (PLANNER, plan_specialised),
    (RETRIEVER, retrieve_specialised),
    (SYNTHESIZER, synthesize),
    (VALIDATOR, validate_specialised),
)
