"""Figures of a whole run whose intervals SQL can't take: rows of `run_estimates`."""

import math

import numpy as np
from numpy.typing import NDArray

from docmind_core.measurements.arm_values import ArmValues, Numbers
from docmind_core.statistics.estimates import N_TOO_SMALL
from docmind_core.statistics.pairs import log_ratio_of_sums

Places = NDArray[np.int64]
"""Of rows, or what belongs to each."""
TOKENS_PER_CORRECT = "tokens_per_correct"


def tokens_per_correct_rows(arm: ArmValues) -> list[dict[str, object]]:
    """Return `tokens_per_correct` of an arm over all queries and over each slice, by the rule of `quality_summary`."""
    scores = arm.score_rows("passed")
    scored = np.flatnonzero(scores >= 0)
    slices = {"all": scored, **{name: np.intersect1d(at, scored) for name, at in arm.rows_of_slices.items()}}
    clusters = _clusters(arm)
    return [
        {"run_id": arm.run_id, "metric": TOKENS_PER_CORRECT, "slice": name}
        | _tokens_per_correct(arm, rows, scores[rows], clusters[rows])
        for name, rows in slices.items()
        if len(rows)
    ]


def _clusters(arm: ArmValues) -> Places:
    """Return the cluster of each row as a number: a query without one is its own."""
    numbers: dict[str, int] = {}

    def number(name: object) -> int:
        return numbers.setdefault(str(name), len(numbers)) if name else -1

    own, query = (arm.rows[column].each(number, np.int64) for column in ("cluster_id", "query_id"))
    return np.where(own < 0, query, own)


def _tokens_per_correct(arm: ArmValues, rows: Places, scores: Places, clusters: Places) -> dict[str, object]:
    passed = arm.scores["value"].take(scores).numbers()
    known = ~np.isnan(passed)
    clusters, passes = clusters[known], passed[known]
    counts = {"n": len(passes), "clusters": len(np.unique(clusters))}
    because = _missing_because(arm, int(scores[0]), rows[known], passes)
    if because is not None:
        return {**counts, "missing_because": because, "interval_missing_because": because}
    billed = arm.rows["billed_tokens"].take(rows[known]).numbers()
    found = log_ratio_of_sums(billed, passes, clusters)
    has_interval = found is not None and found.low is not None and found.high is not None
    return {
        **counts,
        "value": float(billed.sum() / passes.sum()),
        "low": math.exp(found.low) if found and found.low is not None else None,
        "high": math.exp(found.high) if found and found.high is not None else None,
        "interval_missing_because": None if has_interval else N_TOO_SMALL,
    }


def _missing_because(arm: ArmValues, first_score: int, known: Places, passes: Numbers) -> str | None:
    if not len(known):
        return str(arm.scores["missing_because"][first_score])
    if not passes.any():
        return "no_correct"
    billed = arm.rows["billed_tokens"].take(known).numbers()
    if (billed == 0).all():
        return "no_model_call"
    unknown = known[np.isnan(billed)]
    return str(arm.rows["tokens_missing_because"][int(unknown[0])] or "no_usage") if len(unknown) else None
