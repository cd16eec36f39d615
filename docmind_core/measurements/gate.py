"""Whether a candidate may pass: an intersection–union test over named metrics. `metrics.md` §7.

Each metric is tested by itself and all must hold, so none needs a correction. Passing takes evidence: the one-sided
95 % bound of the loss lies within the margin. Blocking takes evidence too: the whole 95 % interval lies on the wrong
side of 0. Between the two the gate is inconclusive and says how many queries would decide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.measurements.arm_values import TOKEN_METRICS, Numbers
from docmind_core.measurements.comparing import CALLS, QUALITY_METRICS, metric_values
from docmind_core.measurements.gate_doubts import doubts_of, within_noise
from docmind_core.measurements.paired import Pairs
from docmind_core.measurements.run_comparison import RunComparison
from docmind_core.measurements.times import CLOCK_METRICS
from docmind_core.measurements.verdicts import MIN_N, TAIL_CLUSTERS_MIN
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.metric import Metric
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import mean_difference
from docmind_core.statistics.power import n_for_bound, n_for_mean
from docmind_core.statistics.shares import difference_of_shares
from docmind_core.suites.gate_policy import GatePolicy

PASS, BLOCK, INCONCLUSIVE = "pass", "block", "inconclusive"
RATIOS = (*TOKEN_METRICS, CALLS)
GATED = (*RATIOS, "good_ratio", *QUALITY_METRICS)
"""What a gate can test: everything that two nights can be compared in."""
SHARE = (0.0, 1.0)
"""Bounds of a metric whose margin is a share of the queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """How sure a test must be."""

    interval: float = 0.95
    """Confidence of the two-sided interval that blocks."""
    bound: float = 0.90
    """Confidence of the two-sided interval whose worse end has to lie within the margin."""
    min_n: int = MIN_N
    """Fewest independent queries that show that a difference is within the margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTest:
    """One metric of one arm, tested."""

    arm: str
    metric: str
    state: str
    """`pass`, `block` or `inconclusive`."""
    because: str
    is_ratio: bool
    """Whether the difference is a mean log ratio."""
    unit: str
    """Of the difference as it is shown: `%`, `points`, or that of a user's metric."""
    less_is_better: bool
    estimate: Estimate
    """Candidate minus baseline, with the two-sided 95 % interval."""
    bound: float | None
    """One-sided 95 % bound of the loss, the worse end; in the unit of the estimate."""
    margin: float
    """As the policy has it: a share of the queries, of the baseline's tokens, or in the unit of the user's metric."""
    n_needed: int | None
    """Queries that would decide with 80 % power if the truth is what was measured; None where none would."""
    is_futile: bool = False
    """Whether a look of a sequential gate found that the test is unlikely to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """All tests of a gate, and what they amount to."""

    tests: tuple[GateTest, ...]
    comparisons: tuple[RunComparison, ...]
    look: str | None = None
    """At which look a sequential gate decided, and what was not asked; None of a gate that waits for the end."""

    @property
    def state(self) -> str:
        """`block` if one test blocks, else `inconclusive` if one is, else `pass`."""
        states = {test.state for test in self.tests}
        return BLOCK if BLOCK in states else INCONCLUSIVE if INCONCLUSIVE in states else PASS


def refuse_ungated(policy: GatePolicy, own: Mapping[str, Metric]) -> None:
    """Refuse a metric that is not comparable between runs, or that has no better direction.

    Args:
        policy: What is asked for.
        own: The user's metrics that both runs were scored by.

    Raises:
        UsageError: Naming it, and those that can be tested.
    """
    for name, asked in policy.metrics.items():
        mine = own.get(name)
        is_time = name.endswith("_s") if mine is None else mine.unit in {"s", "ms"}
        if name in CLOCK_METRICS or is_time:
            raise UsageError(
                f"metrics: {name} is a time, and times of different runs are not comparable: set a limit instead"
            )
        if mine is None and name not in GATED:
            known = (*GATED, *own)
            meant = did_you_mean(name, known)
            raise UsageError(f"metrics: unknown gate metric {name!r}.{meant} Known: {', '.join(known)}")
        if mine is None:
            continue
        if mine.better == "none":
            raise UsageError(f"metrics: {name} has no better direction, so it cannot get worse; remove it")
        if mine.bounds != SHARE and "margin" not in asked.model_fields_set:
            raise UsageError(
                f"metrics: {name} is not a share of the queries. Set how much worse it may get: "
                f"{name}: {{margin: ...}}, in its unit ({mine.unit})"
            )


def decide_gate(found: Sequence[RunComparison], policy: GatePolicy, certainty: Certainty | None = None) -> GateResult:
    """Test every metric of the policy in each pair of runs.

    Args:
        found: The pairs of runs.
        policy: What they are tested for.
        certainty: How sure the tests must be; by default what policy and suite say of runs that have ended.

    Raises:
        UsageError: If a metric can't be tested, or has no value in any query of a run: there is nothing to decide.
    """
    tests = [test for one in found for test in _tests(one, policy, certainty or Certainty(min_n=least_n(one, policy)))]
    return GateResult(tests=tuple(tests), comparisons=tuple(found))


def least_n(found: RunComparison, policy: GatePolicy) -> int:
    """Return the fewest independent queries of a pass: the policy's, else the suite's, else 300."""
    return policy.min_n or found.rules.min_n


def _tests(found: RunComparison, policy: GatePolicy, certainty: Certainty) -> list[GateTest]:
    runs = found.pairs
    own = runs.own_metrics
    refuse_ungated(policy, own)
    sides = metric_values(runs.candidate), metric_values(runs.baseline)
    calls = runs.candidate.column(CALLS), runs.baseline.column(CALLS)
    tests = []
    for name, asked in policy.metrics.items():
        both = calls if name == CALLS else (sides[0][name], sides[1][name])
        if name in RATIOS:
            pairs = runs.pairs(*both, own=True, positive=True)
            test = judge_ratio(runs.candidate.arm, name, pairs, asked.margin, certainty)
        else:
            pairs = runs.pairs(*both)
            test = judge_difference(
                runs.candidate.arm,
                own.get(name) or METRICS[name],
                pairs,
                asked.margin,
                certainty,
                is_pass_fail=both[0].is_pass_fail and both[1].is_pass_fail,
            )
        if not test.estimate.n:
            raise UsageError(
                f"{name} has no value in both {runs.candidate.run_id} and {runs.baseline.run_id} "
                f"({pairs.left_out_because or 'no query'}). Remove it from the policy's metrics"
            )
        doubts = doubts_of(found, name, pairs, policy) if test.state == PASS else []
        if doubts:
            test = replace(test, state=INCONCLUSIVE, because="; ".join(doubts), n_needed=None)
        noise = within_noise(found, name, pairs) if test.state == BLOCK else None
        if because := runs.other_formulas.get(name) or noise:
            test = replace(test, state=INCONCLUSIVE, because=because, n_needed=None)
        tests.append(test)
    return tests


def judge_difference(
    arm: str, metric: Metric, pairs: Pairs, margin: float, certainty: Certainty, *, is_pass_fail: bool
) -> GateTest:
    """Test a metric whose loss is a difference: points of the queries, or the unit of a user's metric."""
    is_share = metric.bounds == SHARE
    estimated = difference_of_shares if is_share and is_pass_fail else mean_difference if is_share else clustered_mean
    less_is_better = metric.better == "lower"
    gains = -pairs.differences if less_is_better else pairs.differences
    gain = estimated(gains, pairs.clusters, confidence=certainty.interval)
    bound = estimated(gains, pairs.clusters, confidence=certainty.bound).low
    state, because, needed = _decided(gain, bound, margin, certainty.min_n, gains, certainty)
    return GateTest(
        arm=arm,
        metric=metric.name,
        state=state,
        because=because,
        is_ratio=False,
        unit="points" if is_share else metric.unit,
        less_is_better=less_is_better,
        estimate=_turned(gain) if less_is_better else gain,
        bound=None if bound is None else -bound if less_is_better else bound,
        margin=margin,
        n_needed=needed,
    )


def judge_ratio(arm: str, name: str, pairs: Pairs, margin: float, certainty: Certainty) -> GateTest:
    """Test tokens or calls, whose loss is a share of the baseline's."""
    saved = np.log(pairs.baseline / pairs.candidate)  # above 0 where the candidate needs less
    gain = clustered_mean(saved, pairs.clusters, confidence=certainty.interval)
    bound = clustered_mean(saved, pairs.clusters, confidence=certainty.bound).low
    state, because, needed = _decided(gain, bound, math.log1p(margin), TAIL_CLUSTERS_MIN, saved, certainty)
    return GateTest(
        arm=arm,
        metric=name,
        state=state,
        because=because,
        is_ratio=True,
        unit="%",
        less_is_better=True,
        estimate=_turned(gain),
        bound=None if bound is None else -bound,
        margin=margin,
        n_needed=needed,
    )


def _decided(
    gain: Estimate, bound: float | None, margin: float, min_n: int, values: Numbers, certainty: Certainty
) -> tuple[str, str, int | None]:
    """Decide on the gain of the candidate: above 0 it is better, below minus the margin it must not be."""
    independent = min(gain.n, gain.clusters or 0)
    if bound is not None and bound > -margin and independent >= min_n:
        return PASS, "the loss is within the margin", None
    if gain.high is not None and gain.high < 0:
        shown = f"{100 * certainty.interval:.7g} % interval"
        return BLOCK, f"worse than the baseline: the {shown} excludes 0", None
    needed = _needed(gain, margin, min_n, values)
    if bound is None or gain.low is None:
        return INCONCLUSIVE, f"too few independent queries for an interval ({independent})", needed
    if independent < min_n:
        return INCONCLUSIVE, f"n = {independent} is below {min_n}", needed
    return INCONCLUSIVE, "the loss may exceed the margin, or there may be no loss", needed


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
