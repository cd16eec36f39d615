"""The queries whose passing changed between two runs: what each answered, and what would have been right."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from docmind_core.measurements.arm_values import ArmValues
from docmind_core.measurements.paired import PairedRuns
from docmind_core.query_sets.queries import Query

BROKE, FIXED = "broke", "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredQuery:
    """What one run made of a query."""

    passed: float
    """Share of the replicates that passed, in [0, 1]."""
    answers: tuple[str | None, ...]
    """One per replicate; None where the query failed."""
    outcomes: tuple[str, ...]
    """Of each replicate: `answered`, `fallback` or `failed`."""
    evidence_recall: float | None
    """Share of the gold spans that reached the model, in [0, 1]; None where it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlippedQuery:
    """One query that one of two runs passed more often than the other."""

    query_id: str
    query_type: str
    text: str
    baseline: AnsweredQuery
    candidate: AnsweredQuery
    gold: Query | None
    """What is right; None where the query set is not at hand in the version that ran."""

    @property
    def change(self) -> str:
        """`broke` where the candidate passes less often, else `fixed`."""
        return BROKE if self.candidate.passed < self.baseline.passed else FIXED


def flipped_queries(runs: PairedRuns, gold: Mapping[str, Query]) -> tuple[FlippedQuery, ...]:
    """Return the queries whose passing changed: broken ones first, the largest changes first.

    Args:
        runs: Both runs.
        gold: Queries by id; empty where the query set is not at hand.
    """
    sides = runs.candidate, runs.baseline
    now, before = runs.sides(*(run.score("passed").values for run in sides))
    with np.errstate(invalid="ignore"):
        changed = np.flatnonzero(now - before).tolist()
    recalls = runs.sides(*(run.score("evidence_recall").values for run in sides))
    found = []
    for at in changed:
        if np.isnan(now[at]) or np.isnan(before[at]):
            continue
        query = runs.queries[at]
        row = runs.candidate.row_places[query][0]
        found.append(
            FlippedQuery(
                query_id=query,
                query_type=str(runs.candidate.rows["query_type"][row] or "unknown"),
                text=str(runs.candidate.rows["query"][row] or ""),
                candidate=_answered(runs.candidate, query, float(now[at]), float(recalls[0][at])),
                baseline=_answered(runs.baseline, query, float(before[at]), float(recalls[1][at])),
                gold=gold.get(query),
            )
        )
    return tuple(sorted(found, key=lambda flip: (flip.candidate.passed - flip.baseline.passed, flip.query_id)))


def _answered(run: ArmValues, query: str, passed: float, recall: float) -> AnsweredQuery:
    rows = run.row_places[query]
    return AnsweredQuery(
        passed=passed,
        answers=tuple(None if (text := run.rows["answer"][at]) is None else str(text) for at in rows),
        outcomes=tuple(
            "fallback" if run.rows["fallback"][at] else str(run.rows["status"][at] or "unknown") for at in rows
        ),
        evidence_recall=None if np.isnan(recall) else recall,
    )
