"""Keyword search against figures measured elsewhere; `benchmarks/retrieval` does so for all strategies."""

import pytest

from benchmarks.retrieval.anchors import ANCHORS, METRICS, accepted_range
from benchmarks.retrieval.measuring import measure, open_searchers
from docmind_core.query_sets.readers import read_query_set
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC
from tests.documents import shared_data


@pytest.mark.parametrize(("name", "unit"), [("hotpotqa", "doc"), ("clapnq", "doc"), ("clapnq", "chunk")])
def test_keyword_search_reproduces_its_anchor(name, unit, tmp_path):
    query_set = read_query_set(shared_data(name))
    searchers, units = open_searchers(query_set, unit, [KEYWORD], tmp_path)

    figures = measure(searchers[KEYWORD], query_set.queries, units).figures

    low, high, _ = accepted_range(name, unit, KEYWORD)
    assert low <= figures["ndcg@10"] <= high
    if unit == "doc":
        # The same text in the same index. The anchors' words end at a combining accent and are whole Chinese sentences.
        expected = ANCHORS[name, unit, KEYWORD].figures
        assert {metric: figures[metric] for metric in METRICS} == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(
    ("case", "low", "high"),
    [
        (("hotpotqa", "doc", KEYWORD), 0.790, 0.810),
        (("clapnq", "doc", SEMANTIC), 0.974, 0.994),
        (("hotpotqa", "doc", HYBRID), 0.811, 1.0),
        (("clapnq", "chunk", HYBRID), 0.933, 0.988),
    ],
)
def test_the_rule_is_close_for_whole_documents_and_the_interval_else(case, low, high):
    assert accepted_range(*case)[:2] == (pytest.approx(low), pytest.approx(high))


def test_what_was_never_measured_has_no_rule():
    assert accepted_range("hotpotqa", "chunk", SEMANTIC) is None
