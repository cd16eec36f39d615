"""The levers: one mechanism each, switched alone, so that what it moves can be measured."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from docmind_core.errors import UsageError, did_you_mean


class Lever(StrEnum):
    """Every mechanism that has a name, in the order in which an arm's name carries them."""

    FIXED_EDGES = "fixed_edges"
    PARALLEL_TOOLS = "parallel_tools"
    SPECIALIZATION = "specialization"
    CONTEXT_ISOLATION = "context_isolation"
    CONTEXT_BUDGET = "context_budget"
    DEDUPE = "dedupe"
    PASSAGE_CHOICE = "passage_choice"
    RESULT_CACHE = "result_cache"
    PREFIX_ORDER = "prefix_order"
    NO_VALIDATION = "no_validation"
    NO_HANDOFF_MESSAGES = "no_handoff_messages"
    LAST_MESSAGE_ONLY = "last_message_only"
    FORWARD_MESSAGE = "forward_message"
    FP8_KV_CACHE = "fp8_kv_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverFacts:
    """What a lever changes, and where it can't be."""

    changes: str
    """One sentence for a person choosing arms."""
    not_in_naive: str | None = None
    """Why `naive+LEVER` is refused; None when it exists."""
    not_in_tuned: str | None = None
    """Why neither `tuned-LEVER` nor `tuned+LEVER` exists; None when one of them does."""


_ENGINE_FLAG = (
    "it is a flag of the engine, not a graph: run the suite on an engine started with --kv-cache-dtype fp8, as the "
    "profile rtx4090-fp8-128k is, and on one without it (the embedded CPU engine has no FP8 KV cache)"
)

LEVERS: dict[Lever, LeverFacts] = {
    Lever.FIXED_EDGES: LeverFacts(
        changes="Edges instead of supervisor turns: the five agents in order, the synthesizer's answer is the answer.",
        not_in_tuned="tuned is made of its edges; what supervisor turns cost is measured by naive+fixed_edges",
    ),
    Lever.PARALLEL_TOOLS: LeverFacts(
        changes="Agents and searches that don't need each other run at once, dispatched in one turn.",
    ),
    Lever.SPECIALIZATION: LeverFacts(
        changes="Each agent does its own job by its own means: the router by rules, the planner only where a question "
        "is composite, the retrieval expert without the model.",
    ),
    Lever.CONTEXT_ISOLATION: LeverFacts(
        changes="An agent sees its task and its inputs, not the conversation; a supervisor still reads everything.",
    ),
    Lever.CONTEXT_BUDGET: LeverFacts(
        changes="What an agent reads is made to fit the suite's context_budget of 2,048, 4,096 or 8,192 tokens, by the "
        "four strategies of the context window.",
    ),
    Lever.DEDUPE: LeverFacts(changes="Passages that nearly repeat another one give way to the next ones found."),
    Lever.PASSAGE_CHOICE: LeverFacts(
        changes="Of the passages found, the best one for each search is read: that whose title and best sentence have "
        "most in common with the question.",
    ),
    Lever.RESULT_CACHE: LeverFacts(
        changes="Routes and searches are kept for the next time, across processes; each lookup is a row.",
    ),
    Lever.PREFIX_ORDER: LeverFacts(
        changes="What prompts have in common comes first, for the engine's prefix cache: computed tokens fall, "
        "billed ones don't.",
    ),
    Lever.NO_VALIDATION: LeverFacts(changes="No validator and no second try."),
    Lever.NO_HANDOFF_MESSAGES: LeverFacts(
        changes="Messages that transfer control and hand it back are left out of the conversation.",
        not_in_tuned="tuned has no hand-offs, so no messages about them",
    ),
    Lever.LAST_MESSAGE_ONLY: LeverFacts(
        changes="An agent leaves its last message in the conversation, not its tools' output; who answers from "
        "passages is given them.",
        not_in_tuned="the agents of tuned hand over typed results, not messages",
    ),
    Lever.FORWARD_MESSAGE: LeverFacts(
        changes="The synthesizer's answer is forwarded as it is instead of being written again.",
        not_in_tuned="tuned has no supervisor that could write the answer again",
    ),
    Lever.FP8_KV_CACHE: LeverFacts(
        changes="The engine keeps its KV cache in 8 bits.", not_in_naive=_ENGINE_FLAG, not_in_tuned=_ENGINE_FLAG
    ),
}

TUNED_LEVERS = frozenset(
    {
        Lever.FIXED_EDGES,
        Lever.PARALLEL_TOOLS,
        Lever.SPECIALIZATION,
        Lever.CONTEXT_ISOLATION,
        Lever.DEDUPE,
        Lever.PASSAGE_CHOICE,
        Lever.PREFIX_ORDER,
        Lever.NO_VALIDATION,
    }
)
"""What `tuned` has; docs/adr/0022-what-tuned-reads.md says how the last three were chosen."""

ADDED_TO_TUNED = frozenset({Lever.CONTEXT_BUDGET, Lever.RESULT_CACHE})
"""What `tuned` lacks and can be given; docs/adr/0008-levers-that-tuned-lacks.md says why."""

_CONTRADICTIONS = (
    (Lever.FIXED_EDGES, Lever.FORWARD_MESSAGE, "without a supervisor no agent rewrites the answer"),
    (Lever.FIXED_EDGES, Lever.NO_HANDOFF_MESSAGES, "without a supervisor there are no hand-off messages to leave out"),
)


def find_lever(name: str, *, arm: str) -> Lever:
    """Return the lever called `name`, or say which there are."""
    try:
        return Lever(name)
    except ValueError:
        meant = did_you_mean(name, Lever)
        raise UsageError(f"arm {arm!r}: there is no lever {name!r}.{meant} Known levers: {', '.join(Lever)}.") from None


def has_lever(arm: str, lever: Lever) -> bool:
    """Whether a lever is added in an arm's name, among others or alone: `naive+LEVER`, `tuned+LEVER-OTHER`."""
    return re.search(rf"\+{lever}(?![a-z0-9_])", arm) is not None


def refuse_contradictions(levers: Iterable[Lever], *, arm: str) -> None:
    """Refuse levers of which one takes away what another one works on."""
    given = set(levers)
    for first, second, because in _CONTRADICTIONS:
        if {first, second} <= given:
            raise UsageError(f"arm {arm!r}: {first} and {second} contradict each other: {because}. Leave one out.")
