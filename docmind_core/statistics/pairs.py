"""Paired comparisons of two runs over the same queries: ratios, differences, and the correction of several p values."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from docmind_core.statistics.estimates import (
    NO_SPREAD,
    Clusters,
    Estimate,
    Values,
    cluster_codes,
    clustered_mean,
    t_quantile,
    two_sided_p,
)


def log_ratio(candidate: Values, baseline: Values, clusters: Clusters | None = None) -> Estimate:
    """Estimate the mean of log(candidate / baseline) over pairs; negative when the candidate needs less.

    On logs, since token counts are lognormal: a t interval on them covers 95.0 % where a bootstrap of the
    ratio of totals covers 91.3 % (n = 100).

    Raises:
        ValueError: If a value is not above 0: its ratio has no logarithm; leave the pair out and count it.
    """
    above, below = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    if len(above) and min(above.min(), below.min()) <= 0:
        raise ValueError("a ratio needs values above 0; leave the pair out and count it")
    return clustered_mean(np.log(above / below), clusters)


def log_ratio_of_sums(above: Values, below: Values, clusters: Clusters | None = None) -> Estimate | None:
    """Estimate log(sum of `above` / sum of `below`) by the delta method; None when one of the sums is not above 0.

    A ratio of sums has no value per query, but each query has an influence on it: a_i n / sum(a) - b_i n / sum(b). The
    standard error is that of their mean, CR2 over the clusters, or that of leaving out one cluster at a time where it
    is larger: for a mean the two are the same, for the ratio of eight queries they are not. Among independent queries a
    few that loop make the sums skewed: there the interval is widened to Hall's (JRSS B 1992), which knows of it.

    Args:
        above: One value per query, 0 or more: tokens of the candidate, or tokens.
        below: One value per query, 0 or more: tokens of the baseline, or passes.
        clusters: One label per query.
    """
    a, b = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    total_a, total_b = math.fsum(a), math.fsum(b)
    if min(total_a, total_b) <= 0:
        return None
    point, count = math.log(total_a) - math.log(total_b), len(a)
    influences = a * (count / total_a) - b * (count / total_b)
    found = clustered_mean(point + influences, clusters)
    if found.freedom is None or not found.standard_error:
        return found
    codes = cluster_codes(clusters, count)
    left_a, left_b = total_a - np.bincount(codes, weights=a), total_b - np.bincount(codes, weights=b)
    error = found.standard_error
    if min(left_a.min(), left_b.min()) > 0:
        shifts = np.log(left_a / left_b) - point
        error = max(error, math.sqrt(float(np.sum((1.0 - np.bincount(codes) / count) * shifts**2))))
    skew = float(np.sum(influences**3)) / count**3 / error**3 if found.clusters == count else 0.0
    return _widened(found, point, error, found.freedom, skew)


def _widened(found: Estimate, point: float, error: float, freedom: float, skew: float) -> Estimate:
    """Take the t interval, and Hall's where there is skew: each end from the one that reaches further."""
    critical = t_quantile(freedom, 0.975)
    scores = [critical, -critical]
    p = two_sided_p(point / error, freedom)
    if abs(skew) > NO_SPREAD:
        scores += [3.0 / skew * (float(np.cbrt(1.0 + skew * (score - skew / 6.0))) - 1.0) for score in scores]
        at = point / error
        p = max(p, two_sided_p(at + skew * at**2 / 3.0 + skew**2 * at**3 / 27.0 + skew / 6.0, freedom))
    low, high = point - error * max(scores), point - error * min(scores)
    return replace(found, value=point, low=low, high=high, standard_error=error, p=p)


def log_ratio_of_rates(
    candidate: tuple[Values, Values], baseline: tuple[Values, Values], clusters: Clusters | None = None
) -> Estimate | None:
    """Estimate log of (sum / sum of the candidate) over (sum / sum of the baseline), paired; see `log_ratio_of_sums`.

    Args:
        candidate: Numerators and denominators, one of each per query: tokens and passes.
        baseline: The same of the baseline, in the same order.
        clusters: One label per query.

    Returns:
        None when one of the four sums is not above 0.
    """
    arms = [log_ratio_of_sums(*candidate), log_ratio_of_sums(*baseline)]
    if any(arm is None for arm in arms):
        return None
    influences = np.zeros(len(candidate[0]))
    point = 0.0
    for sign, values in zip((1, -1, -1, 1), (*candidate, *baseline), strict=True):
        sample = np.asarray(values, dtype=float)
        total = math.fsum(sample)
        point += sign * math.log(total)
        influences += sign * sample * (len(sample) / total)
    return clustered_mean(point + influences, clusters)


def reduction_pct(mean_log_ratio: float | None) -> float | None:
    """Turn a mean log ratio into percent saved: 100 * (1 - exp(x)); negative when the candidate costs more."""
    return None if mean_log_ratio is None else 100.0 * (1.0 - math.exp(mean_log_ratio))


def mean_difference(differences: Values, clusters: Clusters | None = None, *, confidence: float = 0.95) -> Estimate:
    """Estimate a mean of differences in [-1, 1]: CR2 and t, clipped to [-1, 1].

    Equal differences have a standard error of 0, as if a handful of them proved something. Their interval is
    the exact one: another value may hold in a share of at most 1 - 0.025^(1 / clusters) of all queries.

    Args:
        differences: Candidate minus baseline per query, means over the replicates.
        clusters: One label per query; None when every query is independent.
        confidence: Of the two-sided interval, in (0, 1). At 0.90 its low end is the one-sided 95 % bound.
    """
    found = clustered_mean(differences, clusters, confidence=confidence)
    value = found.value
    if value is None:
        return found
    if found.low is not None and found.high is not None and found.standard_error:
        return replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))
    if found.standard_error is None and float(np.ptp(differences)) > 0.0:
        return found
    unseen = 1.0 - float(((1.0 - confidence) / 2) ** (1.0 / (found.clusters or 1)))
    return replace(
        found,
        low=value - unseen * (1.0 + value),
        high=value + unseen * (1.0 - value),
        standard_error=0.0,
        p=min(1.0, 2.0 * float((1.0 + abs(value)) ** -(found.clusters or 1))),
        because=None,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected by Holm's step-down method, in the same order."""
    # statsmodels has it too, and collects garbage at each call: a quarter of a second.
    ordered = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[ordered] * np.arange(len(ordered), 0, -1)
    corrected = np.empty(len(ordered))
    corrected[ordered] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(ordered) else steps
    return [float(p) for p in corrected]


def false_discovery_rate(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected by Benjamini and Hochberg's method, in the same order: for exploring."""
    # SciPy has it too, in a package that takes half a second to import.
    ordered = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[ordered] * (len(ordered) / np.arange(1, len(ordered) + 1))
    corrected = np.empty(len(ordered))
    corrected[ordered] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return [float(p) for p in corrected]
