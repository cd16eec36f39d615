"""What a run at a level leaves in the tables (S37, S39)."""

import pytest

from docmind_core.agents.decisions import RouteRecord
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.journal import QueryKey
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.query_trace import DecisionLog
from docmind_core.serving.chat import ChatRequest
from docmind_core.tables.publish import publish
from tests.runs.running import run, select

KEY = QueryKey(run_id="r", query_id="q", replicate=0)
STRATEGIES = ["keyword_search", "semantic_search", "hybrid_search"]
REQUEST = ChatRequest(system="s", user="u", max_tokens=4)


@pytest.mark.parametrize("arm", ["tuned", "naive_supervisor"])
def test_every_query_of_an_arm_that_routes_has_its_decision(home, make_suite, arm):
    run(home, make_suite(arms=[arm, "single_pass"], limit=2))

    rows = select(home, "select run_id, query_id, decision, level, analysis_s >= 0 from route_decisions")
    assert select(home, "select distinct top_k, rerank from route_decisions") == [(15, False)]
    assert {run_id.rsplit(".", 1)[1] for run_id, *_ in rows} == {arm}
    assert len({query_id for _, query_id, *_ in rows}) == 2
    assert {(level, timed) for *_, level, timed in rows} == {("balanced", True)}


def test_a_rerank_is_one_call_under_its_own_role_whose_tokens_count(home, make_suite):
    """S54."""
    run(home, make_suite(arms=["tuned"], level="thorough", limit=2))

    calls = select(
        home,
        "select query_id, agent, count(*), min(billed_tokens) > 0 from llm_calls where role = 'rerank' group by all",
    )
    reranks = select(home, "select query_id, ordered_by, mmr_because, kept <= candidates from reranks")
    assert {(agent, count, billed) for _, agent, count, billed in calls} == {("retrieval_expert", 1, True)}
    assert {tuple(rest) for _, *rest in reranks} == {("model", None, True)}
    assert {query_id for query_id, *_ in calls} == {query_id for query_id, *_ in reranks}
    sums = select(
        home,
        "select sum(q.billed_tokens) = (select sum(billed_tokens) from llm_calls) from query_runs as q",
    )
    assert sums == [(True,)]
    scores = "select count(*) from retrieved where ranking = 'candidates' and abs(score * rank - 1) > 1e-9"
    assert select(home, scores) == [(0,)]


@pytest.mark.parametrize("level", ["fast", "balanced"])
def test_below_thorough_nothing_is_reranked(home, make_suite, level):
    run(home, make_suite(arms=["tuned"], level=level, limit=1))
    assert select(home, "select count(*) from reranks") == [(0,)]


def test_routers_are_scored_where_all_strategies_are_open(home, make_suite):
    """S46: the index of the run is searched again when the answers are scored, after the measurement."""
    pytest.importorskip("torch", reason="semantic search needs the encoder")
    suite = make_suite(arms=["tuned", "single_pass", "naive_supervisor"], strategies=STRATEGIES)
    key = freeze_benchmark_run(suite, home)
    execute_benchmark_run(home, key, dagster_run_id="dagster-1", observer=SilentObserver())
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    publish(home)

    rows = select(home, "select arm, decisions, n_scored, router_ece, ece_missing_because from router_summary")
    assert rows == [("naive_supervisor", 6, 6, None, "n_too_small"), ("tuned", 6, 6, None, "n_too_small")]
    regrets = select(home, "select distinct metric, missing_because from measurements where metric like 'router%'")
    assert sorted(regrets) == [("router_accuracy_ratio", None), ("router_regret", None)]


@pytest.mark.parametrize(("resumed", "analysis_s"), [(False, 0.25), (True, None)])
def test_how_long_a_route_took_means_nothing_in_a_resumed_query(resumed, analysis_s):
    record = RouteRecord(
        strategy="hybrid_search",
        rule_strategy="keyword_search",
        confidence=None,
        decided_by="model",
        reasoning="the model chose",
        top_k=20,
        rerank=True,
    )
    rows = DecisionLog(routes=[(record, 0.25)]).rows(KEY, level="thorough", resumed=resumed)["route_decisions"]
    assert [(row["decision"], row["agrees"], row["analysis_s"]) for row in rows] == [(1, False, analysis_s)]
