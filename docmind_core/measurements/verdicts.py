"""Verdicts on paired values: fewer tokens, quality that is not worse, and whether the two make a claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from docmind_core.measurements.paired import Pairs
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.pairs import log_ratio, mean_difference, reduction_pct
from docmind_core.statistics.power import mde_of_mean, mde_of_pass_difference, power_of_non_inferiority
from docmind_core.statistics.shares import difference_of_shares

BETTER, NON_INFERIOR, WORSE, INCONCLUSIVE = "better", "non_inferior", "worse", "inconclusive"

MARGIN = 0.05
"""Quality may be lower by less than this share of the queries."""
MIN_N = 300
"""Pairs that show non-inferiority within 5 points with 80 % power (discordance 12 %)."""
DISCORDANCE = 0.12
"""Share of pairs in which one of two equally good arms passes and the other doesn't, assumed for the power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the pairs of one metric say."""

    estimate: Estimate
    """Mean log ratio for tokens, mean difference for quality."""
    verdict: str
    because: str
    mde: float | None
    """In the unit of the estimate; None when the sample says nothing about it."""
    p: float | None
    ratio_of_totals: float | None = None


def judge_tokens(pairs: Pairs, totals: Pairs) -> Verdict:
    """Judge tokens: better when the whole interval of the mean log ratio lies below 0.

    Args:
        pairs: Values above 0: what a ratio can be taken of.
        totals: The same with the queries that cost one arm nothing: the bill has them too.
    """
    estimate = log_ratio(pairs.candidate, pairs.baseline, pairs.clusters)
    paid = sum(totals.baseline)
    verdict, because = _tokens_verdict(estimate)
    return Verdict(
        estimate=estimate,
        verdict=verdict,
        because=because,
        mde=_mde(estimate),
        p=estimate.p,
        ratio_of_totals=sum(totals.candidate) / paid if paid else None,
    )


def judge_quality(pairs: Pairs, *, min_n: int, lower_is_better: bool = False) -> Verdict:
    """Judge a quality metric in [0, 1]: better, non-inferior within 5 points, worse, or inconclusive.

    The estimate is candidate minus baseline in any case; where lower is better, the verdict is that of its opposite.
    """
    is_pass_fail = set(pairs.candidate) | set(pairs.baseline) <= {0.0, 1.0}
    estimated = difference_of_shares if is_pass_fail else mean_difference
    estimate = estimated(pairs.differences, pairs.clusters)
    sign = -1.0 if lower_is_better else 1.0
    gains = [sign * difference for difference in pairs.differences]
    gain, bound = estimated(gains, pairs.clusters), estimated(gains, pairs.clusters, confidence=0.90)
    verdict, because = _quality_verdict(gain, bound.low, min_n, "fall" if lower_is_better else "difference")
    mde = _pass_mde(pairs, estimate) if is_pass_fail and estimate.n else _mde(estimate)
    return Verdict(estimate=estimate, verdict=verdict, because=because, mde=mde, p=estimate.p)


def claim(tokens: Verdict, quality: Verdict, obstacles: Sequence[str], *, min_n: int) -> tuple[bool, str]:
    """Decide whether the reduction may be claimed: tokens better and quality not worse, both, nothing in the way.

    Returns:
        The decision, and one sentence that says why.
    """
    reasons = list(obstacles)
    if tokens.verdict != BETTER:
        reasons.append(f"tokens are {tokens.verdict}: {tokens.because}")
    if quality.verdict == WORSE:
        reasons.append(f"quality is worse: {quality.because}")
    elif quality.estimate.n < min_n:
        reasons.append(f"quality undecided: n = {quality.estimate.n} is below {min_n}")
    elif quality.verdict == INCONCLUSIVE:
        reasons.append(f"quality undecided: {quality.because}")
    left = power_left(quality, min_n)
    if reasons:
        return False, "not claimable: " + "; ".join([*reasons, left] if left else reasons)
    saved = reduction_pct(tokens.estimate.value) or 0.0
    grounds = f"{saved:.1f} % fewer tokens ({tokens.because}) and quality {quality.verdict} ({quality.because})"
    return True, f"{grounds}; {left}" if left else grounds


def power_left(quality: Verdict, min_n: int) -> str:
    """Say what power is left where a suite asks for fewer pairs than `MIN_N`; nothing where it doesn't.

    Pairs of one document count once: they are not independent.
    """
    independent = min(quality.estimate.n, quality.estimate.clusters or 0)
    if min_n >= MIN_N or independent < 1:
        return ""
    power = power_of_non_inferiority(DISCORDANCE, MARGIN, independent)
    return (
        f"the suite's min_n {min_n} stands for {MIN_N}: equal quality is shown within {100 * MARGIN:.0f} points with "
        f"{100 * power:.0f} % power ({independent} independent pairs, discordance {100 * DISCORDANCE:.0f} %)"
    )


def _tokens_verdict(estimate: Estimate) -> tuple[str, str]:
    if estimate.low is None or estimate.high is None:
        return INCONCLUSIVE, _too_few(estimate)
    low, high = reduction_pct(estimate.high), reduction_pct(estimate.low)
    interval = f"95 % interval of the reduction {low:.1f} to {high:.1f} %"
    if estimate.high < 0:
        return BETTER, interval
    return (WORSE if estimate.low > 0 else INCONCLUSIVE), interval


def _quality_verdict(estimate: Estimate, bound: float | None, min_n: int, gain: str) -> tuple[str, str]:
    if estimate.low is None or estimate.high is None or bound is None:
        return INCONCLUSIVE, _too_few(estimate)
    shown = f"lower bound of the {gain} {100 * bound:+.1f} points, margin {100 * MARGIN:.0f}"
    if estimate.low > 0:
        return BETTER, shown
    if bound > -MARGIN and estimate.n >= min_n:
        return NON_INFERIOR, shown
    if estimate.high < 0:
        return WORSE, shown
    if estimate.n < min_n:
        return INCONCLUSIVE, f"n = {estimate.n} is below {min_n}; {shown}"
    return INCONCLUSIVE, shown


def _too_few(estimate: Estimate) -> str:
    if estimate.n == 0:
        return "no query has a value in both runs"
    return f"too few independent queries for an interval (clusters: {estimate.clusters})"


def _mde(estimate: Estimate) -> float | None:
    # A standard error of 0 comes from a handful of equal values; it does not mean that anything can be seen.
    return mde_of_mean(estimate.standard_error) if estimate.standard_error else None


def _pass_mde(pairs: Pairs, estimate: Estimate) -> float | None:
    discordance = fmean(abs(difference) for difference in pairs.differences)
    if discordance == 0.0:
        return None
    clustered = _mde(estimate) or 0.0
    plain = mde_of_pass_difference(discordance, estimate.n)
    return max(plain, clustered) if (estimate.clusters or 0) < estimate.n else plain
