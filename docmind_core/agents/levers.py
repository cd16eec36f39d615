"""The levers: one mechanism each, switched alone, so that what it moves can be measured.

An arm's name says what is switched in it (`naive+LEVER`, `tuned-LEVER`) and whether it is a second run (`tuned.again`).
"""

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
    "it is an engine flag, not a graph change: run the suite on an engine with --kv-cache-dtype fp8, such as the "
    "profile rtx4090-fp8-128k, and on one without it (the embedded CPU engine has no FP8 KV cache)"
)

LEVERS: dict[Lever, LeverFacts] = {
    Lever.FIXED_EDGES: LeverFacts(
        changes="Edges instead of supervisor turns: the five agents run in order; the synthesizer's answer is final.",
        not_in_tuned="tuned consists of its edges; naive+fixed_edges measures what supervisor turns cost",
    ),
    Lever.PARALLEL_TOOLS: LeverFacts(
        changes="Independent agents and searches run in parallel, dispatched in one turn.",
    ),
    Lever.SPECIALIZATION: LeverFacts(
        changes="Each agent uses the cheapest means for its job: the router uses rules, the planner runs only for "
        "composite questions, the retrieval expert uses no model.",
    ),
    Lever.CONTEXT_ISOLATION: LeverFacts(
        changes="An agent sees its task and inputs, not the conversation; a supervisor still reads everything.",
    ),
    Lever.CONTEXT_BUDGET: LeverFacts(
        changes="Agent input is reduced to the suite's context_budget of 2,048, 4,096 or 8,192 tokens, by the four "
        "strategies of the context window.",
    ),
    Lever.DEDUPE: LeverFacts(changes="Near-duplicate passages are replaced by the next ones found."),
    Lever.PASSAGE_CHOICE: LeverFacts(
        changes="Only the best passage of each search is read: the one whose title and best sentence have most in "
        "common with the question.",
    ),
    Lever.RESULT_CACHE: LeverFacts(
        changes="Routes and searches are cached across processes; each lookup is recorded as a row.",
    ),
    Lever.PREFIX_ORDER: LeverFacts(
        changes="Shared parts of prompts come first, so that the engine's prefix cache can serve them: computed tokens "
        "fall, billed tokens don't.",
    ),
    Lever.NO_VALIDATION: LeverFacts(changes="No validator and no second attempt."),
    Lever.NO_HANDOFF_MESSAGES: LeverFacts(
        changes="Messages that transfer control and hand it back are removed from the conversation.",
        not_in_tuned="tuned has no hand-offs, so no messages about them",
    ),
    Lever.LAST_MESSAGE_ONLY: LeverFacts(
        changes="Only an agent's last message stays in the conversation, not its tool output; agents that answer from "
        "passages still receive them.",
        not_in_tuned="the agents of tuned hand over typed results, not messages",
    ),
    Lever.FORWARD_MESSAGE: LeverFacts(
        changes="The synthesizer's answer is forwarded unchanged instead of being rewritten.",
        not_in_tuned="tuned has no supervisor that could rewrite the answer",
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

NAIVE = "naive_supervisor"
TUNED = "tuned"

AGAIN = ".again"
"""Ends the name of an arm that is another one, run a second time: what differs between the two is noise."""

_CONTRADICTIONS = (
    (Lever.FIXED_EDGES, Lever.FORWARD_MESSAGE, "without a supervisor no agent rewrites the answer"),
    (Lever.FIXED_EDGES, Lever.NO_HANDOFF_MESSAGES, "without a supervisor there are no hand-off messages to remove"),
)
_NAME = re.compile(r"(?P<graph>[a-z0-9_]+)(?P<levers>([+-][a-z0-9_]+)+)")
_PART = re.compile(r"([+-])([a-z0-9_]+)")


def first_of(name: str) -> str | None:
    """Return the arm that `name` is the second run of; None for any other name."""
    return name.removesuffix(AGAIN) if name.endswith(AGAIN) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverArm:
    """What the name of an arm with levers says."""

    graph: str
    """`naive_supervisor` or `tuned`: what it is built as, and what it is compared with."""
    changed: tuple[Lever, ...]
    """The levers in its name, in their order."""
    levers: frozenset[Lever]
    """What is on in this arm."""


def parse_lever_arm(name: str) -> LeverArm | None:
    """Read the name of an arm with levers; None when the name has none.

    Raises:
        UsageError: Unknown, refused, repeated or contradictory levers, with the reason.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    parts = [(sign, _find_lever(lever, arm=name)) for sign, lever in _PART.findall(match["levers"])]
    changed = tuple(lever for _, lever in parts)
    _refuse_disorder(name, match["graph"], parts)
    if match["graph"] == "naive":
        for sign, lever in parts:
            _refuse_in_naive(name, sign, lever)
        _refuse_contradictions(changed, arm=name)
        return LeverArm(graph=NAIVE, changed=changed, levers=frozenset(changed))
    if match["graph"] == TUNED:
        for sign, lever in parts:
            _refuse_in_tuned(name, sign, lever)
        return LeverArm(graph=TUNED, changed=changed, levers=TUNED_LEVERS ^ set(changed))
    raise UsageError(
        f"arm {name!r}: only naive and tuned have levers: naive+LEVER, tuned-LEVER. See them: docmind arms"
    )


def _find_lever(name: str, *, arm: str) -> Lever:
    """Return the lever called `name`, or say which there are."""
    try:
        return Lever(name)
    except ValueError:
        meant = did_you_mean(name, Lever)
        raise UsageError(f"arm {arm!r}: unknown lever {name!r}.{meant} Known levers: {', '.join(Lever)}.") from None


def _refuse_disorder(name: str, graph: str, parts: list[tuple[str, Lever]]) -> None:
    order = list(Lever)
    ordered = sorted(parts, key=lambda part: order.index(part[1]))
    levers = [lever for _, lever in parts]
    if len(set(levers)) < len(levers):
        raise UsageError(f"arm {name!r}: a lever appears twice.")
    if ordered != parts:
        wanted = graph + "".join(f"{sign}{lever}" for sign, lever in ordered)
        raise UsageError(f"arm {name!r}: write it {wanted}.")


def _refuse_in_naive(name: str, sign: str, lever: Lever) -> None:
    because = LEVERS[lever].not_in_naive
    if because is not None:
        raise UsageError(f"arm {name!r}: {lever} is not available: {because}.")
    if sign == "-":
        raise UsageError(f"arm {name!r}: {NAIVE} has no lever to remove; add one: naive+{lever}.")


def _refuse_in_tuned(name: str, sign: str, lever: Lever) -> None:
    because = LEVERS[lever].not_in_tuned
    if because is not None:
        raise UsageError(f"arm {name!r}: {lever} can't be changed in tuned: {because}.")
    if sign == "+" and lever not in ADDED_TO_TUNED:
        raise UsageError(f"arm {name!r}: tuned already has {lever}; to remove it: tuned-{lever}.")
    if sign == "-" and lever in ADDED_TO_TUNED:
        raise UsageError(f"arm {name!r}: tuned has no {lever} to remove; to add it: tuned+{lever}.")


def _refuse_contradictions(levers: Iterable[Lever], *, arm: str) -> None:
    """Refuse levers of which one takes away what another one works on."""
    given = set(levers)
    for first, second, because in _CONTRADICTIONS:
        if {first, second} <= given:
            raise UsageError(f"arm {arm!r}: {first} and {second} contradict each other: {because}. Remove one.")
