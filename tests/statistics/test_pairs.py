import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from docmind_core.statistics.pairs import (
    holm,
    log_ratio,
    log_ratio_of_rates,
    lower_bound_of_difference,
    mcnemar_p,
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
    assert there.low == pytest.approx(-back.high, abs=1e-9)


def test_no_tokens_have_no_ratio():
    with pytest.raises(ValueError, match="above 0"):
        log_ratio([0], [5])
    assert reduction_pct(None) is None
    assert log_ratio([], []).value is None


def test_mcnemar_worked_by_hand():
    # 3 pairs differ, all in favour of the candidate: 2 * 0.5^3
    assert mcnemar_p([True] * 4, [True, False, False, False]) == pytest.approx(0.25)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ(pairs):
    candidate, baseline = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    wins = sum(c and not b for c, b in pairs)
    differ = sum(c != b for c, b in pairs)
    expected = stats.binomtest(wins, differ).pvalue if differ else 1.0
    assert mcnemar_p(candidate, baseline) == pytest.approx(expected)


def test_the_lower_bound_is_the_one_sided_test_of_statsmodels():
    differences = [0.0, 1.0, -1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    bound = lower_bound_of_difference(mean_difference(differences))
    for margin in (0.05, 0.15, 0.25, 0.35):
        _, p, _ = DescrStatsW(np.array(differences)).ttest_mean(-margin, alternative="larger")
        assert (bound > -margin) == (p < 0.05)


def test_a_handful_of_equal_pairs_does_not_prove_equality():
    # 1 - 0.05^(1/8) = 0.312: so many may have got worse without one of eight showing it
    assert lower_bound_of_difference(mean_difference([0.0] * 8)) == pytest.approx(-0.3123, abs=1e-4)
    assert lower_bound_of_difference(mean_difference([0.0] * 59)) == pytest.approx(-0.0495, abs=1e-4)
    assert lower_bound_of_difference(mean_difference([])) is None
    found = mean_difference([0.0] * 8)
    assert (found.value, found.low, found.high) == pytest.approx((0.0, -0.3694, 0.3694), abs=1e-4)


def test_two_wins_out_of_two_prove_nothing_and_a_hundred_do():
    # 1 - 2 * (1 - 0.025^(1/2)) = -0.684
    assert mean_difference([1.0, 1.0]).low == pytest.approx(-0.6838, abs=1e-4)
    assert mean_difference([1.0] * 100).low > 0.9
    assert mean_difference([-1.0] * 100).high < -0.9
    assert mean_difference([1.0]).low == pytest.approx(-0.95)


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=2, max_size=20))
def test_the_difference_lies_inside_its_interval(differences):
    found = mean_difference(differences)
    assert found.low <= found.value <= found.high
    assert lower_bound_of_difference(found) >= found.low


def test_equal_pairs_of_one_document_count_as_one():
    assert lower_bound_of_difference(mean_difference([0.0] * 8, ["a"] * 4 + ["b"] * 4)) == pytest.approx(
        -0.7764, abs=1e-4
    )


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
