"""Boundaries of group-sequential tests against published ones, and against simulated looks."""

import numpy as np
import pytest
from scipy import stats

from docmind_core.statistics.sequential import boundaries, conditional_power, spent

EQUAL = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("alpha", "fractions", "published"),
    [
        # Lan–DeMets spending like O'Brien and Fleming, five equal looks, two-sided 0.05 (Jennison & Turnbull 2000)
        (0.025, EQUAL, (4.877, 3.357, 2.680, 2.290, 2.031)),
        (0.025, (0.5, 1.0), (2.963, 1.969)),
        (0.025, (1.0,), (1.960,)),
    ],
)
def test_the_boundaries_are_the_published_ones(alpha, fractions, published):
    assert boundaries(alpha, fractions) == pytest.approx(published, abs=6e-4)


def test_looks_at_brownian_motion_cross_as_often_as_the_error_allows():
    """The chance to cross at the first two looks, from the bivariate normal distribution."""
    first, second = boundaries(0.05, (0.35, 0.5, 1.0))[:2]
    correlation = np.sqrt(0.35 / 0.5)
    within = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([first, second])
    assert 1.0 - within == pytest.approx(spent(0.05, 0.5), abs=1e-5)
    assert spent(0.05, 1.0) == pytest.approx(0.05)


def test_the_conditional_power_is_that_of_the_rest():
    # half of the data in, z = 1: at the end z = (1 sqrt(1/2) + rest), rest ~ N(2 / 2, 1 / 2)
    assert conditional_power(1.0, 0.5, 2.0, 1.7) == pytest.approx(
        1.0 - stats.norm.cdf(1.7, loc=0.5**0.5 + 1.0, scale=0.5**0.5)
    )
