import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements.ranking import (
    document_of,
    document_ranking,
    full_at_k,
    mrr_at_k,
    ndcg_at_k,
    recall_at_k,
)

IDS = [f"d{place}" for place in range(15)]
RANKED = st.permutations(IDS).flatmap(lambda ids: st.integers(0, len(ids)).map(lambda n: ids[:n]))
GOLD = st.sets(st.sampled_from([*IDS, "never"]), min_size=1, max_size=6).map(lambda ids: dict.fromkeys(ids, 1))
QRELS = st.dictionaries(st.sampled_from([*IDS, "never"]), st.integers(1, 5), min_size=1, max_size=8)
FORMULAS = (recall_at_k, full_at_k, ndcg_at_k, mrr_at_k)


def test_values_worked_by_hand():
    ranked, gold = ["x", "a", "y", "b"], {"a": 1, "b": 1, "c": 1}
    assert recall_at_k(ranked, gold, 2) == pytest.approx(1 / 3)
    assert recall_at_k(ranked, gold, 4) == pytest.approx(2 / 3)
    assert full_at_k(ranked, gold, 4) == 0.0
    assert full_at_k(ranked, {"a": 1, "b": 1}, 4) == 1.0
    assert mrr_at_k(ranked, gold, 10) == 0.5
    assert mrr_at_k(ranked, gold, 1) == 0.0
    # gains at ranks 2 and 4 over gains at ranks 1, 2, 3: (0.6309 + 0.4307) / (1 + 0.6309 + 0.5)
    assert ndcg_at_k(ranked, gold, 10) == pytest.approx(0.49819, abs=1e-5)
    assert ndcg_at_k(ranked, gold, 1) == 0.0
    assert ndcg_at_k(["a"], gold, 1) == 1.0
    # grades 0, 3, 1 at ranks 1..3 -> (3/log2(3) + 1/log2(4)) / (3/log2(2) + 1/log2(3))
    assert ndcg_at_k(["x", "a", "b"], {"a": 3, "b": 1}, 3) == pytest.approx(0.6590, abs=1e-4)


@given(RANKED, st.one_of(GOLD, QRELS))
def test_equal_to_trec_eval(ranked, gold):
    measures = {"ndcg_cut.5,10", "recall.5,10", "recip_rank"}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": gold}, measures)
    scores = {doc_id: float(-place) for place, doc_id in enumerate(ranked)}
    # trec_eval leaves out a query without results; here nothing found is a true 0
    expected = evaluator.evaluate({"q": scores or {"nothing": 0.0}})["q"]
    for k in (5, 10):
        assert recall_at_k(ranked, gold, k) == pytest.approx(expected[f"recall_{k}"], abs=1e-9)
        assert ndcg_at_k(ranked, gold, k) == pytest.approx(expected[f"ndcg_cut_{k}"], abs=1e-9)
    assert mrr_at_k(ranked, gold, 100) == pytest.approx(expected["recip_rank"], abs=1e-9)
    assert full_at_k(ranked, gold, 10) == float(math.isclose(expected["recall_10"], 1.0))


@given(RANKED, GOLD, st.integers(1, 20))
def test_all_are_shares_and_full_needs_full_recall(ranked, gold, k):
    for formula in FORMULAS:
        assert 0.0 <= formula(ranked, gold, k) <= 1.0 + 1e-12
    assert full_at_k(ranked, gold, k) == float(recall_at_k(ranked, gold, k) == 1.0)


@given(QRELS, st.integers(1, 20))
def test_gold_first_is_the_best_order(gold, k):
    assert ndcg_at_k([*sorted(gold, key=gold.__getitem__, reverse=True), "x", "y"], gold, k) == pytest.approx(1.0)
    assert mrr_at_k(sorted(gold), gold, k) == 1.0


@pytest.mark.parametrize("formula", FORMULAS)
def test_nothing_found_is_a_true_zero(formula):
    assert formula([], {"a": 1}, 5) == 0.0


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("gold", "k", "message"), [({}, 5, "gold"), ({"a": 1}, 0, "k must be at least 1")])
def test_without_gold_or_cut_off_there_is_no_value(formula, gold, k, message):
    with pytest.raises(ValueError, match=message):
        formula(["a"], gold, k)


def test_a_document_appears_at_the_place_of_its_best_chunk():
    assert document_ranking(["b#3", "a#0", "b#0", "c#1", "a#1"]) == ("b", "a", "c")


def test_a_document_id_may_hold_a_hash():
    assert document_of("C# in depth#12") == "C# in depth"
