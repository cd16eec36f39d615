"""Whether a candidate may pass: an intersection–union test over named metrics. `metrics.md` §7.

Each metric is tested by itself and all must hold, so none needs a correction. Passing takes evidence: the one-sided
95 % bound of the loss lies within the margin. Blocking takes evidence too: the whole 95 % interval lies on the wrong
side of 0. Between the two the gate is inconclusive and says how many queries would decide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from docmind_core.errors import UsageError
from docmind_core.measurements.arm_values import TOKEN_METRICS, Numbers
from docmind_core.measurements.comparability import ledger_obstacles, not_run
from docmind_core.measurements.comparing import CALLS, QUALITY_METRICS, metric_values
from docmind_core.measurements.paired import PairedRuns, Pairs, number
from docmind_core.measurements.run_comparison import RunComparison
from docmind_core.measurements.times import CLOCK_METRICS
from docmind_core.measurements.verdicts import LEFT_OUT_MAX, PASSES_MIN, TAIL_CLUSTERS_MIN
from docmind_core.metrics.catalogue import METRICS
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import mean_difference
from docmind_core.statistics.power import n_for_bound, n_for_mean
from docmind_core.statistics.shares import difference_of_shares
from docmind_core.suites.gate_policy import GatePolicy

PASS, BLOCK, INCONCLUSIVE = "pass", "block", "inconclusive"
RATIOS = (*TOKEN_METRICS, CALLS)
GATED = (*RATIOS, "good_ratio", *QUALITY_METRICS)
"""What a gate can test: everything that two nights can be compared in."""
ONE_SIDED = 0.90
"""Confidence of the two-sided interval whose ends are the one-sided 95 % bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTest:
    """One metric of one arm, tested."""

    arm: str
    metric: str
    state: str
    """`pass`, `block` or `inconclusive`."""
    because: str
    is_ratio: bool
    """Whether the difference is a mean log ratio; else a difference of shares."""
    estimate: Estimate
    """Candidate minus baseline, with the two-sided 95 % interval."""
    bound: float | None
    """One-sided 95 % bound of the loss, the worse end; in the unit of the estimate."""
    margin: float
    n_needed: int | None
    """Queries that would decide with 80 % power if the truth is what was measured; None where none would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """All tests of a gate, and what they amount to."""

    tests: tuple[GateTest, ...]
    comparisons: tuple[RunComparison, ...]

    @property
    def state(self) -> str:
        """`block` if one test blocks, else `inconclusive` if one is, else `pass`."""
        states = {test.state for test in self.tests}
        return BLOCK if BLOCK in states else INCONCLUSIVE if INCONCLUSIVE in states else PASS


def refuse_ungated(policy: GatePolicy) -> None:
    """Refuse a metric that two nights can't be compared in.

    Raises:
        UsageError: Naming it, and those that can be tested.
    """
    for name in policy.metrics:
        if name in CLOCK_METRICS or name.endswith("_s"):
            raise UsageError(
                f"metrics: {name} is a time, and times of two nights are not compared: set a limit instead"
            )
        if name not in GATED:
            raise UsageError(f"metrics: there is no metric {name!r} to gate on. Known: {', '.join(GATED)}")


def decide_gate(found: Sequence[RunComparison], policy: GatePolicy) -> GateResult:
    """Test every metric of the policy in each pair of runs.

    Raises:
        UsageError: If a metric has no value in any query of a run: there is nothing to decide.
    """
    tests = [test for one in found for test in _tests(one, policy)]
    return GateResult(tests=tuple(tests), comparisons=tuple(found))


def _tests(found: RunComparison, policy: GatePolicy) -> list[GateTest]:
    runs = found.pairs
    sides = metric_values(runs.candidate), metric_values(runs.baseline)
    calls = runs.candidate.column(CALLS), runs.baseline.column(CALLS)
    tests = []
    for name, asked in policy.metrics.items():
        both = calls if name == CALLS else (sides[0][name], sides[1][name])
        if name in RATIOS:
            pairs = runs.pairs(*both, own=True, positive=True)
            test = _test_ratio(runs, name, pairs, asked.margin)
        else:
            pairs = runs.pairs(*both)
            is_pass_fail = both[0].is_pass_fail and both[1].is_pass_fail
            min_n = policy.min_n or found.rules.min_n
            test = _test_share(runs, name, pairs, asked.margin, min_n=min_n, is_pass_fail=is_pass_fail)
        if not test.estimate.n:
            raise UsageError(
                f"{name} has no value in both {runs.candidate.run_id} and {runs.baseline.run_id} "
                f"({pairs.left_out_because or 'no query'}). Leave it out of the policy's metrics"
            )
        doubts = _doubts(found, name, pairs, policy)
        if test.state == PASS and doubts:
            test = replace(test, state=INCONCLUSIVE, because="; ".join(doubts), n_needed=None)
        if because := runs.other_formulas.get(name) or _noise(found, name, pairs, test):
            test = replace(test, state=INCONCLUSIVE, because=because, n_needed=None)
        tests.append(test)
    return tests


def _noise(found: RunComparison, name: str, pairs: Pairs, test: GateTest) -> str | None:
    """Say that chance explains what would block; None where it doesn't, or where no A/A has shown what it moves."""
    floor = found.floors.get(name)
    if test.state != BLOCK or floor is None or not floor.holds(float((pairs.candidate - pairs.baseline).mean())):
        return None
    return f"the difference lies within the noise floor of {floor.benchmark_run}"


def _test_share(
    runs: PairedRuns, name: str, pairs: Pairs, margin: float, *, min_n: int, is_pass_fail: bool
) -> GateTest:
    estimated = difference_of_shares if is_pass_fail else mean_difference
    sign = -1.0 if METRICS[name].better == "lower" else 1.0
    gain = estimated(sign * pairs.differences, pairs.clusters)
    bound = estimated(sign * pairs.differences, pairs.clusters, confidence=ONE_SIDED).low
    state, because, needed = _decided(gain, bound, margin, min_n, pairs.differences)
    return GateTest(
        arm=runs.candidate.arm,
        metric=name,
        state=state,
        because=because,
        is_ratio=False,
        estimate=gain if sign > 0 else _turned(gain),
        bound=None if bound is None else sign * bound,
        margin=margin,
        n_needed=needed,
    )


def _test_ratio(runs: PairedRuns, name: str, pairs: Pairs, margin: float) -> GateTest:
    saved = np.log(pairs.baseline / pairs.candidate)  # above 0 where the candidate needs less
    gain = clustered_mean(saved, pairs.clusters)
    bound = clustered_mean(saved, pairs.clusters, confidence=ONE_SIDED).low
    state, because, needed = _decided(gain, bound, math.log1p(margin), TAIL_CLUSTERS_MIN, saved)
    return GateTest(
        arm=runs.candidate.arm,
        metric=name,
        state=state,
        because=because,
        is_ratio=True,
        estimate=_turned(gain),
        bound=None if bound is None else -bound,
        margin=margin,
        n_needed=needed,
    )


def _decided(
    gain: Estimate, bound: float | None, margin: float, min_n: int, values: Numbers
) -> tuple[str, str, int | None]:
    """Decide on the gain of the candidate: above 0 it is better, below minus the margin it must not be."""
    independent = min(gain.n, gain.clusters or 0)
    if bound is not None and bound > -margin and independent >= min_n:
        return PASS, "the loss is within the margin", None
    if gain.high is not None and gain.high < 0:
        return BLOCK, "worse than the baseline: the 95 % interval leaves 0 out", None
    needed = _needed(gain, margin, min_n, values)
    if bound is None or gain.low is None:
        return INCONCLUSIVE, f"too few independent queries for an interval ({independent})", needed
    if independent < min_n:
        return INCONCLUSIVE, f"n = {independent} is below {min_n}", needed
    return INCONCLUSIVE, "the loss may exceed the margin and may be none", needed


def _needed(gain: Estimate, margin: float, min_n: int, values: Numbers) -> int | None:
    """Return how many queries decide with 80 % power, were the truth what was measured; None where none would."""
    if gain.value is None or not len(values):
        return min_n
    # Of one query; clusters make it larger than the plain variance.
    error = gain.standard_error or 0.0
    deviation = max(error * math.sqrt(gain.n), float(np.std(values)))
    to_pass = n_for_bound(deviation, gain.value + margin) if gain.value > -margin else None
    to_block = n_for_mean(deviation, -gain.value) if gain.value < 0 else None
    counts = [count for count in (None if to_pass is None else max(to_pass, min_n), to_block) if count is not None]
    return min(counts, default=None)


def _turned(gain: Estimate) -> Estimate:
    """Turn a gain into candidate minus baseline of something where less is better."""
    return replace(
        gain,
        value=None if gain.value is None else -gain.value + 0.0,
        low=None if gain.high is None else -gain.high + 0.0,
        high=None if gain.low is None else -gain.low + 0.0,
    )


def _doubts(found: RunComparison, name: str, pairs: Pairs, policy: GatePolicy) -> list[str]:
    """Return what keeps a test that holds from being a pass, one clause each."""
    runs = found.pairs
    sides = runs.candidate, runs.baseline
    doubts = [because for run in sides if (because := not_run(run)) is not None]
    doubts += [f"{run.doubled} rows of {run.run_id} are there twice" for run in sides if run.doubled]
    lacking = [query for query in runs.baseline.queries if query not in runs.candidate.place_of]
    lacking += [
        query
        for query, complete in zip(runs.candidate.queries, runs.candidate.complete.tolist(), strict=True)
        if not complete
    ]
    if lacking:
        doubts.append(f"the candidate lacks {len(lacking)} of {len(runs.queries)} queries, {lacking[0]} among them")
    if name in RATIOS:
        without = policy.claim_without_ledger or found.rules.claim_without_ledger
        doubts += ledger_obstacles(sides, found.ledger, without=without)[0]
        return doubts + _unknown_tokens(found, name, pairs, policy.metrics[name].margin)
    if name != "good_ratio" and any(run.row["plumbing"] for run in sides):
        doubts.append("a smoke-test model: its quality figures are not meaningful")
    if name == "passed" and (share := float(pairs.baseline.mean())) < PASSES_MIN:
        doubts.append(f"the baseline passes {100 * share:.0f} %: nothing to lose")
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
            doubts.append("with failed queries, and unknown tokens at their worst, the loss may exceed the margin")
    return doubts
