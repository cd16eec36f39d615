import pytest

from docmind_core.statistics.power import (
    TWO_SIDED_80,
    mde_of_mean,
    mde_of_pass_difference,
    mde_of_ratio,
    n_for_pass_difference,
    n_for_percentile,
    power_of_non_inferiority,
)


def test_the_factor_is_that_of_five_percent_two_sided_and_80_percent_power():
    assert pytest.approx(2.802, abs=1e-3) == TWO_SIDED_80


@pytest.mark.parametrize(("discordance", "n"), [(0.05, 429), (0.1, 865), (0.15, 1301), (0.2, 1737), (0.3, 2609)])
def test_pairs_for_a_difference_of_three_points(discordance, n):
    assert n_for_pass_difference(discordance, 0.03) == n


@pytest.mark.parametrize(("n", "points"), [(50, 15.3), (100, 10.9), (200, 7.7), (500, 4.9), (1000, 3.4)])
def test_smallest_difference_of_pass_ratios(n, points):
    assert 100 * mde_of_pass_difference(0.15, n) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize(("n", "percent"), [(50, 10.4), (100, 7.3), (200, 5.1), (500, 3.2)])
def test_smallest_difference_of_tokens(n, percent):
    assert 100 * mde_of_ratio(0.25, n) == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize(
    ("margin", "n", "percent"), [(0.05, 100, 40), (0.05, 200, 64), (0.05, 300, 80), (0.05, 500, 94), (0.03, 1000, 86)]
)
def test_the_power_to_show_equal_quality_is_that_of_simulated_runs(margin, n, percent):
    assert 100 * power_of_non_inferiority(0.12, margin, n) == pytest.approx(percent, abs=2.1)


def test_the_mde_of_a_mean_is_a_multiple_of_its_error():
    assert mde_of_mean(0.1) == pytest.approx(0.2802, abs=1e-4)


@pytest.mark.parametrize(("allowed", "expected"), [(0, (44, 90, 459)), (1, (64, 130, 662)), (2, (81, 165, 838))])
def test_values_that_a_percentile_needs(allowed, expected):
    assert tuple(n_for_percentile(p, allowed) for p in (0.9, 0.95, 0.99)) == expected
