"""The queries whose passing changed between two runs: what each answered, and what would have been right."""

from collections.abc import Mapping, Sequence
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
    changed = np.flatnonzero(~np.isnan(now) & ~np.isnan(before) & (now != before)).tolist()
    names = [runs.queries[at] for at in changed]
    recalls = runs.sides(*(run.score("evidence_recall").values for run in sides))
    texts = [run.texts(names) for run in sides]
    found = []
    for at, query in zip(changed, names, strict=True):
        row = runs.candidate.rows_of(query)[0]
        answered = [
            _answered(run, query, float(values[at]), float(recall[at]), [answer for _, answer in said[query]])
            for run, values, recall, said in zip(sides, (now, before), recalls, texts, strict=True)
        ]
        found.append(
            FlippedQuery(
                query_id=query,
                query_type=str(runs.candidate.rows["query_type"][row] or "unknown"),
                text=texts[0][query][0][0] or "",
                candidate=answered[0],
                baseline=answered[1],
                gold=gold.get(query),
            )
        )
    return tuple(sorted(found, key=lambda flip: (flip.candidate.passed - flip.baseline.passed, flip.query_id)))


def _answered(run: ArmValues, query: str, passed: float, recall: float, answers: Sequence[str | None]) -> AnsweredQuery:
    return AnsweredQuery(
        passed=passed,
        answers=tuple(answers),
        outcomes=tuple(
            "fallback" if run.rows["fallback"][at] else str(run.rows["status"][at] or "unknown")
            for at in run.rows_of(query)
        ),
        evidence_recall=None if np.isnan(recall) else recall,
    )
