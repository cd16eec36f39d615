from itertools import product

import pytest
from scipy import stats

from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.cells import figure
from docmind_core.reports.estimates import mean_estimate, quality_estimate
from docmind_core.reports.run_records import QualitySummary
from docmind_core.statistics.estimates import Estimate
from docmind_core.statistics.shares import share
from docmind_core.tables.publish import publish
from tests.builders import make_query_run_row, make_run_row, make_score_row, write_rows


def quality(**changes: object) -> QualitySummary:
    row: dict = {
        "run_id": "r", "metric": "exact_match", "query_type": "all", "value": 0.5, "n_defined": 8, "n_total": 10,
        "standard_error": 0.1, "freedom": 7.0, "clusters": 8, "effective_clusters": 8.0, "n_queries": 8,
        "is_yes_no": True, "missing_because": None,
    }  # fmt: skip
    return QualitySummary(**row | changes)


SCORES = ([1, 0, 1, 1, 0, 1, 1, 1], [0] * 8, [1] * 8, [0.25, 0.5, 1, 0, 0, 1, 1, 1], [0.3] * 8)
CLUSTERS = ("abcdefgh", "aabbcdef", "aaaaaabc", "aaaaaaaa")


def test_the_interval_in_the_report_is_the_one_that_decides_a_limit(home):
    cases = {f"k.a{at}": case for at, case in enumerate(product(SCORES, CLUSTERS, (1, 2)))}
    for run_id, (scores, clusters, replicates) in cases.items():
        queries = [(place, again) for place in range(8) for again in range(replicates)]
        tables = {
            "runs": [make_run_row(run_id, arm=run_id[2:], benchmark_run="k", replicates=replicates)],
            "query_runs": [
                make_query_run_row(f"q{place}", run_id, replicate=again, cluster_id=clusters[place])
                for place, again in queries
            ],
            "measurements": [
                make_score_row("token_f1", float(scores[place]), f"q{place}", run_id=run_id, replicate=again)
                for place, again in queries
            ],
        }
        write_rows(home, tables, run_id)
    publish(home)
    found = read_benchmark(home, "k").quality_of_arms
    for run_id, (scores, clusters, _) in cases.items():
        estimate, decided = quality_estimate(found[run_id, "token_f1"]), share(scores, list(clusters))
        assert (estimate.low, estimate.high) == (pytest.approx(decided.low), pytest.approx(decided.high)), run_id


def test_a_score_without_bounds_gets_the_interval_of_student():
    low, high = stats.t.interval(0.95, df=7, loc=500, scale=10)
    estimate = quality_estimate(quality(metric="tokens_per_correct", value=500.0, standard_error=10.0))
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))


def test_a_mean_leaves_unknown_values_out_and_counts_them():
    estimate = mean_estimate([1.0, None, 3.0], [None, "no_usage", None])
    assert estimate == Estimate(value=2.0, n=2, because="no_usage")
    assert figure(estimate, "count", total=3).note == "n 2 of 3"


def test_a_mean_of_nothing_is_missing_with_the_most_frequent_reason():
    estimate = mean_estimate([None, None, None], ["resumed", "no_usage", "no_usage"])
    assert (estimate.value, estimate.because) == (None, "no_usage")
