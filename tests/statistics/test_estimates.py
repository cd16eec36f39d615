import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from docmind_core.statistics.estimates import cluster_codes, clustered_mean, spread_of

VALUES = st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=30)
LABELLED = st.lists(
    st.tuples(st.floats(-10, 10).map(lambda x: round(x, 3)), st.integers(0, 6)), min_size=3, max_size=25
)


def cr2_by_matrices(values, labels):
    """CR2 and Satterthwaite's degrees of freedom as Pustejovsky and Tipton (2018) define them, by matrix algebra.

    Design X = 1; adjustment A_c = (I - H_cc)^(-1/2); the degrees of freedom are trace(G'G)^2 / trace((G'G)^2) of the
    columns g_c = (I - H)_c' A_c X_c (X'X)^-1 under independent errors.
    """
    y, codes = np.asarray(values, dtype=float), np.asarray(labels)
    n = len(y)
    residuals = y - y.mean()
    leftover = np.eye(n) - np.full((n, n), 1 / n)
    variance, columns = 0.0, []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        own = leftover[np.ix_(rows, rows)]
        adjust = linalg.fractional_matrix_power(own, -0.5).real
        weights = adjust @ np.ones(len(rows)) / n
        variance += float(weights @ residuals[rows]) ** 2
        columns.append(leftover[rows].T @ weights)
    products = np.array(columns) @ np.array(columns).T
    return math.sqrt(variance), np.trace(products) ** 2 / np.sum(products**2)


def test_a_value_worked_by_hand():
    # deviations -1.5 -0.5 | 0.5 1.5 -> sums -2 and 2 -> sqrt((4 + 4) / (1 - 1/2)) / 4 = 1, on 1 degree of freedom
    found = clustered_mean([1, 2, 3, 4], ["a", "a", "b", "b"])
    assert (found.value, found.standard_error, found.n, found.clusters) == (2.5, 1.0, 4, 2)
    assert found.freedom == pytest.approx(1)
    assert found.high == pytest.approx(2.5 + 12.7062, abs=1e-4)
    assert found.because is None


def test_reference_values_of_an_independent_implementation():
    """Frozen outputs of `cr2_by_matrices`: one cluster of four, one of two, two alone."""
    found = clustered_mean([1.0, 2.0, 2.5, 4.0, 0.5, 1.5, 7.0, 3.0], ["a", "a", "a", "a", "b", "b", "c", "d"])
    assert (found.standard_error, found.freedom) == pytest.approx((0.787386613, 2.130434783), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(LABELLED)
def test_standard_error_and_degrees_of_freedom_are_those_of_the_matrix_formulas(labelled):
    values, labels = zip(*labelled, strict=True)
    found = spread_of(values, labels)
    if found is not None and found.error > 1e-6:
        error, freedom = cr2_by_matrices(values, labels)
        assert found.error == pytest.approx(error, rel=1e-6)
        assert found.freedom == pytest.approx(freedom, rel=1e-6)


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


@settings(max_examples=100, deadline=None)
@given(LABELLED)
def test_the_p_is_below_five_percent_exactly_where_the_interval_excludes_zero(labelled):
    values, labels = zip(*labelled, strict=True)
    found = clustered_mean(values, labels)
    if found.low is not None and abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
        assert found.low <= found.value <= found.high


@settings(deadline=None)
@given(LABELLED, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_queries_nor_the_names_of_the_clusters_matter(labelled, random):
    values, labels = zip(*labelled, strict=True)
    shuffled = list(labelled)
    random.shuffle(shuffled)
    there = spread_of(values, labels)
    again = spread_of(*zip(*((value, f"d{label}") for value, label in shuffled), strict=True))
    assert (there is None) == (again is None)
    if there is not None and again is not None:
        assert (again.mean, again.error, again.freedom) == pytest.approx(
            (there.mean, there.error, there.freedom), rel=1e-9, abs=1e-9
        )


def test_nothing_has_no_mean_and_one_cluster_no_interval():
    nothing = clustered_mean([])
    assert (nothing.value, nothing.low, nothing.because) == (None, None, "n_too_small")
    one = clustered_mean([1.0, 3.0], ["a", "a"])
    assert (one.value, one.low, one.p, one.clusters, one.because) == (2.0, None, None, 1, "n_too_small")


def test_labels_that_do_not_match_the_values_are_a_mistake():
    with pytest.raises(ValueError, match="2 values but 1"):
        clustered_mean([1.0, 2.0], ["a"])


def test_equal_values_show_something_from_six_clusters_by_the_sign_test():
    few, enough, none = clustered_mean([2.0] * 5), clustered_mean([2.0] * 6), clustered_mean([0.0] * 6)
    assert (few.value, few.low, few.p, few.because) == (2.0, None, 0.0625, "n_too_small")
    assert (enough.low, enough.high, enough.p) == (2.0, 2.0, 0.03125)
    assert (none.low, none.high, none.p) == (0.0, 0.0, 1.0)


def test_rounding_of_equal_values_is_not_a_spread():
    found = clustered_mean([0.1 + 0.2, 0.3, 0.3], None)
    assert (found.standard_error, found.because) == (0.0, "n_too_small")


def test_integer_labels_and_names_give_the_same_clusters():
    assert cluster_codes(["b", "a", "b"], 3).tolist() == [0, 1, 0]
    assert clustered_mean([1.0, 2.0, 4.0], np.array([7, 7, 1])) == clustered_mean([1.0, 2.0, 4.0], ["x", "x", "y"])
