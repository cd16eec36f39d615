"""The formulas of a comparison as they are written down, without our code."""

import math

from scipy import optimize, stats


def tango(n, gained, lost, at):
    """Tango's score for the difference `at`, from the paper: the constrained estimate is the root of a quadratic."""
    a, b, c = 2 * n, -gained - lost + (2 * n - gained + lost) * at, -lost * at * (1 - at)
    q21 = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    return (gained - lost - n * at) / math.sqrt(n * (2 * q21 + at * (1 - at)))


def recomputed(differences, clusters, *, is_pass_fail):
    """Mean, interval and p by the formulas as they are written down: CR2 and Bell and McCaffrey's df (`metrics.md` §9).

    Passes take Tango's score of n / deff pairs, and Student's t (`statistics.md`).
    """
    names, n = sorted(set(clusters)), len(differences)
    size = {name: clusters.count(name) for name in names}
    left = {name: 1 - size[name] / n for name in names}
    mean = math.fsum(differences) / n
    sums = {name: sum(d - mean for d, c in zip(differences, clusters, strict=True) if c == name) for name in names}
    error = math.sqrt(sum(sums[name] ** 2 / left[name] for name in names)) / n
    matrix = [
        [size[c] if c == d else -size[c] * size[d] / (n * math.sqrt(left[c] * left[d])) for d in names] for c in names
    ]
    freedom = sum(row[at] for at, row in enumerate(matrix)) ** 2 / sum(value**2 for row in matrix for value in row)
    critical = stats.t.ppf(0.975, freedom)
    if not is_pass_fail:
        ends = mean - critical * error, mean + critical * error
        return mean, *ends, 2 * stats.t.sf(abs(mean / error), freedom)
    share = (differences.count(1.0) + differences.count(-1.0)) / n
    pairs = (share - mean**2) / ((n - 1) / n * error**2)
    gained, lost = differences.count(1.0) / n * pairs, differences.count(-1.0) / n * pairs
    low = optimize.brentq(lambda at: tango(pairs, gained, lost, at) - critical, -0.9, mean, xtol=1e-13)
    high = optimize.brentq(lambda at: tango(pairs, gained, lost, at) + critical, mean, 0.9, xtol=1e-13)
    return mean, low, high, 2 * stats.t.sf(abs(tango(pairs, gained, lost, 0.0)), freedom)
