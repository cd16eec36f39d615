"""Replicates of a query: pass^k, pass@k and how often two attempts disagree."""

from math import comb

import pytest

from docmind_core.tables import query_values
from docmind_core.tables.reading import query_segments
from tests.builders import RUN_ID, make_query_run_row, make_score_row, write_rows


def write(home, passed):
    """Write queries q0, q1, ... with the passing of each of their replicates; None is unknown."""
    keys = [(f"q{at}", replicate, value) for at, of in enumerate(passed) for replicate, value in enumerate(of)]
    rows = [make_query_run_row(query, replicate=one, answer=f"{value}") for query, one, value in keys]
    scores = [make_score_row("passed", value, query, replicate=one) for query, one, value in keys]
    write_rows(home, {"query_runs": rows, "measurements": scores})


def ask(home, sql):
    return query_segments(home.tables, [RUN_ID], sql, tables=("runs", "query_runs", "measurements"))[1]


def test_six_of_eight_and_four_attempts_worked_by_hand(home):
    # C(6,4)/C(8,4) = 15/70; 1 - C(2,4)/C(8,4) = 1; pairs that disagree 2*6*2/(8*7)
    write(home, [[1.0] * 6 + [0.0] * 2])
    ((hat, at, n, flips),) = ask(
        home, "select pass_hat_k, pass_at_k, n_queries, pass_flip_ratio from replicate_summary where k = 4"
    )
    assert (hat, at, n, flips) == (pytest.approx(15 / 70), 1.0, 1, pytest.approx(24 / 56))
    assert len(ask(home, "from replicate_summary")) == 8


def test_every_k_is_the_mean_of_the_binomials_over_the_queries(home):
    counts = range(5)
    write(home, [[1.0] * count + [0.0] * (4 - count) for count in counts])
    for k, hat, at in ask(home, "select k, pass_hat_k, pass_at_k from replicate_summary"):
        assert hat == pytest.approx(sum(comb(c, k) / comb(4, k) for c in counts) / 5)
        assert at == pytest.approx(sum(1 - comb(4 - c, k) / comb(4, k) for c in counts) / 5)


def test_one_replicate_says_nothing_of_flips_and_an_unknown_one_leaves_its_query_out(home):
    write(home, [[1.0, None], [1.0, 0.0], [0.0]])
    found = ask(home, "select query_id, pass_flip_ratio, missing_because from replicate_flips order by query_id")
    assert found == [("q0", None, "no_gold"), ("q1", 1.0, None), ("q2", None, "n_too_small")]
    found = ask(home, "select k, pass_hat_k, n_queries, n_total from replicate_summary order by k")
    assert found == [(1, 0.25, 2, 3), (2, 0.0, 1, 3)]


@pytest.mark.parametrize("at_once", [1, 2**14], ids=["in many parts", "at once"])
def test_a_query_that_lacks_a_replicate_has_no_value_whatever_is_computed_at_once(settings, monkeypatch, at_once):
    monkeypatch.setattr(query_values, "_AT_ONCE", at_once)
    write(settings, [(1.0, 0.0), (1.0, 1.0), (1.0,), (1.0, None), (0.0, 0.0)])
    found = query_values.read_query_values(settings.tables, [RUN_ID])[RUN_ID]["passed"]
    because = dict(zip(found.queries, found.because, strict=True))
    assert dict(zip(found.queries, found.values.tolist(), strict=True)) == pytest.approx(
        {"q0": 0.5, "q1": 1.0, "q2": float("nan"), "q3": float("nan"), "q4": 0.0}, nan_ok=True
    )
    assert because == {"q0": None, "q1": None, "q2": None, "q3": "no_gold", "q4": None}
