"""How much of a query's work had to wait for other work, and how much was done at once."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One leaf span: a model call, a search, a tool."""

    span_id: str
    t0: int
    """Start, ns on the run's monotonic clock."""
    t1: int
    agent: str | None = None
    """Whose model call it is; None for other work."""
    tokens: int | None = 0
    """Prompt + completion tokens of the call, 0 for other work; None when they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalPath:
    """The longest chain of work in one query run, and how much ran in parallel."""

    critical_path_s: float
    critical_path_tokens: int | None
    """None when the tokens of one call are not known."""
    concurrency_ratio: float
    """Sum of the work / time from its first start to its last end; below 1 where nothing worked in between."""
    guide_parallel_savings: int | None
    """The guide's "savings": over groups of agents whose calls overlap, the sum of their tokens less the largest.

    Running at once sends the same tokens, so nothing is saved; kept to reproduce the guide's figure. None as above.
    """


def critical_chain(work: Sequence[Work]) -> tuple[str, ...]:
    """Return the span ids of the chain that `critical_path_s` is the length of, the first piece first."""
    ordered = _ordered(work)
    predecessors = _predecessors(ordered)
    chains = _chains([piece.t1 - piece.t0 for piece in ordered], predecessors)
    number = max(range(len(ordered)), key=chains.__getitem__, default=None)
    found: list[str] = []
    while number is not None:
        found.append(ordered[number].span_id)
        number = predecessors[number]
    return tuple(reversed(found))


def critical_path(work: Sequence[Work]) -> CriticalPath | None:
    """Measure one query run; None without work that took time.

    What a piece of work depends on is inferred: the latest other piece that had ended when it began.
    """
    ordered = _ordered(work)
    if not ordered:
        return None
    predecessors = _predecessors(ordered)
    seconds = max(_chains([(piece.t1 - piece.t0) / 1e9 for piece in ordered], predecessors))
    tokens = [piece.tokens for piece in ordered if piece.tokens is not None]
    known = len(tokens) == len(ordered)
    makespan = max(piece.t1 for piece in ordered) - ordered[0].t0
    return CriticalPath(
        critical_path_s=seconds,
        critical_path_tokens=round(max(_chains(tokens, predecessors))) if known else None,
        concurrency_ratio=sum(piece.t1 - piece.t0 for piece in ordered) / makespan,
        guide_parallel_savings=sum(map(_savings, _groups(ordered))) if known else None,
    )


def _ordered(work: Sequence[Work]) -> list[Work]:
    """Return the pieces that took time, in the order in which they began."""
    return sorted(
        (piece for piece in work if piece.t1 > piece.t0), key=lambda piece: (piece.t0, piece.t1, piece.span_id)
    )


def _predecessors(ordered: Sequence[Work]) -> list[int | None]:
    """Return for each piece the position of the one that ended last before it began."""
    by_end = sorted(range(len(ordered)), key=lambda number: (ordered[number].t1, number))
    ends = [ordered[number].t1 for number in by_end]
    ended = [bisect_right(ends, piece.t0) for piece in ordered]
    return [by_end[count - 1] if count else None for count in ended]


def _chains(weights: Sequence[float], predecessors: Sequence[int | None]) -> list[float]:
    """Return the weight of the chain that ends with each piece; a predecessor comes before its successor."""
    chains: list[float] = []
    for weight, number in zip(weights, predecessors, strict=True):
        chains.append(weight + (chains[number] if number is not None else 0))
    return chains


def _groups(ordered: Iterable[Work]) -> Iterator[list[Work]]:
    """Yield the model calls that overlap in time, in groups without a gap."""
    group: list[Work] = []
    until = 0
    for piece in ordered:
        if piece.agent is None:
            continue
        if group and piece.t0 >= until:
            yield group
            group = []
        until = max(until, piece.t1) if group else piece.t1
        group.append(piece)
    if group:
        yield group


def _savings(group: Sequence[Work]) -> int:
    tokens: Counter[str] = Counter()
    for piece in group:
        tokens[str(piece.agent)] += piece.tokens or 0
    return tokens.total() - max(tokens.values())
