import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from docmind_core.statistics.pairs import (
    false_discovery_rate,
    holm,
    log_ratio,
    log_ratio_of_rates,
    log_ratio_of_sums,
    mean_difference,
    reduction_pct,
)

TOKENS = st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)), min_size=2, max_size=30)


def test_half_the_tokens_on_every_query_is_a_reduction_of_50_percent():
    """S2: the estimate is 1 - exp(mean log ratio), paired by query."""
    found = log_ratio([50, 500], [100, 1000])
    assert found.value == pytest.approx(math.log(0.5))
    assert reduction_pct(found.value) == pytest.approx(50)


def test_the_reduction_is_of_the_typical_query_not_of_the_bill():
    """S20: a mean of percentages is not the ratio of the sums."""
    # ratios 0.5 and 2: the geometric mean is 1, though the totals are 250 against 200
    assert reduction_pct(log_ratio([50, 200], [100, 100]).value) == pytest.approx(0)


def test_a_value_worked_by_hand():
    # logs of 0.5 and 0.25: mean -1.0397, half width 12.7062 * 0.3466
    found = log_ratio([1, 1], [2, 4])
    assert (found.value, found.high - found.value) == pytest.approx((-1.03972, 4.40357), abs=1e-4)


@settings(deadline=None)
@given(TOKENS)
def test_swapping_the_arms_turns_the_sign(pairs):
    candidate, baseline = zip(*pairs, strict=True)
    there, back = log_ratio(candidate, baseline), log_ratio(baseline, candidate)
    assert there.value == pytest.approx(-back.value, abs=1e-9)
    if there.low is not None:
        assert there.low == pytest.approx(-back.high, abs=1e-9)


def test_no_tokens_have_no_ratio():
    with pytest.raises(ValueError, match="above 0"):
        log_ratio([0], [5])
    assert reduction_pct(None) is None
    assert log_ratio([], []).value is None


def test_a_handful_of_equal_pairs_does_not_prove_equality():
    # 1 - 0.05^(1/8) = 0.312: so many may have got worse without one of eight showing it
    assert mean_difference([0.0] * 8, confidence=0.90).low == pytest.approx(-0.3123, abs=1e-4)
    assert mean_difference([0.0] * 59, confidence=0.90).low == pytest.approx(-0.0495, abs=1e-4)
    assert mean_difference([]).low is None
    found = mean_difference([0.0] * 8)
    assert (found.value, found.low, found.high) == pytest.approx((0.0, -0.3694, 0.3694), abs=1e-4)


def test_two_wins_out_of_two_prove_nothing_and_a_hundred_do():
    # 1 - 2 * (1 - 0.025^(1/2)) = -0.684
    assert mean_difference([1.0, 1.0]).low == pytest.approx(-0.6838, abs=1e-4)
    assert mean_difference([1.0] * 100).low > 0.9
    assert mean_difference([-1.0] * 100).high < -0.9
    assert mean_difference([1.0]).low == pytest.approx(-0.95)


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=40))
def test_the_difference_lies_inside_its_interval_whose_p_says_the_same(differences):
    found = mean_difference(differences)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert mean_difference(differences, confidence=0.90).low >= found.low
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_equal_pairs_of_one_document_count_as_one():
    documents = ["a"] * 4 + ["b"] * 4
    assert mean_difference([0.0] * 8, documents, confidence=0.90).low == pytest.approx(-0.7764, abs=1e-4)


def test_holm_keeps_the_order_of_its_input_and_never_passes_one():
    # sorted 0.2 0.4 0.9 -> 3 * 0.2, then 2 * 0.4, then at least what came before
    assert holm([0.9, 0.2, 0.4]) == pytest.approx([0.9, 0.6, 0.8])
    assert holm([0.7, 0.8]) == [1.0, 1.0]


def test_holm_worked_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_a_ratio_of_rates_is_the_ratio_of_the_sums():
    estimate = log_ratio_of_rates(([10, 30, 20], [1, 1, 0]), ([40, 20, 60], [0, 1, 0]))
    assert estimate.value == pytest.approx(math.log((60 / 2) / (120 / 1)))


def test_a_ratio_of_rates_has_the_interval_of_its_influences():
    # candidate 2 and 4 over 1 and 1, baseline 1 and 1 over 1 and 1: influences -1/3 and +1/3 around log 3
    estimate = log_ratio_of_rates(([2, 4], [1, 1]), ([1, 1], [1, 1]))
    assert (estimate.value, estimate.standard_error) == pytest.approx((math.log(3), 1 / 3))


@pytest.mark.parametrize("passes", [[0, 0], []])
def test_a_ratio_of_rates_without_a_pass_does_not_exist(passes):
    tokens = [1.0] * len(passes)
    assert log_ratio_of_rates((tokens, passes), (tokens, passes)) is None


def test_the_bill_worked_by_hand():
    # totals 100 and 200; influences 2 * (40/100 - 80/200) = 0 and 2 * (60/100 - 120/200) = 0
    same = log_ratio_of_sums([40, 60], [80, 120])
    assert (same.value, same.standard_error) == (pytest.approx(math.log(0.5)), 0.0)
    # influences 2 * (0.5 - 0.25) = 0.5 and -0.5 around the point: their standard error is 0.5
    found = log_ratio_of_sums([50, 50], [50, 150])
    # leaving one out: log(50/150) and log(50/50) against log(0.5), sqrt((0.4055^2 + 0.6931^2) / 2)
    assert (found.value, found.standard_error) == pytest.approx((math.log(0.5), 0.5678), abs=1e-4)


def test_the_bill_agrees_with_resampling_where_resampling_is_good():
    rng = np.random.default_rng(11)
    baseline = rng.lognormal(7, 0.5, 400)
    candidate = 0.6 * baseline * rng.lognormal(0, 0.3, 400)
    drawn = rng.integers(0, 400, (4000, 400))
    resampled = np.log(candidate[drawn].sum(axis=1) / baseline[drawn].sum(axis=1))
    assert log_ratio_of_sums(candidate, baseline).standard_error == pytest.approx(resampled.std(), rel=0.05)


@pytest.mark.parametrize(("above", "below"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([], [])])
def test_a_bill_of_nothing_has_no_ratio(above, below):
    assert log_ratio_of_sums(above, below) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrected_p_values_are_those_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert false_discovery_rate(p_values) == pytest.approx(list(multipletests(p_values, method="fdr_bh")[1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 900), st.integers(0, 5)), min_size=3, max_size=30))
def test_interval_and_p_of_a_bill_say_the_same(drawn):
    above, below, labels = zip(*drawn, strict=True)
    for clusters in (None, labels):
        found = log_ratio_of_sums(above, below, clusters)
        if found.low is not None and abs(found.p - 0.05) > 1e-6:
            assert found.low <= found.value <= found.high
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_a_few_queries_that_loop_widen_the_interval_of_the_bill_upwards():
    rng = np.random.default_rng(2)
    tokens = rng.lognormal(7, 0.2, 100)
    looped = log_ratio_of_sums(tokens * np.where(np.arange(100) < 5, 6.0, 1.0), tokens)
    assert looped.high - looped.value > 1.2 * (looped.value - looped.low)
