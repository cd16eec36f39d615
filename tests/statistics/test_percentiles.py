import numpy as np
import pytest
from scipy import stats

from docmind_core.statistics.percentiles import percentile, percentile_above_p

RISING = [float(value) for value in range(200)]
FIVES = [place // 5 for place in range(200)]


def test_independent_values_have_the_interval_and_the_test_of_scipy():
    found = percentile(RISING, 0.95)
    assert (found.value, found.low, found.high) == (pytest.approx(189.05), 183.0, 196.0)
    expected = stats.quantile_test(RISING, q=150.0, p=0.95, alternative="greater").pvalue
    assert percentile_above_p(RISING, 0.95, 150.0) == pytest.approx(expected)


def test_a_sample_below_the_least_n_has_a_value_and_no_interval():
    assert percentile(RISING[:50], 0.95).because == "n_too_small"
    found = percentile(RISING, 0.95, n_min=201)
    assert (found.value, found.low, found.because) == (pytest.approx(189.05), None, "n_too_small")
    assert percentile([], 0.95).value is None
    assert percentile_above_p([], 0.95, 1.0) is None


def test_slow_documents_are_fewer_than_their_queries():
    """Sorted, so that the queries of a document are as slow as each other."""
    alone, together = percentile(RISING, 0.8), percentile(RISING, 0.8, FIVES)
    assert together.low < alone.low < together.value < alone.high < together.high
    assert percentile_above_p(RISING, 0.8, 145.0, FIVES) > 2 * percentile_above_p(RISING, 0.8, 145.0)


def test_one_document_has_no_interval_and_no_test():
    assert percentile(RISING, 0.95, [0] * 200).because == "n_too_small"
    assert percentile_above_p(RISING, 0.95, 1.0, [0] * 200) is None


@pytest.mark.parametrize("limit", [160.0, 170.0, 175.0, 180.0, 185.0, 195.0])
def test_a_clustered_limit_is_broken_at_the_level_of_the_interval(limit):
    """One-sided 2.5 % is the low end of the two-sided 95 %."""
    mixed = np.random.default_rng(3).permutation(RISING)
    p, found = percentile_above_p(mixed, 0.9, limit, FIVES), percentile(mixed, 0.9, FIVES)
    assert (p < 0.025) == (found.low > limit)
