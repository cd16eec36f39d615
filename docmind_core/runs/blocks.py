"""Blocks: the queries cut into parts, in each of which the arms take turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

from docmind_core.agents.arms import ARMS
from docmind_core.agents.levers import AGAIN
from docmind_core.errors import SuiteError
from docmind_core.query_sets.queries import Query
from docmind_core.query_sets.selection import select_queries
from docmind_core.runs.journal import Journal
from docmind_core.suites.suite import Suite

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Interim looks at a run, which may stop it early; queries that are no longer needed are not asked."""

    fractions: tuple[float, ...]
    """Share of the queries at each look, ascending."""
    decide: Callable[[Journal, str, int], str | None]
    """Given the journal, the run id and how many queries are answered: why no more is asked, or None. Asked first with
    none: it may refuse the run then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """Which queries a suite asks, and in which order."""

    blocks: tuple[tuple[Query, ...], ...]
    """Measured, block by block; the sizes differ by at most one."""
    warm_up: tuple[Query, ...]
    """Asked first, by each arm: queries that are not measured where the set has enough of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What each arm answers in one block."""

    block: int
    """From 1."""
    queries: tuple[Query, ...]
    replicates: range


def plan_queries(queries: Sequence[Query], suite: Suite) -> QueryPlan:
    """Choose the queries of a suite and cut them into its blocks.

    Raises:
        SuiteError: If there are fewer queries than blocks, or than queries to warm up with.
    """
    if problems := plan_problems(queries, suite):
        raise SuiteError("\n".join(problems))
    everything = select_queries(queries, limit=None, seed=suite.seed)
    measured = everything[: suite.limit]
    # Of those that are measured too the last come first: on an engine whose prefix cache can't be emptied, the first
    # measured query would else find its own prompts there.
    spare = (*everything[len(measured) :], *reversed(measured))
    return QueryPlan(blocks=cut_into_blocks(measured, suite.blocks), warm_up=spare[: suite.warmup])


def plan_shares(plan: QueryPlan, replicates: int, additions: Sequence[int]) -> tuple[Share, ...]:
    """Return what each arm answers in each block: all queries first, and all of them again for each addition.

    Replicates that were added later are blocks of their own: they have readings of the counters of their own, and
    their times are independent of those of the first ones.

    Args:
        plan: The queries in their blocks.
        replicates: Of each query, with those of the additions.
        additions: How many replicates were added each time, oldest first.
    """
    firsts = [0, *accumulate(additions, initial=replicates - sum(additions))]
    rounds = [range(first, after) for first, after in pairwise(firsts)]
    shares = ((queries, of_round) for of_round in rounds for queries in plan.blocks)
    return tuple(
        Share(block=number, queries=queries, replicates=of_round)
        for number, (queries, of_round) in enumerate(shares, start=1)
    )


def plan_problems(queries: Sequence[Query], suite: Suite) -> list[str]:
    """Return the problems that prevent asking a query set in the suite's blocks, one line `key: problem` each."""
    problems = []
    measured = min(len(queries), suite.limit or len(queries))
    if suite.blocks > measured:
        problems.append(
            f"blocks: {suite.blocks} blocks need at least {suite.blocks} queries, but this suite has {measured}. "
            f"Set blocks to at most {measured}, or use more queries (limit, query_set)."
        )
    if suite.warmup > len(queries):
        problems.append(
            f"warmup: the query set has {len(queries)} queries, fewer than the {suite.warmup} to warm up with. "
            f"Set warmup to at most {len(queries)}."
        )
    return problems


def cut_into_blocks(queries: Sequence[T], blocks: int) -> tuple[tuple[T, ...], ...]:
    """Split into contiguous blocks whose sizes differ by at most one."""
    ends = [len(queries) * number // blocks for number in range(blocks + 1)]
    return tuple(tuple(queries[start:end]) for start, end in pairwise(ends))


def look_sizes(queries: int, fractions: Sequence[float]) -> tuple[int, ...]:
    """Return how many queries are answered at each look: at least two, at the last one all."""
    return tuple(sorted({max(2, round(fraction * queries)) for fraction in fractions if fraction < 1} | {queries}))


def turns(arms: Sequence[str], block: int) -> tuple[str, ...]:
    """Return the order of the arms in a block, from 1: A B C, then C A B, then B C A, then again.

    An arm that spends what another one spends comes after that one, regardless of the rotation.
    """
    shift = (1 - block) % len(arms)
    rotated = (*arms[shift:], *arms[:shift])
    spenders = [arm for arm in rotated if (ours := ARMS.get(arm.removesuffix(AGAIN))) and ours.spends_as in arms]
    return (*(arm for arm in rotated if arm not in spenders), *spenders)
