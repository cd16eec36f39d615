"""The arms of one benchmark run compared with its baselines, the figures of a whole run, and where both are written."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docmind_core.errors import StoreError
from docmind_core.measurements.arm_reading import read_arm_values
from docmind_core.measurements.arm_values import ArmValues, Numbers
from docmind_core.measurements.comparability import ledger_states
from docmind_core.measurements.comparing import GATING, QUALITY_METRICS, ClaimRules, compare, correct
from docmind_core.measurements.verdicts import MIN_N
from docmind_core.runs.keys import benchmark_run_of
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import N_TOO_SMALL
from docmind_core.statistics.pairs import holm, log_ratio_of_sums
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import run_ids_of, update_segment, write_segment

BASELINES = ("naive_supervisor", "single_pass")
TUNED = "tuned"
OTHER_OPPONENTS = ("single_pass@budget", "extractive")
"""Further opponents of `tuned`: a single model with the same tokens, and no model."""
Places = NDArray[np.int64]
"""Of rows, or what belongs to each."""
TOKENS_PER_CORRECT = "tokens_per_correct"


def baselines_of(run: Mapping[str, object]) -> tuple[str, ...]:
    """Return the arms that an arm is compared with: those of all, and the one that the suite names for a system."""
    system = json.loads(str(run.get("conditions") or "{}")).get("system") or {}
    return tuple(dict.fromkeys((*opponents_of(str(run.get("arm"))), *filter(None, [system.get("compared_with")]))))


def opponents_of(arm: str) -> tuple[str, ...]:
    """Return the built-in arms that an arm is compared with, in the order of a report."""
    return (*BASELINES, *(OTHER_OPPONENTS if arm == TUNED else ()))


def compare_arms(settings: Settings, benchmark_run: str, suite: Suite) -> int:
    """Compare each finished arm with its baselines (`baselines_of`); return the number of comparisons.

    The figures of each arm that SQL can't take, those of `run_estimates`, are written with them.

    Raises:
        StoreError: If the benchmark run has no finished arm, or if an arm was not scored.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    ledger = ledger_states(settings.tables, run_ids)  # while no arm takes memory yet
    arms = [read_arm_values(settings.tables, run_id, QUALITY_METRICS) for run_id in run_ids]
    runs = {arm.arm: arm for arm in arms}
    rules = ClaimRules(min_n=suite.min_n or MIN_N, claim_without_ledger=suite.claim_without_ledger)
    rows = {
        candidate.run_id: [
            row
            for name in baselines_of(candidate.row)
            if name != arm and name in runs
            for row in compare(candidate, runs[name], ledger, rules)
        ]
        for arm, candidate in runs.items()
    }
    _correct_over_arms([row for of_run in rows.values() for row in of_run])
    for candidate in arms:
        replace_comparisons(settings.tables, candidate.run_id, rows[candidate.run_id])
        write_segment(settings.tables, "run_estimates", candidate.run_id, tokens_per_correct_rows(candidate))
    return sum(len(of_run) for of_run in rows.values())


def replace_comparisons(
    folder: Path, run_id: str, rows: Sequence[Mapping[str, object]], *, baseline_run_id: str | None = None
) -> None:
    """Write how a run compares with another, or with the arms of its own benchmark run; other comparisons stay.

    Args:
        folder: Of the segments.
        run_id: The candidate.
        rows: Of `comparisons`.
        baseline_run_id: The run compared against; None for the arms of the candidate's benchmark run.
    """

    def is_replaced(row: Mapping[str, object]) -> bool:
        return is_of_one_benchmark_run(row) if baseline_run_id is None else row["baseline_run_id"] == baseline_run_id

    update_segment(
        folder, "comparisons", run_id, lambda before: [*rows, *(row for row in before if not is_replaced(row))]
    )


def is_of_one_benchmark_run(row: Mapping[str, object]) -> bool:
    """Whether a row of `comparisons` compares two arms of one benchmark run."""
    return benchmark_run_of(str(row["candidate_run_id"])) == benchmark_run_of(str(row["baseline_run_id"]))


def _correct_over_arms(rows: Sequence[dict[str, object]]) -> None:
    """Correct the p of each gating metric over all arms that are compared with the same baseline."""
    families: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        if row["metric"] in GATING and row["slice"] == "all":
            families[row["metric"], row["baseline_run_id"]].append(row)
    for family in families.values():
        correct(family, "p_holm", holm)


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
    clusters = arm.rows["cluster_id"]
    if clusters.each(bool, bool).all():
        return clusters.codes.astype(np.int64)
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
