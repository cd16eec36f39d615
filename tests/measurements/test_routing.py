"""Routers against the strategy that finds a query's gold best (S46)."""

import json
import math
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.measurements import routing
from docmind_core.measurements.routing import Oracle, last_routes, router_scores, strategy_quality
from docmind_core.measurements.scorers import SCORERS
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import build_query_set
from docmind_core.retrieval.index import hash_of_index
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES
from docmind_core.tables.columns import Column
from docmind_core.tables.segments import read_segment
from tests.builders import BENCHMARK_RUN, RUN_ID, make_query, make_query_run_row, make_run_row, write_rows
from tests.fakes.scripted_tools import make_hit

DOCUMENTS = [Document(doc_id="d1", title="France", text="Paris is the capital of France.")]
QUERY_SET = build_query_set(
    "tiny", DOCUMENTS, [make_query("q1"), make_query("q2", gold_doc_ids=("d1",), expected_abstain=True)]
)
QUALITY = {KEYWORD: 0.25, SEMANTIC: 1.0, HYBRID: 1.0}


class Index:
    """Finds the gold document where it was told to: rank 1, 3, or not at all; counts its batches."""

    ranks = MappingProxyType({KEYWORD: 3, SEMANTIC: 1, HYBRID: None})

    def __init__(self):
        self.batches = []

    def of_query(self, query_id):
        return self

    def search_many(self, strategy, queries, k, *, documents=0):
        self.batches.append((strategy, tuple(queries), k))
        ranking = [make_hit(number) for number in range(11, 11 + k)]
        if self.ranks[strategy]:
            ranking[self.ranks[strategy] - 1] = make_hit(1, doc_id="d1")
        return tuple(tuple(ranking) for _ in queries)


def scores(chosen, *, quality=QUALITY, failed=False, **oracle):
    found = router_scores(
        make_query("q1"), chosen, Oracle(quality={"q1": quality} if quality else {}, **oracle), failed=failed
    )
    return [(score.metric, score.value, score.missing_because) for score in found]


def test_accuracy_and_regret_worked_by_hand():
    """S46: keyword search finds 0.25 where the best finds 1."""
    assert scores(KEYWORD) == [("router_accuracy_ratio", 0.0, None), ("router_regret", 0.75, None)]


@pytest.mark.parametrize("chosen", [SEMANTIC, HYBRID])
def test_of_strategies_that_tie_each_is_right(chosen):
    assert scores(chosen) == [("router_accuracy_ratio", 1.0, None), ("router_regret", 0.0, None)]


def test_where_no_strategy_finds_anything_every_choice_is_right():
    assert scores(KEYWORD, quality=dict.fromkeys(STRATEGIES, 0.0))[0] == ("router_accuracy_ratio", 1.0, None)


@given(
    quality=st.fixed_dictionaries({name: st.floats(0, 1) for name in STRATEGIES}), chosen=st.sampled_from(STRATEGIES)
)
def test_a_choice_is_right_exactly_when_nothing_is_to_be_regretted(quality, chosen):
    (_, right, _), (_, regret, _) = scores(chosen, quality=quality)
    assert 0.0 <= regret <= 1.0
    assert (right == 1.0) == (regret == 0.0)
    assert any(scores(name, quality=quality)[0][1] == 1.0 for name in STRATEGIES)


@pytest.mark.parametrize(
    ("chosen", "changes", "because"),
    [
        (KEYWORD, {"quality": None}, "no_gold"),
        (None, {}, "not_routed"),
        (None, {"failed": True}, "failed_run"),
        (KEYWORD, {"quality": None, "missing_because": "not_all_open"}, "not_all_open"),
    ],
)
def test_what_can_not_be_judged_has_a_reason_and_no_value(chosen, changes, because):
    assert [score[1:] for score in scores(chosen, **changes)] == [(None, because)] * 2


def test_the_last_decision_counts():
    rows = [
        {"query_id": "q1", "replicate": 0, "decision": number, "strategy": strategy}
        for number, strategy in ((2, HYBRID), (1, KEYWORD))
    ]
    columns = {name: Column.of(row[name] for row in rows) for name in rows[0]}
    assert last_routes(columns) == {("q1", 0): HYBRID}


def test_each_strategy_is_judged_by_what_it_finds_in_one_batch():
    """S46: all queries of a run are searched for, and so embedded, at once."""
    index = Index()
    queries = [make_query("q1"), make_query("q2")]
    found = strategy_quality(index, queries, 15)

    # rank 1: 1 / log2(2) = 1; rank 3: 1 / log2(4) = 0.5; not found: 0
    assert found == {name: {KEYWORD: 0.5, SEMANTIC: 1.0, HYBRID: 0.0} for name in ("q1", "q2")}
    assert index.batches == [(strategy, ("Where?", "Where?"), 15) for strategy in STRATEGIES]


def plant(settings, *, decisions, level="thorough", strategies=STRATEGIES, **run):
    manifest = json.dumps({"suite": {"strategies": list(strategies), "top_k": None}})
    values = {"manifest": manifest, "index_hash": hash_of_index(DOCUMENTS), "level": level, **run}
    write_rows(
        settings,
        {
            "runs": [make_run_row(RUN_ID, **values)],
            "query_runs": [make_query_run_row(query_id) for query_id in ("q1", "q2")],
            "route_decisions": [
                {
                    "query_id": query_id,
                    "replicate": 0,
                    "decision": 1,
                    "level": level,
                    "strategy": KEYWORD,
                    "rule_strategy": KEYWORD,
                    "confidence": 0.9,
                    "decided_by": "rules",
                    "reasoning": "",
                }
                for query_id in decisions
            ],
        },
    )


def scored(settings, monkeypatch, index):
    monkeypatch.setattr(routing, "open_index", lambda documents, **settings: index)
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET)
    rows = read_segment(settings.tables, "measurements", RUN_ID)
    return {
        (row["query_id"], row["metric"]): (row["value"], row["missing_because"])
        for row in rows
        if str(row["metric"]).startswith("router_")
    }


def test_an_arm_that_routes_is_scored_as_deep_as_it_searched(settings, monkeypatch):
    """S46."""
    plant(settings, decisions=["q1", "q2"])
    index = Index()

    assert scored(settings, monkeypatch, index) == {
        ("q1", "router_accuracy_ratio"): (0.0, None),
        ("q1", "router_regret"): (0.5, None),
        ("q2", "router_accuracy_ratio"): (None, "no_gold"),
        ("q2", "router_regret"): (None, "no_gold"),
    }
    assert {k for _, _, k in index.batches} == {20}
    assert {queries for _, queries, _ in index.batches} == {("Where?",)}, "what has no gold is not searched for"


@pytest.mark.parametrize(
    ("changes", "because"),
    [({"strategies": (KEYWORD, HYBRID)}, "not_all_open"), ({"index_hash": "other"}, "index_changed")],
)
def test_without_an_oracle_nothing_is_searched(settings, monkeypatch, changes, because):
    plant(settings, decisions=["q1"], **changes)
    index = Index()

    assert scored(settings, monkeypatch, index)["q1", "router_regret"] == (None, because)
    assert index.batches == []


def test_a_query_that_was_not_routed_says_so(settings, monkeypatch):
    plant(settings, decisions=["q2"])
    assert scored(settings, monkeypatch, Index())["q1", "router_accuracy_ratio"] == (None, "not_routed")


def test_an_arm_that_does_not_route_has_no_row(settings, monkeypatch):
    plant(settings, decisions=[])
    assert scored(settings, monkeypatch, Index()) == {}
    assert len(read_segment(settings.tables, "measurements", RUN_ID)) == 2 * len(SCORERS)


def test_a_discount_is_never_mistaken_for_regret():
    """1 / log2(3) + 1 / log2(5) in another order of summing is a tie."""
    one = 1 / math.log2(3) + 1 / math.log2(5)
    assert scores(KEYWORD, quality={KEYWORD: one / 3, SEMANTIC: one / 3 + 1e-16, HYBRID: 0.0})[0][1] == 1.0
