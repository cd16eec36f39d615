import math
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from docmind_core.statistics.estimates import clustered_mean, one_sided_low, quantile_interval, wilson_interval

VALUES = st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=30)


def test_a_value_worked_by_hand():
    # deviations -1.5 -0.5 | 0.5 1.5 -> cluster sums -2 and 2 -> sqrt((4 + 4) * 2 / 1) / 4 = 1
    found = clustered_mean([1, 2, 3, 4], ["a", "a", "b", "b"])
    assert (found.value, found.standard_error, found.n, found.clusters) == (2.5, 1.0, 4, 2)
    assert found.high == pytest.approx(2.5 + 12.7062, abs=1e-4)
    assert found.because is None


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_with_one_value_per_cluster_it_is_the_plain_t_interval(values):
    found = clustered_mean(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        p = stats.ttest_1samp(values, 0).pvalue
    if found.standard_error:
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
        assert found.p == pytest.approx(p, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(2, 6), st.integers(0, 10**6))
def test_standard_error_and_interval_are_those_of_statsmodels(values, count, seed):
    labels = np.random.default_rng(seed).integers(0, count, len(values))
    labels[:2] = (0, 1)
    found = clustered_mean(values, labels.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.OLS(values, np.ones_like(values)).fit(cov_type="cluster", cov_kwds={"groups": labels}, use_t=True)
        low, high = fit.conf_int()[0]
    # statsmodels warns and degrades where all values are equal; such samples have no error to compare
    if found.standard_error and found.standard_error > 1e-6:
        assert found.standard_error == pytest.approx(fit.bse[0], rel=1e-6)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)


@given(VALUES)
def test_the_point_lies_inside_its_interval(values):
    found = clustered_mean(values)
    assert found.low <= found.value <= found.high


def test_nothing_has_no_mean_and_one_cluster_no_interval():
    nothing = clustered_mean([])
    assert (nothing.value, nothing.low, nothing.because) == (None, None, "n_too_small")
    one = clustered_mean([1.0, 3.0], ["a", "a"])
    assert (one.value, one.low, one.p, one.because) == (2.0, None, None, "n_too_small")


def test_labels_that_do_not_match_the_values_are_a_mistake():
    with pytest.raises(ValueError, match="2 values but 1"):
        clustered_mean([1.0, 2.0], ["a"])


def test_equal_values_have_an_interval_of_no_width_and_a_p_only_where_it_means_something():
    assert clustered_mean([0.0, 0.0]).p == 1.0
    assert clustered_mean([2.0, 2.0]).p is None


def test_clustering_keeps_its_error_rate_where_the_plain_interval_does_not():
    # 20 clusters of 10 with intra-class correlation 0.3 and no effect: metrics.md measured 28.4 % and 4.6 %
    rng = np.random.default_rng(20261122)
    labels = [place // 10 for place in range(200)]
    plain = clustered = 0
    for _ in range(300):
        shared = np.repeat(rng.normal(0, math.sqrt(0.3), 20), 10)
        values = (shared + rng.normal(0, math.sqrt(0.7), 200)).tolist()
        plain += clustered_mean(values).p < 0.05
        clustered += clustered_mean(values, labels).p < 0.05
    assert plain / 300 > 0.2
    assert clustered / 300 < 0.08


def test_the_one_sided_bound_is_that_of_the_one_sided_t_test():
    values = [0.1, -0.2, 0.3, 0.0, 0.15]
    expected = stats.ttest_1samp(values, 0, alternative="greater").confidence_interval(0.95).low
    assert one_sided_low(clustered_mean(values)) == pytest.approx(expected)
    assert one_sided_low(clustered_mean([1.0])) is None


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_is_that_of_statsmodels(successes, more):
    n = successes + more
    assert wilson_interval(successes, n) == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-9)


def test_wilson_of_nothing_is_undefined_and_impossible_counts_are_mistakes():
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson_interval(3, 2)


def test_a_p95_has_no_interval_at_50_values_and_has_one_at_200():
    assert quantile_interval([float(value) for value in range(50)], 0.95) is None
    assert quantile_interval([float(value) for value in range(200)], 0.95) == (183.0, 196.0)
    assert quantile_interval([], 0.5) is None
