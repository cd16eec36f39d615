"""Evidence over a series of runs: exact in expectation, and quick where something changed."""

import itertools

import numpy as np
import pytest

from docmind_core.statistics.evidence import RATES, collected, log_payoffs


@pytest.mark.parametrize("clusters", [[0, 1, 2], [0, 0, 1]])
def test_a_bet_pays_one_on_average_over_all_orders_of_the_runs_in_each_cluster(clusters):
    rng = np.random.default_rng(1)
    runs, codes = rng.normal(size=(3, 3)), np.array(clusters)
    paid = []
    for orders in itertools.product(itertools.permutations(range(3)), repeat=max(clusters) + 1):
        shuffled = np.array([[runs[orders[code][place], at] for at, code in enumerate(clusters)] for place in range(3)])
        paid.append(np.exp(log_payoffs(shuffled, codes)))
    assert np.mean(paid, axis=0) == pytest.approx(np.ones(len(RATES)), abs=1e-9)


def test_payoffs_of_successive_runs_multiply_to_one_on_average():
    """One lucky baseline does not make every later run evidence against itself."""
    values = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    paid = []
    for order in set(itertools.permutations(values)):
        runs = np.array(order)[:, None]
        paid.append(sum(log_payoffs(runs[: place + 1], np.zeros(1, dtype=int)) for place in range(1, 5)))
    assert np.mean(np.exp(paid), axis=0) == pytest.approx(np.ones(len(RATES)), abs=1e-9)


@pytest.mark.parametrize("quiet", [0, 3, 40])
def test_a_rise_of_tokens_is_found_in_the_run_that_it_begins_with_however_many_quiet_ones_went_before(quiet):
    rng = np.random.default_rng(7)
    runs = rng.normal(7.0, 0.5, 300) + rng.normal(0.0, 0.18, (quiet + 2, 300))
    runs[-1] += np.log(1.1)
    found = collected([log_payoffs(runs[: place + 1], np.arange(300)) for place in range(1, len(runs))])
    assert found.changed_at == quiet + 1


def test_equal_runs_say_nothing():
    runs = np.tile(np.random.default_rng(3).normal(size=50), (4, 1))
    found = collected([log_payoffs(runs[: place + 1], np.arange(50)) for place in range(1, 4)])
    assert (found.value, found.changed_at) == (pytest.approx(1.0), None)


def test_a_query_without_a_value_is_left_out_and_an_earlier_run_without_it_is_not_a_run_of_its_cluster():
    runs = np.array([[1.0, 2.0, 3.0], [np.nan, 2.5, 3.5], [1.5, np.nan, 4.0]])
    without = log_payoffs(np.array([[1.0, 3.0], [np.nan, 3.5], [1.5, 4.0]]), np.arange(2))
    assert log_payoffs(runs, np.arange(3)) == pytest.approx(without)
    assert log_payoffs(np.array([[1.0], [np.nan]]), np.zeros(1, dtype=int)) == pytest.approx(np.zeros(len(RATES)))


def test_before_the_first_run_the_evidence_is_one():
    assert collected([]).value == 1.0
