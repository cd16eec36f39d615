"""Reasons to distrust numbers, which turn a pass or a block into an inconclusive result."""

import math
from collections.abc import Mapping

from docmind_core.measurements.arm_values import TOKEN_METRICS
from docmind_core.measurements.comparability import ledger_obstacles, not_run
from docmind_core.measurements.comparing import CALLS
from docmind_core.measurements.paired import Pairs, number
from docmind_core.measurements.run_comparison import RunComparison
from docmind_core.measurements.verdicts import LEFT_OUT_MAX, PASSES_MIN
from docmind_core.suites.gate_policy import GatePolicy


def doubts_of(found: RunComparison, name: str, pairs: Pairs, policy: GatePolicy) -> list[str]:
    """Return the reasons that prevent a test from passing although it holds, one clause each."""
    runs = found.pairs
    sides = runs.candidate, runs.baseline
    doubts = [because for run in sides if (because := not_run(run)) is not None]
    doubts += [f"{run.doubled} rows of {run.run_id} are duplicates" for run in sides if run.doubled]
    lacking = [query for query in runs.baseline.queries if query not in runs.candidate.place_of]
    lacking += [
        query
        for query, complete in zip(runs.candidate.queries, runs.candidate.complete.tolist(), strict=True)
        if not complete
    ]
    if lacking:
        doubts.append(f"the candidate lacks {len(lacking)} of {len(runs.queries)} queries, including {lacking[0]}")
    if name in (*TOKEN_METRICS, CALLS):
        without = policy.claim_without_ledger or found.rules.claim_without_ledger
        doubts += ledger_obstacles(sides, found.ledger, without=without)[0]
        return doubts + _unknown_tokens(found, name, pairs, policy.metrics[name].margin)
    if name != "good_ratio" and any(run.row["plumbing"] for run in sides):
        doubts.append("a smoke-test model: its quality figures are not meaningful")
    if name == "passed" and (share := float(pairs.baseline.mean())) < PASSES_MIN:
        doubts.append(f"the baseline passes {100 * share:.0f} %, so it has no quality to lose")
    if pairs.left_out:
        doubts.append(f"{pairs.left_out} queries have no value: {pairs.left_out_because}")
    return doubts


def _unknown_tokens(found: RunComparison, name: str, pairs: Pairs, margin: float) -> list[str]:
    asked = len(found.pairs.queries)
    doubts = []
    if pairs.left_out > LEFT_OUT_MAX * asked:
        doubts.append(f"the tokens of {pairs.left_out} of {asked} queries are unknown: {pairs.left_out_because}")
    if (pairs.left_out or pairs.failed) and name in TOKEN_METRICS:
        row: Mapping[str, object] = next(
            row for row in found.rows if (row["metric"], row["agent"], row["slice"]) == (name, "all", "all")
        )
        high = number(row.get("worst_case_delta_high"))
        if high is None or high >= math.log1p(margin):
            doubts.append(
                "counting failed queries, and unknown tokens at their maximum, the loss may exceed the margin"
            )
    return doubts


def within_noise(found: RunComparison, name: str, pairs: Pairs) -> str | None:
    """Return a reason if random variation explains a block; None if not, or if no A/A run measured it."""
    floor = found.floors.get(name)
    if floor is None or not floor.holds(float((pairs.candidate - pairs.baseline).mean())):
        return None
    return f"the difference is within the noise floor of {floor.benchmark_run}"
