"""A router's choice, made by rules or by the model, in the form in which it is recorded."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from docmind_core.agents.context import ROUTER, AgentContext
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.levels import LEVEL_EFFORT
from docmind_core.agents.outputs import CHOICE_MAX_TOKENS
from docmind_core.agents.prompt_files import read_prompt
from docmind_core.agents.routing_rules import RouteDecision, route_by_rules
from docmind_core.errors import CallTimeout, ContextOverflow, EngineError, EngineUnreachable
from docmind_core.serving.chat import ChatReply, ChatRequest

_REPEATABLE = frozenset({None, "one_strategy", "not_open"})
"""Reasons for a choice that would be the same next time."""


def route_request(question: str, context: AgentContext, **form: Any) -> ChatRequest:
    """Lay out the question that the model is asked about a question; `form` constrains its reply."""
    return ChatRequest(
        system=read_prompt("route"),
        user=f"Question: {question}\n\nTask: choose the search strategy.",
        seed=context.seed,
        **form,
    )


async def decide_route(question: str, context: AgentContext, *, task: str = "route") -> RouteRecord:
    """Choose by the level's rules; where the level asks the model, they are the fallback for a late reply.

    Raises:
        EngineUnreachable: If the engine is gone; any other failure of the call is answered by the rules.
    """
    effort, rules = LEVEL_EFFORT[context.level], _rules(question, context)
    if not effort.routes_by_model:
        return _as_ruled(rules, context, because="late" if rules.late else None)
    if len(set(context.strategies)) < 2:
        return _as_ruled(rules, context, because="one_strategy")
    request = route_request(question, context, choices=context.strategies, max_tokens=CHOICE_MAX_TOKENS)
    try:
        reply = await context.tools.ask(ROUTER, task, request, deadline_s=effort.max_analysis_s)
    except EngineUnreachable:
        raise
    except CallTimeout:
        return _as_ruled(rules, context, because="deadline")
    except (EngineError, ContextOverflow):
        return _as_ruled(rules, context, because="call_failed")
    if reply.output_problem is not None:
        return _as_ruled(rules, context, because="invalid_output")
    return _as_chosen(reply.text, rules)


@cache  # with a class for each query, its schema would be made and kept for each, too
def strategy_form(strategies: tuple[str, ...]) -> type[BaseModel]:
    """Return the form of a router's decision: one of the strategies that are open here."""
    names = StrEnum("SearchStrategy", {name.upper(): name for name in strategies})  # type: ignore[misc]
    return create_model("Route", __config__=ConfigDict(extra="forbid"), strategy=(names, ...))


def chosen(reply: ChatReply, question: str, context: AgentContext) -> RouteRecord:
    """Take the strategy that a reply in `strategy_form` names; one that can't be read leaves the suite's own."""
    rules = _rules(question, context)
    if not reply.output:
        return _by_suite(rules, context, because="invalid_output")
    return _as_chosen(str(reply.output.model_dump(mode="json")["strategy"]), rules)


async def remembered_route(
    question: str, context: AgentContext, work: Callable[[], Awaitable[tuple[RouteRecord, str]]], *, reads: str = ""
) -> tuple[RouteRecord, str]:
    """Return a choice and the words it was made in, from the router's cache where the arm has one.

    Args:
        question: What is routed.
        context: Of the arm.
        work: Makes the choice.
        reads: What the choice depends on besides the question, such as a conversation.
    """

    async def decide() -> dict[str, Any]:
        record, said = await work()
        return {"record": asdict(record), "said": said}

    kept = await context.tools.remembered(
        "router",
        question,
        decide,
        worth_keeping=lambda value: is_worth_keeping(RouteRecord(**value["record"]), context),
        open=list(context.strategies),
        otherwise=context.strategy,
        reads=reads,
    )
    return RouteRecord(**kept["record"]), kept["said"]


def is_worth_keeping(record: RouteRecord, context: AgentContext) -> bool:
    """Return whether a choice is the same next time, and as sure as its level asks; the model states no confidence."""
    sure = record.confidence is None or record.confidence >= LEVEL_EFFORT[context.level].confidence_threshold
    return sure and record.fell_back_because in _REPEATABLE


def _rules(question: str, context: AgentContext) -> RouteDecision:
    return route_by_rules(question, context.level, now_s=context.tools.now_s)


def _as_chosen(choice: str, rules: RouteDecision) -> RouteRecord:
    return RouteRecord(
        strategy=choice,
        rule_strategy=rules.strategy,
        confidence=None,
        decided_by="model",
        reasoning="the model chose",
        **asdict(rules.parameters),
    )


def _as_ruled(rules: RouteDecision, context: AgentContext, *, because: str | None) -> RouteRecord:
    if rules.strategy not in context.strategies:
        return _by_suite(rules, context, because=because or "not_open")
    return RouteRecord(
        strategy=rules.strategy,
        rule_strategy=rules.strategy,
        confidence=rules.confidence,
        decided_by="rules",
        reasoning=rules.reasoning,
        **asdict(rules.parameters),
        fell_back_because=because,
    )


def _by_suite(rules: RouteDecision, context: AgentContext, *, because: str) -> RouteRecord:
    return RouteRecord(
        strategy=context.strategy,
        rule_strategy=rules.strategy,
        confidence=None,
        decided_by="suite",
        reasoning=rules.reasoning,
        **asdict(rules.parameters),
        fell_back_because=because,
    )
