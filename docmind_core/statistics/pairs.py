"""Paired comparisons of two runs over the same queries."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from docmind_core.statistics.estimates import Estimate, clustered_mean, one_sided_low


def log_ratio(
    candidate: Sequence[float], baseline: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> Estimate:
    """Estimate the mean of log(candidate / baseline) over pairs; negative when the candidate needs less.

    On logs, since token counts are lognormal: a t interval on them covers 95.0 % where a bootstrap of the
    ratio of totals covers 91.3 % (n = 100).

    Raises:
        ValueError: If a value is not above 0: its ratio has no logarithm; leave the pair out and count it.
    """
    if any(value <= 0 for value in (*candidate, *baseline)):
        raise ValueError("a ratio needs values above 0; leave the pair out and count it")
    return clustered_mean([math.log(c / b) for c, b in zip(candidate, baseline, strict=True)], clusters)


def log_ratio_of_rates(
    candidate: tuple[Sequence[float], Sequence[float]],
    baseline: tuple[Sequence[float], Sequence[float]],
    clusters: Sequence[Hashable] | None = None,
) -> Estimate | None:
    """Estimate log of (sum / sum of the candidate) over (sum / sum of the baseline), paired and clustered.

    A ratio of sums has no value per query; its interval comes from the linearised ratio (delta method), in which
    each query has its own influence. None when one of the four sums is not above 0.

    Args:
        candidate: Numerators and denominators, one of each per query: tokens and passes.
        baseline: The same of the baseline, in the same order.
        clusters: One label per query.
    """
    parts = (*candidate, *baseline)
    totals = [math.fsum(values) for values in parts]
    if min(totals) <= 0:
        return None
    point = math.log(totals[0] / totals[1]) - math.log(totals[2] / totals[3])
    signs, count = (1.0, -1.0, -1.0, 1.0), len(parts[0])
    influences = [
        math.fsum(
            sign * values[place] * count / total for sign, values, total in zip(signs, parts, totals, strict=True)
        )
        for place in range(count)
    ]
    return clustered_mean([point + influence for influence in influences], clusters)


def reduction_pct(mean_log_ratio: float | None) -> float | None:
    """Turn a mean log ratio into percent saved: 100 * (1 - exp(x)); negative when the candidate costs more."""
    return None if mean_log_ratio is None else 100.0 * (1.0 - math.exp(mean_log_ratio))


def mcnemar_p(candidate: Sequence[bool], baseline: Sequence[bool]) -> float:
    """Return the exact two-sided p of McNemar's test: do both pass equally often? 1 when no pair differs."""
    only_candidate = sum(c and not b for c, b in zip(candidate, baseline, strict=True))
    only_baseline = sum(b and not c for c, b in zip(candidate, baseline, strict=True))
    return float(mcnemar([[0, only_candidate], [only_baseline, 0]], exact=True).pvalue)


def mean_difference(differences: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Estimate:
    """Estimate a mean of differences in [-1, 1], clustered, with an honest interval where all are equal.

    Equal differences have a standard error of 0, as if a handful of them proved something. Their interval is
    the exact one: another value may hold in a share of at most 1 - 0.025^(1 / clusters) of all queries.
    """
    estimate = clustered_mean(differences, clusters)
    if estimate.value is None or not _all_equal(differences):
        return estimate
    share = _unseen_share(estimate.clusters or 0, confidence=0.975)
    return replace(
        estimate,
        low=estimate.value - share * (1.0 + estimate.value),
        high=estimate.value + share * (1.0 - estimate.value),
        standard_error=0.0,
        because=None,
    )


def lower_bound_of_difference(difference: Estimate, *, confidence: float = 0.95) -> float | None:
    """Return the one-sided lower bound of a `mean_difference`: non-inferior when it is above -margin."""
    if difference.value is not None and difference.standard_error == 0.0:
        return difference.value - _unseen_share(difference.clusters or 0, confidence) * (1.0 + difference.value)
    return one_sided_low(difference, confidence=confidence)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected by Holm's step-down method, in the same order."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def false_discovery_rate(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected by Benjamini and Hochberg's method, in the same order: for exploring."""
    return [float(p) for p in multipletests(p_values, method="fdr_bh")[1]] if p_values else []


def _all_equal(values: Sequence[float]) -> bool:
    return min(values) == max(values)


def _unseen_share(clusters: int, confidence: float) -> float:
    return 1.0 - float((1.0 - confidence) ** (1.0 / clusters))
