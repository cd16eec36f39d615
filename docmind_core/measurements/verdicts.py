"""Verdicts on paired values: fewer tokens, quality that is not worse, and whether the two make a claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf

import numpy as np

from docmind_core.measurements.paired import Pairs
from docmind_core.metrics.metric import Direction
from docmind_core.metrics.signs import from_to, signed
from docmind_core.statistics.estimates import Estimate, clustered_mean
from docmind_core.statistics.pairs import log_ratio, log_ratio_of_sums, mean_difference, reduction_pct
from docmind_core.statistics.power import mde_of_mean, mde_of_pass_difference, power_of_non_inferiority
from docmind_core.statistics.shares import difference_of_shares

BETTER, NON_INFERIOR, WORSE, INCONCLUSIVE = "better", "non_inferior", "worse", "inconclusive"
NOT_JUDGED = "not_judged"

MARGIN = 0.05
"""Quality may be lower by less than this share of the queries."""
NARROW_MARGIN, NARROW_MIN_N = 0.03, 800
"""A margin that only this many independent queries can hold with the usual power."""
MIN_N = 300
"""Independent queries that show non-inferiority within 5 points with 80 % power (discordance 12 %)."""
DISCORDANCE = 0.12
"""Share of pairs in which one of two equally good arms passes and the other doesn't, assumed for the power."""
TAIL_CLUSTERS_MIN = 100
"""Independent queries below which an interval of tokens misses what a few looping queries cost."""
LEFT_OUT_MAX = 0.02
"""Share of the queries whose tokens may be unknown without a bound."""
PASSES_MIN = 0.10
"""Pass ratio of a baseline below which quality can't be lost."""
NOT_CLAIMABLE, REASONS_APART = "not claimable: ", "; "
"""How `claimable_because` begins when it says no, and what is between its reasons; none of them contains it."""
LOG_RATIO, MEAN, TANGO, TANGO_EFFECTIVE = "cr2_mean_of_logs", "cr2_mean", "tango", "tango_effective_n"
"""What `comparisons.estimator` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the pairs of one metric say."""

    estimate: Estimate
    """Mean log ratio for tokens, mean difference for quality."""
    estimator: str
    verdict: str
    because: str
    mde: float | None
    """In the unit of the estimate; None when the sample says nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a saving rests on besides the queries that both runs answered themselves."""

    asked: int
    """Queries of either run."""
    everything: Estimate
    """Mean log ratio over all queries whose tokens are known, failed ones too."""
    worst: Estimate
    """The same over all queries that are bounded: the candidate's upper bound, the baseline's lower."""
    unbounded: int
    """Queries that are in neither: nothing is known of what they cost, or they cost one run nothing."""
    left_out_because: str | None
    bounded: int
    """Queries of which only bounds are known."""


def judge_tokens(pairs: Pairs) -> Verdict:
    """Judge tokens, values above 0: better when the whole interval of the mean log ratio lies below 0."""
    estimate = log_ratio(pairs.candidate, pairs.baseline, pairs.clusters)
    verdict, because = _tokens_verdict(estimate)
    return Verdict(estimate=estimate, estimator=LOG_RATIO, verdict=verdict, because=because, mde=_mde(estimate))


def ratio_of_totals(pairs: Pairs) -> tuple[float | None, Estimate | None]:
    """Return sum / sum, and the estimate of its log; queries that cost one run nothing are in it."""
    paid = float(pairs.baseline.sum())
    found = log_ratio_of_sums(pairs.candidate, pairs.baseline, pairs.clusters)
    return (float(pairs.candidate.sum()) / paid if paid else None), found


def judge_quality(pairs: Pairs, *, is_pass_fail: bool, min_n: int, lower_is_better: bool = False) -> Verdict:
    """Judge a quality metric in [0, 1]: better, non-inferior within 5 points, worse, or inconclusive.

    The estimate is candidate minus baseline in any case; where lower is better, the verdict is that of its opposite.
    """
    estimated = difference_of_shares if is_pass_fail else mean_difference
    estimate = estimated(pairs.differences, pairs.clusters)
    sign = -1.0 if lower_is_better else 1.0
    gain = estimated(sign * pairs.differences, pairs.clusters)
    bound = estimated(sign * pairs.differences, pairs.clusters, confidence=0.90).low
    verdict, because = _quality_verdict(gain, bound, min_n, "fall" if lower_is_better else "difference")
    independent = estimate.freedom is None or isinf(estimate.freedom)
    return Verdict(
        estimate=estimate,
        estimator=(TANGO if independent else TANGO_EFFECTIVE) if is_pass_fail else MEAN,
        verdict=verdict,
        because=because,
        mde=_pass_mde(pairs, estimate) if is_pass_fail and estimate.n else _mde(estimate),
    )


def judge_amounts(pairs: Pairs, *, better: Direction) -> Verdict:
    """Judge a number per query that is not a share: the clustered mean of the differences, which has no margin.

    Args:
        pairs: Values of both runs.
        better: Which way is good; with `none` there is an interval and no verdict.
    """
    estimate = clustered_mean(pairs.differences, pairs.clusters)
    if estimate.low is None or estimate.high is None:
        verdict, because = INCONCLUSIVE, _too_few(estimate)
    else:
        fell, rose = estimate.high < 0, estimate.low > 0
        is_good, is_bad = (fell, rose) if better == "lower" else (rose, fell)
        verdict = BETTER if is_good else WORSE if is_bad else INCONCLUSIVE
        because = f"95 % interval of the difference {from_to(estimate.low, estimate.high, '+.3g')}"
    if better == "none":
        verdict, because = NOT_JUDGED, f"neither higher nor lower is better; {because}"
    return Verdict(estimate=estimate, estimator=MEAN, verdict=verdict, because=because, mde=_mde(estimate))


def claim(
    tokens: Verdict, bill: Bill, quality: Sequence[tuple[str, Verdict]], obstacles: Sequence[str], *, min_n: int
) -> tuple[bool, str]:
    """Decide whether a reduction may be claimed: tokens better at every end, and quality not worse, all of them.

    Args:
        tokens: Over the queries that both runs answered themselves.
        bill: Over all queries.
        quality: `passed` and `good_ratio`, each with what a sentence calls it.
        obstacles: Reasons that rule out a claim regardless of the figures.
        min_n: Fewest independent queries for non-inferiority.

    Returns:
        The decision, and why: the grounds, or the reasons against it, with `REASONS_APART` between them.
    """
    reasons = [*obstacles, *_token_reasons(tokens, bill)]
    for name, verdict in quality:
        n = _independent(verdict.estimate)
        if verdict.verdict == WORSE:
            reasons.append(f"{name} is worse ({verdict.because})")
        elif n < min_n:
            reasons.append(f"{name} undecided (n = {n} is below {min_n})")
        elif verdict.verdict == INCONCLUSIVE:
            reasons.append(f"{name} undecided ({verdict.because})")
    left = power_left(quality[0][1], min_n)
    if reasons:
        return False, NOT_CLAIMABLE + REASONS_APART.join([*reasons, left] if left else reasons)
    saved = reduction_pct(tokens.estimate.value) or 0.0
    shown = ", ".join(f"{name} {verdict.verdict.replace('_', '-')} ({verdict.because})" for name, verdict in quality)
    grounds = f"{saved:.1f} % fewer tokens ({tokens.because}) and {shown}"
    return True, f"{grounds}{REASONS_APART}{left}" if left else grounds


def power_left(quality: Verdict, min_n: int) -> str:
    """Say what power is left where a suite asks for fewer queries than `MIN_N`; nothing where it doesn't."""
    independent = _independent(quality.estimate)
    if min_n >= MIN_N or independent < 1:
        return ""
    power = power_of_non_inferiority(DISCORDANCE, MARGIN, independent)
    return (
        f"min_n is {min_n} instead of {MIN_N}: so few queries show that quality is equal within {100 * MARGIN:.0f} "
        f"points in only {100 * power:.0f} % of runs ({independent} independent pairs, discordance "
        f"{100 * DISCORDANCE:.0f} %)"
    )


def _token_reasons(tokens: Verdict, bill: Bill) -> list[str]:
    reasons = []
    if bill.unbounded > LEFT_OUT_MAX * bill.asked:
        why = f" ({bill.left_out_because.replace(REASONS_APART, ', ')})" if bill.left_out_because else ""
        reasons.append(
            f"nothing bounds the tokens of {bill.unbounded} of {bill.asked} queries{why}, "
            f"more than the {100 * LEFT_OUT_MAX:.0f} % allowed"
        )
    if _independent(tokens.estimate) < TAIL_CLUSTERS_MIN:
        found = _independent(tokens.estimate)
        reasons.append(
            f"{found} independent {'query' if found == 1 else 'queries'}, and a token claim needs {TAIL_CLUSTERS_MIN}"
        )
    if tokens.verdict != BETTER:
        reasons.append(f"tokens are {tokens.verdict} ({tokens.because})")
    worst, because = _tokens_verdict(bill.worst)
    is_other = bill.bounded or bill.worst.n != tokens.estimate.n
    if worst != BETTER and bill.worst.value is not None and is_other:
        of = f"with the tokens of {bill.bounded} queries at their worst" if bill.bounded else "with failed queries"
        shown = f"{signed(reduction_pct(bill.worst.value), '.1f')} % saved over all queries"
        reasons.append(f"{of} tokens are {worst} ({shown}, {because})")
    return reasons


def _tokens_verdict(estimate: Estimate) -> tuple[str, str]:
    if estimate.low is None or estimate.high is None:
        return INCONCLUSIVE, _too_few(estimate)
    low, high = reduction_pct(estimate.high), reduction_pct(estimate.low)
    interval = f"95 % interval of the reduction {from_to(low, high, '.1f')} %"
    if estimate.high < 0:
        return BETTER, interval
    return (WORSE if estimate.low > 0 else INCONCLUSIVE), interval


def _quality_verdict(estimate: Estimate, bound: float | None, min_n: int, gain: str) -> tuple[str, str]:
    if estimate.low is None or estimate.high is None or bound is None:
        return INCONCLUSIVE, _too_few(estimate)
    n = _independent(estimate)
    margin = NARROW_MARGIN if n >= NARROW_MIN_N and bound > -NARROW_MARGIN else MARGIN
    shown = f"lower bound of the {gain} {signed(100 * bound, '+.1f')} points, margin {100 * margin:.0f}"
    if estimate.low > 0:
        return BETTER, shown
    if bound > -MARGIN and n >= min_n:
        return NON_INFERIOR, shown
    if estimate.high < 0:
        return WORSE, shown
    return INCONCLUSIVE, f"n = {n} is below {min_n}; {shown}" if n < min_n else shown


def _independent(estimate: Estimate) -> int:
    """Return how many queries count: those of one cluster count once."""
    return min(estimate.n, estimate.clusters or 0)


def _too_few(estimate: Estimate) -> str:
    if estimate.n == 0:
        return "no query has a value in both runs"
    return f"too few independent queries for an interval (clusters: {estimate.clusters})"


def _mde(estimate: Estimate) -> float | None:
    # A standard error of 0 comes from a handful of equal values; it does not mean that anything can be seen.
    return mde_of_mean(estimate.standard_error) if estimate.standard_error else None


def _pass_mde(pairs: Pairs, estimate: Estimate) -> float | None:
    discordance = float(np.abs(pairs.differences).mean())
    if discordance == 0.0:
        return None
    clustered = _mde(estimate) or 0.0
    plain = mde_of_pass_difference(discordance, estimate.n)
    return max(plain, clustered) if (estimate.clusters or 0) < estimate.n else plain
