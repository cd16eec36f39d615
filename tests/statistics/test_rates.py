import numpy as np
import pytest

from docmind_core.statistics.rates import RateInterval, interval_of_cost, interval_of_ratio


def test_the_cost_of_a_success_lies_inside_its_interval_which_shrinks_with_more_clusters():
    rng = np.random.default_rng(5)
    widths = []
    for count in (40, 640):
        costs, passes = rng.lognormal(6, 0.5, count), rng.binomial(1, 0.5, count)
        interval = interval_of_cost(costs, passes, range(count))
        assert interval.because is None
        assert interval.low < costs.sum() / passes.sum() < interval.high
        widths.append(np.log(interval.high / interval.low))
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_true_cost_nineteen_times_of_twenty():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(40):
        costs, passes = rng.lognormal(6, 0.3, 60), rng.binomial(1, 0.5, 60)
        interval = interval_of_cost(costs, passes, range(60))
        hits += interval.low < np.exp(6 + 0.3**2 / 2) / 0.5 < interval.high
    assert hits >= 35


def test_queries_of_one_document_stay_together():
    costs, passes = [100.0] * 40, [1.0, 1.0, 0.0, 0.0] * 10
    apart = interval_of_cost(costs, passes, range(40))
    together = interval_of_cost(costs, passes, [place // 2 for place in range(40)])
    assert together.high - together.low > apart.high - apart.low


@pytest.mark.parametrize(
    ("costs", "passes", "clusters", "because"),
    [
        ([10.0] * 40, [1.0, 0.0] * 20, [place % 19 for place in range(40)], "n_too_small"),
        ([10.0] * 20, [1.0] * 20, range(20), "no_spread"),
        ([], [], [], "n_too_small"),
    ],
)
def test_without_an_interval_there_is_a_reason(costs, passes, clusters, because):
    interval = interval_of_cost(costs, passes, clusters)
    assert (interval.low, interval.high, interval.because) == (None, None, because)


def test_a_single_success_leaves_the_cost_without_an_upper_end():
    interval = interval_of_cost([10.0 + place for place in range(20)], [1.0] + [0.0] * 19, range(20))
    assert (interval.high, interval.because) == (None, "unbounded")
    assert interval.low < sum(range(10, 30))


def test_the_same_values_give_the_same_interval():
    costs, passes = [float(place) for place in range(1, 41)], [1.0, 0.0] * 20
    assert interval_of_cost(costs, passes, range(40)) == interval_of_cost(costs, passes, range(40))


def bills(count=60):
    rng = np.random.default_rng(3)
    baseline = rng.lognormal(7, 0.3, count)
    return baseline * rng.lognormal(-1, 0.2, count), baseline


def test_the_ratio_of_two_bills_lies_inside_its_interval():
    candidate, baseline = bills()
    found = interval_of_ratio(candidate, baseline, range(60))
    assert found.low < candidate.sum() / baseline.sum() < found.high
    assert found == interval_of_ratio(candidate, baseline, range(60))


def test_bills_of_fewer_than_20_clusters_or_of_one_ratio_have_no_interval():
    candidate, baseline = bills()
    few = interval_of_ratio(candidate, baseline, [place % 19 for place in range(60)])
    assert few == RateInterval(low=None, high=None, because="n_too_small")
    same = interval_of_ratio(baseline / 2, baseline, range(60))
    assert same == RateInterval(low=None, high=None, because="no_spread")


def test_bills_of_one_document_stay_together():
    candidate = [10.0, 10.0, 90.0, 90.0] * 20
    apart = interval_of_ratio(candidate, [100.0] * 80, range(80))
    together = interval_of_ratio(candidate, [100.0] * 80, [place // 2 for place in range(80)])
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_a_query_that_cost_nothing_is_resampled_too():
    candidate, baseline = bills()
    free = interval_of_ratio([0.0, *candidate], [900.0, *baseline], range(61))
    assert free.low < candidate.sum() / (900 + baseline.sum()) < free.high
