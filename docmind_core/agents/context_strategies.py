"""The guide's four ways to shorten a context, in the guide's order; each is a pure function of a state.

Each gets the state, the number of tokens to be saved and a counter for pieces of text, and returns a new state, or
the same one when it has nothing to cut.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from docmind_core.agents.context import PLANNER, ROUTER, Message
from docmind_core.agents.context_passages import drop_duplicates, keep_within
from docmind_core.agents.context_state import ContextState
from docmind_core.agents.passages import NumberedPassage, render_numbered, render_passage
from docmind_core.agents.text_overlap import cut_to_tokens
from docmind_core.agents.transcript import LEFT_OUT, exchanges, turns

CountText = Callable[[str], int]
Strategy = Callable[[ContextState, int, CountText], ContextState]

LATEST_TURNS = 5
"""Turns kept in addition to the first one."""
COMPRESSED_SHARE_MIN = 0.5
"""Share of the passages' tokens that compression leaves at least."""


def trim_conversation(state: ContextState, over: int, count: CountText) -> ContextState:
    """Keep the first turn and the last five; a turn is a user's message and everything until the next one.

    The query's own turn, where it is in the conversation, stays and is none of the six: it is the current turn.
    """
    found = turns(state.history)
    before = [place for place, turn in enumerate(found) if all(message.text != state.query for message in turn)]
    if len(before) <= LATEST_TURNS + 1:
        return state
    # By place: a turn that is dropped may say the same as one that stays.
    dropped = set(before[1:-LATEST_TURNS])
    kept = (turn for place, turn in enumerate(found) if place not in dropped)
    return replace(state, history=tuple(message for turn in kept for message in turn))


def compress_results(state: ContextState, over: int, count: CountText) -> ContextState:
    """Keep the best passages of each search whole until the budget is met, cut the next one, leave out the rest.

    At most half goes here: what is still too much is for the conversation to give up first, whose priority is lower.
    """
    lists = _lists(state)
    held = sum(count(render_passage(passage)) for passages in lists for passage in passages)
    allowed = max(held - over, math.ceil(held * COMPRESSED_SHARE_MIN))
    return _with_lists(state, keep_within(lists, allowed, state.query, count)) if held else state


def remove_redundancy(state: ContextState, over: int, count: CountText) -> ContextState:
    """Leave out what was said before: chunks that nearly repeat another, and sentences that repeat a passage."""
    return _with_lists(state, drop_duplicates(_lists(state)))


def preserve_priorities(state: ContextState, over: int, count: CountText) -> ContextState:
    """Cut from the lowest priority up: conversation, retrieval results, plan, routing decision; never the query."""
    for lowest in (_shorten_conversation, _shorten_results, _shorten_plan, _shorten_routing):
        shorter, saved = lowest(state, over, count)
        state, over = shorter, over - saved
        if over <= 0:
            break
    return state


STRATEGIES: tuple[tuple[str, Strategy], ...] = (
    ("conversation_trimming", trim_conversation),
    ("result_compression", compress_results),
    ("redundancy_removal", remove_redundancy),
    ("priority_preservation", preserve_priorities),
)


def _lists(state: ContextState) -> tuple[tuple[NumberedPassage, ...], ...]:
    """Return every list of passages in the prompt, the one outside of the conversation first."""
    return (state.passages, *(message.passages for message in state.history))


def _with_lists(state: ContextState, lists: Sequence[tuple[NumberedPassage, ...]]) -> ContextState:
    history = tuple(_with_passages(message, kept) for message, kept in zip(state.history, lists[1:], strict=True))
    changed = replace(state, passages=lists[0], history=history)
    return state if changed == state else changed


def _with_passages(message: Message, passages: tuple[NumberedPassage, ...]) -> Message:
    if passages == message.passages:
        return message
    return replace(message, passages=passages, text=render_numbered(passages) if passages else LEFT_OUT)


def _shorten_conversation(state: ContextState, over: int, count: CountText) -> tuple[ContextState, int]:
    """Leave out whole exchanges, oldest first; those with passages, a plan or a route have a priority of their own."""
    return _drop_turns(state, over, count, lambda message: not message.passages and message.speaker not in _OWN)


def _shorten_results(state: ContextState, over: int, count: CountText) -> tuple[ContextState, int]:
    lists = _lists(state)
    held = sum(count(render_passage(passage)) for passages in lists for passage in passages)
    shorter = _with_lists(state, keep_within(lists, max(0, held - over), state.query, count))
    left = sum(count(render_passage(passage)) for passages in _lists(shorter) for passage in passages)
    if held - left >= over:
        return shorter, held - left
    # Without passages a search and its result say nothing.
    emptied, saved = _drop_turns(shorter, over - (held - left), count, lambda each: each.speaker not in _OWN)
    return emptied, held - left + saved


def _shorten_plan(state: ContextState, over: int, count: CountText) -> tuple[ContextState, int]:
    plan, saved = cut_to_tokens(state.execution_plan, count(state.execution_plan) - over, count)
    if saved >= over:
        return replace(state, execution_plan=plan), saved
    emptied, more = _drop_turns(
        replace(state, execution_plan=plan), over - saved, count, lambda message: message.speaker == PLANNER
    )
    return emptied, saved + more


def _shorten_routing(state: ContextState, over: int, count: CountText) -> tuple[ContextState, int]:
    route, saved = cut_to_tokens(state.routing_decision, count(state.routing_decision) - over, count)
    if saved >= over:
        return replace(state, routing_decision=route), saved
    emptied, more = _drop_turns(replace(state, routing_decision=route), over - saved, count, lambda _: True)
    return emptied, saved + more


_OWN = {ROUTER, PLANNER}
"""Speakers whose messages are decisions, worth more than the rest of the conversation."""


def _drop_turns(
    state: ContextState, over: int, count: CountText, droppable: Callable[[Message], bool]
) -> tuple[ContextState, int]:
    """Leave out whole turns, oldest first, until `over` tokens are saved; the query's own message stays."""
    kept: list[Message] = []
    saved = 0
    for unit in _units(state):
        may_go = all(droppable(message) and message.text != state.query for message in unit)
        if may_go and saved < over:
            # One less for each message: a token at a seam may belong to its neighbour.
            saved += sum(max(0, count(f"{message.speaker}: {message.text}") - 1) for message in unit)
        else:
            kept.extend(unit)
    return replace(state, history=tuple(kept)), saved


def _units(state: ContextState) -> list[tuple[Message, ...]]:
    """Return what may only go together: a turn, or, in the turn that the query began, a message with its results."""
    units: list[tuple[Message, ...]] = []
    for turn in turns(state.history):
        asked = any(message.text == state.query for message in turn)
        units.extend(exchanges(turn) if asked else [turn])
    return units
