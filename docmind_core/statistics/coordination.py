"""Coordination overhead: the part of a query's time in which nothing worked for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordination:
    """Where the time of one query run went."""

    wall_s: float
    busy_s: float
    """Union of the leaf work (model calls, searches, tools), clipped to the root span."""
    coordination_overhead_s: float
    """`wall_s - busy_s`, never negative."""
    coordination_overhead_ratio: float | None
    """In [0, 1]; None when the wall time is 0."""
    parallelism_ratio: float | None
    """Sum of the work / its union, at least 1; None without work."""
    coordination_incl_supervisor_s: float
    """The overhead when the supervisor's model calls count as coordination, not as work."""
    supervisor_llm_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """When one piece of leaf work ran, in ns on the run's monotonic clock."""

    t0: int
    t1: int
    by_supervisor: bool = False
    """Whether it is a model call of the supervisor."""


def coordination(root: tuple[int, int], work: Sequence[Interval]) -> Coordination:
    """Measure one query run.

    Args:
        root: Start and end of its root span, ns.
        work: Its leaf work, in any order; it may overlap and leak out of the root.
    """
    start, end = root
    clipped = [(max(one.t0, start), min(one.t1, end), one.by_supervisor) for one in work]
    ran = sorted(piece for piece in clipped if piece[1] > piece[0])
    wall, busy = end - start, _union(ran)
    return Coordination(
        wall_s=wall / 1e9,
        busy_s=busy / 1e9,
        coordination_overhead_s=(wall - busy) / 1e9,
        coordination_overhead_ratio=(wall - busy) / wall if wall else None,
        parallelism_ratio=sum(t1 - t0 for t0, t1, _ in ran) / busy if busy else None,
        coordination_incl_supervisor_s=(wall - _union(piece for piece in ran if not piece[2])) / 1e9,
        supervisor_llm_s=sum(one.t1 - one.t0 for one in work if one.by_supervisor) / 1e9,
    )


def _union(ran: Iterable[tuple[int, int, bool]]) -> int:
    """Return how many ns are covered by intervals that are sorted by their start."""
    covered, until = 0, None
    for start, end, _ in ran:
        if until is None or start > until:
            covered, until = covered + end - start, end
        elif end > until:
            covered, until = covered + end - until, end
    return covered
