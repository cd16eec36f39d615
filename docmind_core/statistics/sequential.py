"""Group-sequential tests: how sure a look at growing data must be, so that all looks together err no more often.

The error is spent over the looks as Lan and DeMets (Biometrika 1983) do in the manner of O'Brien and Fleming
(Biometrics 1979): hardly any of it early, so that the last look is nearly the test without looks.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

NODES = 200
"""Of Gauss and Legendre's quadrature between two looks; with 100 the boundaries are the same to 1e-9."""
Numbers = NDArray[np.float64]
FAR = 9.0
"""Standard deviations beyond which nothing is left of the normal distribution."""


def spent(alpha: float, fraction: float) -> float:
    """Return how much of a one-sided error `alpha` may be spent when this fraction of the data is in."""
    from scipy import special

    return float(2.0 * special.ndtr(-special.ndtri(1.0 - alpha / 2.0) / math.sqrt(fraction)))


@cache
def boundaries(alpha: float, fractions: Sequence[float]) -> tuple[float, ...]:
    """Return the critical z of each look of a one-sided test.

    At five equal looks and 0.025: 4.877, 3.357, 2.680, 2.290, 2.031, as published. The chance to cross is integrated
    from look to look (Armitage, McPherson & Rowe 1969), over the sums that have not crossed before.

    Args:
        alpha: Error over all looks, in (0, 0.5).
        fractions: Share of the data at each look, ascending, the last one 1.
    """
    from scipy import optimize

    at, weights = np.polynomial.legendre.leggauss(NODES)
    found: list[float] = []
    nodes, mass, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for fraction in fractions:
        step, allowed, reach = math.sqrt(fraction - before), spent(alpha, fraction), FAR * math.sqrt(fraction)
        bound = float(optimize.brentq(_excess, -reach, reach, args=(nodes, mass, step, allowed - used), xtol=1e-12))
        found.append(bound / math.sqrt(fraction))
        middle, half = (bound - reach) / 2.0, (bound + reach) / 2.0
        later = middle + half * at
        density = np.exp(-0.5 * ((later[:, None] - nodes) / step) ** 2) / (step * math.sqrt(2.0 * math.pi))
        nodes, mass = later, half * weights * (density @ mass)
        before, used = fraction, allowed
    return tuple(found)


def _excess(bound: float, nodes: Numbers, mass: Numbers, step: float, allowed: float) -> float:
    """Return by how much the chance to cross a bound at this look exceeds what is allowed."""
    from scipy import special

    return float(np.sum(mass * special.ndtr((nodes - bound) / step))) - allowed


def conditional_power(score: float, fraction: float, drift: float, last: float) -> float:
    """Return the chance to end above a critical value, given the score so far.

    Args:
        score: z of the data that is in.
        fraction: Share of the data that is in, below 1.
        drift: Expected z of all data, if what is still to come is as assumed.
        last: Critical z at the end.
    """
    from scipy import special

    left = 1.0 - fraction
    return float(special.ndtr((score * math.sqrt(fraction) + drift * left - last) / math.sqrt(left)))
