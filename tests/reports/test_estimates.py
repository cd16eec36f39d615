import pytest
from scipy import stats

from docmind_core.reports.estimates import estimate_cell, mean_estimate, quality_estimate
from docmind_core.reports.run_records import QualitySummary
from docmind_core.statistics.estimates import Estimate


def quality(**changes: object) -> QualitySummary:
    row: dict = {
        "run_id": "r", "metric": "exact_match", "query_type": "all", "value": 0.5, "n_defined": 8, "n_total": 10,
        "standard_error": 0.1, "freedom": 7.0, "clusters": 8, "missing_because": None,
    }  # fmt: skip
    return QualitySummary(**row | changes)


def test_the_interval_is_that_of_student_with_clusters_minus_one_degrees_of_freedom():
    low, high = stats.t.interval(0.95, df=7, loc=0.5, scale=0.1)
    estimate = quality_estimate(quality())
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))
    assert (estimate.n, estimate.clusters) == (8, 8)


def test_the_interval_of_a_share_stays_between_zero_and_one():
    estimate = quality_estimate(quality(value=0.95, standard_error=0.2))
    assert (estimate.low, estimate.high) == (pytest.approx(0.477, abs=1e-3), 1.0)


def test_only_right_or_only_wrong_answers_get_the_interval_of_wilson():
    wrong = quality_estimate(quality(value=0.0, standard_error=0.0))
    assert (wrong.low, wrong.high) == (pytest.approx(0.0), pytest.approx(0.3244, abs=1e-4))
    right = quality_estimate(quality(value=1.0, standard_error=None, clusters=1, n_defined=1))
    assert (right.low, right.high) == (pytest.approx(0.2065, abs=1e-4), pytest.approx(1.0))


@pytest.mark.parametrize("changes", [{"standard_error": 0.0}, {"standard_error": None}, {"freedom": None}])
def test_equal_scores_or_a_single_cluster_have_no_interval(changes):
    estimate = quality_estimate(quality(**changes))
    assert (estimate.value, estimate.low, estimate.high) == (0.5, None, None)


def test_a_mean_leaves_unknown_values_out_and_counts_them():
    estimate = mean_estimate([1.0, None, 3.0], [None, "no_usage", None])
    assert estimate == Estimate(value=2.0, n=2, because="no_usage")
    assert estimate_cell(estimate, 3, str).note == "n 2 of 3"


def test_a_mean_of_nothing_is_missing_with_the_most_frequent_reason():
    estimate = mean_estimate([None, None, None], ["resumed", "no_usage", "no_usage"])
    assert (estimate.value, estimate.because) == (None, "no_usage")
