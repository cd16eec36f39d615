"""What a sample can show: smallest detectable differences, and how many values a bound needs."""

import math
from statistics import NormalDist

TWO_SIDED_80 = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
"""2.802: alpha 0.05 two-sided, 80 % power, normal approximation."""

ONE_SIDED_80 = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.8)
"""2.486: alpha 0.05 one-sided, 80 % power, normal approximation."""


def mde_of_mean(standard_error: float) -> float:
    """Return the smallest true mean that a test with this standard error shows with 80 % power."""
    return TWO_SIDED_80 * standard_error


def mde_of_pass_difference(discordance: float, n: int) -> float:
    """Return the smallest difference of two pass ratios that n pairs show with 80 % power.

    Args:
        discordance: Share of pairs in which exactly one of the two passed, in [0, 1].
        n: Pairs.

    Returns:
        A share: 0.109 for a discordance of 0.15 and 100 pairs. The square of the difference itself is
        neglected, which errs on the large side.
    """
    return TWO_SIDED_80 * math.sqrt(discordance / n)


def power_of_non_inferiority(discordance: float, margin: float, n: int) -> float:
    """Return the power of `n` pairs to show that an equal pass ratio is less than `margin` lower, one-sided at 5 %.

    Args:
        discordance: Share of pairs in which exactly one of the two passed, above 0.
        margin: A share, above 0.
        n: Independent pairs, at least 1.

    Returns:
        0.80 for a discordance of 0.12, a margin of 0.05 and 300 pairs (normal approximation).
    """
    from scipy import special  # scipy.stats takes half a second to import

    return float(special.ndtr(margin / math.sqrt(discordance / n) - special.ndtri(0.95)))


def n_for_mean(deviation: float, mean: float) -> int:
    """Return how many values show a true mean with 80 % power, two-sided at 5 %; at least 1.

    Args:
        deviation: Standard deviation of one value.
        mean: Above 0, in the same unit.
    """
    return max(1, math.ceil((TWO_SIDED_80 * deviation / mean) ** 2))


def n_for_bound(deviation: float, distance: float) -> int:
    """Return how many values bring the one-sided 95 % bound of a mean within `distance` of it, with 80 % power.

    Args:
        deviation: Standard deviation of one value.
        distance: Between the true mean and what the bound must not reach, above 0.
    """
    return max(1, math.ceil((ONE_SIDED_80 * deviation / distance) ** 2))
