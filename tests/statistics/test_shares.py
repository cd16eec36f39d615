import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from docmind_core.statistics.estimates import spread_of
from docmind_core.statistics.shares import (
    difference_of_shares,
    mcnemar_p,
    share,
    share_p,
    tango_interval,
    tango_score,
    wilson_interval,
)

Z = 1.959963985
PAIRS = st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.0, 1.0]), st.integers(0, 9)), min_size=2, max_size=60)
PASSES = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 9)), min_size=2, max_size=60)


def pairs(gains, losses, n):
    return [1.0] * gains + [-1.0] * losses + [0.0] * (n - gains - losses)


@pytest.mark.parametrize(
    ("gains", "losses", "n", "confidence", "low", "high"),
    [
        # Fagerland, Lydersen & Laake, Stat Med 2014: airway hyper-responsiveness before and after (Bentur 2009)
        (1, 7, 21, 0.95, -0.5172, -0.0260),
        # R's PropCIs::scoreci.mp, whose arguments come in the other order
        (48, 41, 549, 0.90, -0.0157, 0.0414),
        (28, 25, 618, 0.90, -0.0148, 0.0247),
        (38, 48, 200, 0.95, -0.14054, 0.04122),
    ],
)
def test_tango_has_the_published_intervals(gains, losses, n, confidence, low, high):
    found = tango_interval(gains, losses, n, critical=stats.norm.ppf(0.5 + confidence / 2))
    assert found == pytest.approx((low, high), abs=6e-5)


def test_without_a_pair_that_differs_tango_is_known_in_closed_form():
    # score^2 = n d^2 / (|d| - d^2) there, so the ends are +- z^2 / (n + z^2)
    end = Z**2 / (20 + Z**2)
    assert tango_interval(0, 0, 20, critical=Z) == pytest.approx((-end, end), abs=1e-6)


def test_the_score_takes_the_likelihood_at_the_hypothesis():
    """Against a numerical maximum of the trinomial likelihood."""
    gains, losses, n, at = 5, 3, 40, 0.1
    losses_shares = np.linspace(1e-6, (1 - at) / 2 - 1e-6, 200_001)
    likelihood = (
        gains * np.log(losses_shares + at)
        + losses * np.log(losses_shares)
        + (n - gains - losses) * np.log(1 - 2 * losses_shares - at)
    )
    best = losses_shares[np.argmax(likelihood)]
    expected = (gains - losses - n * at) / math.sqrt(n * (2 * best + at * (1 - at)))
    assert tango_score(at, gains, losses, n) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=150, deadline=None)
@given(PAIRS, st.booleans())
def test_interval_and_p_of_a_difference_say_the_same(drawn, is_clustered):
    differences, labels = zip(*drawn, strict=True)
    found = difference_of_shares(differences, labels if is_clustered else None)
    if found.low is not None and abs(found.p - 0.05) > 1e-9:
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_swapping_the_runs_turns_the_sign(drawn):
    differences, labels = zip(*drawn, strict=True)
    there, back = difference_of_shares(differences, labels), difference_of_shares([-d for d in differences], labels)
    if there.low is not None:
        assert (there.low, there.high, there.p) == pytest.approx((-back.high, -back.low, back.p), abs=1e-6)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_test_of_statsmodels(gains, losses):
    expected = mcnemar([[0, gains], [losses, 0]], exact=True).pvalue if gains + losses else 1.0
    assert mcnemar_p(gains, losses) == pytest.approx(expected)


def test_an_interval_just_beyond_zero_ends_there_where_the_exact_test_does_not_reject():
    # 5 gains: the score is sqrt(5) = 2.24, but the exact p is 2 * 0.5^5
    found = difference_of_shares(pairs(5, 0, 40))
    assert tango_interval(5, 0, 40, critical=Z)[0] > 0
    assert (found.low, found.p) == (0.0, 0.0625)
    assert difference_of_shares(pairs(6, 0, 40)).low > 0


def test_losses_on_one_side_prove_no_equality_where_a_t_bound_would():
    """92 queries, 2 lost: the t bound is above -5 points."""
    lost = pairs(0, 2, 92)
    bound = spread_of(lost)
    assert bound.mean - stats.t.ppf(0.95, 91) * bound.error > -0.05
    assert difference_of_shares(lost, confidence=0.90).low < -0.05


def test_a_handful_of_equal_pairs_does_not_prove_equality():
    assert difference_of_shares([0.0] * 8, confidence=0.90).low < -0.25
    assert difference_of_shares([0.0] * 59, confidence=0.90).low == pytest.approx(-0.0438, abs=1e-4)
    assert difference_of_shares([]).value is None


def test_copies_of_a_query_in_its_cluster_are_not_further_evidence():
    once = pairs(6, 2, 40)
    found = difference_of_shares(once * 10, list(range(40)) * 10)
    # plain: Tango on 400 pairs would have a third of the width
    alone = difference_of_shares(once)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_replicates_narrow_the_interval_only_as_far_as_they_differ():
    alike = difference_of_shares([0.5, -0.5] * 20)
    one = difference_of_shares([1.0, -1.0] * 20)
    assert alike.high - alike.low == pytest.approx((one.high - one.low) / 2, rel=0.1)


def test_pairs_of_one_document_have_no_interval():
    found = difference_of_shares([0.0, 1.0], ["a", "a"])
    assert (found.value, found.low, found.p, found.because) == (0.5, None, None, "n_too_small")


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_is_that_of_statsmodels(successes, more):
    n = successes + more
    expected = proportion_confint(successes, n, method="wilson")
    assert wilson_interval(successes, n) == pytest.approx(expected, abs=1e-9)
    found = share([1.0] * successes + [0.0] * more)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_wilson_of_nothing_is_undefined_and_impossible_counts_are_mistakes():
    assert wilson_interval(0, 0) is None
    assert share([]).value is None
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson_interval(3, 2)


@settings(max_examples=100, deadline=None)
@given(PASSES, st.floats(0.05, 0.95))
def test_interval_and_p_of_a_clustered_share_say_the_same(drawn, against):
    values, labels = zip(*drawn, strict=True)
    if len(set(labels)) == len(labels):
        return  # exact binomial next to Wilson: two well-known neighbours, not the same test
    found, p = share(values, labels), share_p(values, labels, against)
    if found.low is not None and abs(p - 0.05) > 1e-6:
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert (p < 0.05) == (not found.low <= against <= found.high)


def test_a_share_of_independent_queries_is_tested_exactly():
    values = [1.0] * 7 + [0.0] * 3
    assert share_p(values, None, 0.9, alternative="less") == pytest.approx(stats.binomtest(7, 10, 0.9, "less").pvalue)
    assert share_p([], None, 0.9) is None


def test_answers_about_one_document_are_not_further_evidence_for_a_share():
    values = [1.0] * 30 + [0.0] * 10
    found = share(values, [place // 10 for place in range(40)])
    assert found.high - found.low > 2 * (share(values).high - share(values).low)
    assert share_p(values, [place // 10 for place in range(40)], 0.9, alternative="less") > 0.05
