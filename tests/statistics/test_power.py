import pytest
from scipy import stats

from docmind_core.metrics.limits import P95_N_MIN
from docmind_core.statistics.power import (
    TWO_SIDED_80,
    mde_of_mean,
    mde_of_pass_difference,
    power_of_non_inferiority,
)


def test_the_factor_is_that_of_five_percent_two_sided_and_80_percent_power():
    assert pytest.approx(2.802, abs=1e-3) == TWO_SIDED_80


@pytest.mark.parametrize(("n", "points"), [(50, 15.3), (100, 10.9), (200, 7.7), (500, 4.9), (1000, 3.4)])
def test_smallest_difference_of_pass_ratios(n, points):
    assert 100 * mde_of_pass_difference(0.15, n) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize(
    ("margin", "n", "percent"), [(0.05, 100, 40), (0.05, 200, 64), (0.05, 300, 80), (0.05, 500, 94), (0.03, 1000, 86)]
)
def test_the_power_to_show_equal_quality_is_that_of_simulated_runs(margin, n, percent):
    assert 100 * power_of_non_inferiority(0.12, margin, n) == pytest.approx(percent, abs=2.1)


def test_the_mde_of_a_mean_is_a_multiple_of_its_error():
    assert mde_of_mean(0.1) == pytest.approx(0.2802, abs=1e-4)


def test_a_p95_with_one_value_beyond_it_needs_130_values_for_99_percent_confidence():
    """The rule of MLPerf endpoints."""
    assert stats.binom.cdf(1, P95_N_MIN, 0.05) <= 0.01 < stats.binom.cdf(1, P95_N_MIN - 1, 0.05)
