"""The names of arms: with levers (`naive+LEVER`, `tuned-LEVER`), and of a second run of an arm (`tuned.again`)."""

import re
from dataclasses import dataclass

from docmind_core.agents.levers import ADDED_TO_TUNED, LEVERS, TUNED_LEVERS, Lever, find_lever, refuse_contradictions
from docmind_core.errors import UsageError

NAIVE = "naive_supervisor"
TUNED = "tuned"

AGAIN = ".again"
"""Ends the name of an arm that is another one, run a second time: what differs between the two is noise."""

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
    parts = [(sign, find_lever(lever, arm=name)) for sign, lever in _PART.findall(match["levers"])]
    changed = tuple(lever for _, lever in parts)
    _refuse_disorder(name, match["graph"], parts)
    if match["graph"] == "naive":
        for sign, lever in parts:
            _refuse_in_naive(name, sign, lever)
        refuse_contradictions(changed, arm=name)
        return LeverArm(graph=NAIVE, changed=changed, levers=frozenset(changed))
    if match["graph"] == TUNED:
        for sign, lever in parts:
            _refuse_in_tuned(name, sign, lever)
        return LeverArm(graph=TUNED, changed=changed, levers=TUNED_LEVERS ^ set(changed))
    raise UsageError(
        f"arm {name!r}: only naive and tuned have levers: naive+LEVER, tuned-LEVER. See them: docmind arms"
    )


def _refuse_disorder(name: str, graph: str, parts: list[tuple[str, Lever]]) -> None:
    order = list(Lever)
    ordered = sorted(parts, key=lambda part: order.index(part[1]))
    levers = [lever for _, lever in parts]
    if len(set(levers)) < len(levers):
        raise UsageError(f"arm {name!r}: a lever is named twice.")
    if ordered != parts:
        wanted = graph + "".join(f"{sign}{lever}" for sign, lever in ordered)
        raise UsageError(f"arm {name!r}: one arm has one name; write it {wanted}.")


def _refuse_in_naive(name: str, sign: str, lever: Lever) -> None:
    because = LEVERS[lever].not_in_naive
    if because is not None:
        raise UsageError(f"arm {name!r}: {lever} can't be had here: {because}.")
    if sign == "-":
        raise UsageError(f"arm {name!r}: {NAIVE} has no lever to leave out; add one: naive+{lever}.")


def _refuse_in_tuned(name: str, sign: str, lever: Lever) -> None:
    because = LEVERS[lever].not_in_tuned
    if because is not None:
        raise UsageError(f"arm {name!r}: {lever} can't be switched in tuned: {because}.")
    if sign == "+" and lever not in ADDED_TO_TUNED:
        raise UsageError(f"arm {name!r}: tuned has {lever} already; leave it out: tuned-{lever}.")
    if sign == "-" and lever in ADDED_TO_TUNED:
        raise UsageError(f"arm {name!r}: tuned has no {lever} to leave out; add it: tuned+{lever}.")
