"""Queries that warm an arm up: asked and in the ledger, and in no figure."""

import pytest

from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.blocks import plan_queries
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.tables.publish import publish
from tests.runs.running import interrupt, run, select

ROWS = "select replicate, phase, count(*) from {} group by all order by replicate desc"


def test_each_arm_answers_a_query_through_its_own_graph_before_those_that_are_measured(home, make_suite):
    run(home, make_suite(arms=["single_pass", "naive_supervisor"], limit=2, warmup=1))

    rows = "select arm, phase, block, count(*), sum(calls) from query_runs join runs using (run_id)"
    assert select(home, f"{rows} group by all order by all") == [
        ("naive_supervisor", "measured", 1, 2, 26),
        ("naive_supervisor", "warmup", 0, 1, 13),
        ("single_pass", "measured", 1, 2, 2),
        ("single_pass", "warmup", 0, 1, 1),
    ]
    late = (
        "select count(*) from query_runs as w join query_runs as m using (run_id) "
        "where w.phase = 'warmup' and m.phase = 'measured' and m.started_at < w.ended_at"
    )
    assert select(home, late) == [(0,)]


def test_warm_up_asks_queries_that_are_not_measured_while_the_set_has_some(home, make_suite):
    run(home, make_suite(arms=["single_pass"], limit=4, warmup=2))
    asked = select(home, "select phase, list(query_id) from query_runs group by phase order by phase")
    (_, measured), (_, warm_up) = asked
    assert len(warm_up) == 2
    assert not set(measured) & set(warm_up)


def test_where_every_query_is_measured_the_last_one_warms_up_and_is_measured_too(home, make_suite):
    suite = make_suite(arms=["single_pass"], warmup=1, concurrency=1)
    run(home, suite)
    ((warm_up,),) = select(home, "select query_id from query_runs where phase = 'warmup'")
    assert select(
        home, "select query_id from query_runs where phase = 'measured' order by started_at desc limit 1"
    ) == [(warm_up,)]


def test_no_warm_up_is_asked_where_the_suite_wants_none(home, make_suite, engine):
    run(home, make_suite(arms=["single_pass"], warmup=0))
    assert len(engine.requests) == 6
    assert select(home, ROWS.format("query_runs")) == [(0, "measured", 6)]
    assert select(home, "select distinct block from engine_counters") == [(1,)]


def test_warm_up_is_in_the_ledger_which_balances(home, make_suite, engine):
    run(home, make_suite(arms=["single_pass"], warmup=2))
    assert select(home, "select state, prompt_difference, completion_difference from ledger_balance") == [
        ("balanced", 0, 0)
    ]
    assert select(home, "select sum(prompt_tokens), count(*) from llm_calls") == [(engine.counters["prompt_tokens"], 8)]


def test_warm_up_is_in_no_count_no_score_and_no_view(home, make_suite):
    class Listener(SilentObserver):
        heard = ()

        def query_finished(self, progress):
            self.heard += ((progress.done, progress.total, progress.failed),)

    suite = make_suite(arms=["tuned"], limit=3, warmup=3, concurrency=1)
    listener, key = Listener(), freeze_benchmark_run(suite, home)
    outcome = execute_benchmark_run(home, key, dagster_run_id=None, observer=listener)
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    publish(home)

    assert listener.heard == ((1, 3, 0), (2, 3, 0), (3, 3, 0))
    assert [(arm.done, arm.total, arm.done_here) for arm in outcome.arms] == [(3, 3, 3)]
    assert [(state.queries_done, state.finished) for state in list_benchmark_runs(home)] == [(3, True)]
    assert select(home, "select status, expected_queries from runs") == [("finished", 3)]
    assert select(home, "select count(distinct query_id), min(replicate) from measurements") == [(3, 0)]
    assert select(home, "select n_queries, n_query_runs from token_efficiency where agent = 'all'") == [(3, 3)]
    measured = select(home, "select count(*) from llm_calls where phase = 'measured'")
    assert select(home, "select calls from token_efficiency where agent = 'all'") == measured
    assert select(home, "select calls, query_runs from latency_summary where agent = 'all'") == [(*measured[0], 3)]
    executions = "select count(*) from spans where op = 'invoke_agent' and replicate >= 0"
    assert select(home, "select count(*) from agent_executions") == select(home, executions)
    assert select(home, "select distinct n from metric_history where metric = 'wall_p50_s'") == [(3,)]


def test_a_warm_up_that_fails_is_a_row_and_the_measured_queries_continue(home, make_suite, engine):
    engine.faults.append(400)
    run(home, make_suite(arms=["single_pass"], limit=2, warmup=1, concurrency=1))
    assert select(home, "select phase, status from query_runs order by replicate") == [
        ("warmup", "failed"),
        ("measured", "answered"),
        ("measured", "answered"),
    ]


@pytest.mark.parametrize("after", [5, 15, 20])
def test_a_warm_up_cut_off_continues_where_it_stopped_and_one_that_ended_is_not_repeated(
    home, make_suite, engine, monkeypatch, after
):
    """The naive supervisor makes 13 calls a query: the end comes in the first, in the second, and behind both."""
    suite = make_suite(arms=["naive_supervisor"], limit=2, warmup=1, concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after=after)
    run(home, suite, key)

    assert len(engine.requests) == 39
    assert select(home, ROWS.format("query_runs")) == [(0, "measured", 2), (-1, "warmup", 1)]
    assert select(home, ROWS.format("llm_calls")) == [(0, "measured", 26), (-1, "warmup", 13)]
    assert select(home, "select state from ledger_balance") == [("balanced",)]


@pytest.mark.parametrize(("after", "finished"), [(5, 1), (15, 2)])
def test_another_engine_is_warmed_up_again_with_rows_of_its_own(home, make_suite, engine, monkeypatch, after, finished):
    suite = make_suite(arms=["naive_supervisor"], limit=2, warmup=1, concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch, after=after)
    engine.counters.clear()
    engine.born += 1.0
    run(home, suite, key)

    warm_ups = select(home, "select replicate, calls from query_runs where phase = 'warmup' order by replicate")
    assert warm_ups == [(-2, 13), (-1, 13)][:finished]
    assert select(home, "select distinct agent from llm_calls where replicate = -2 order by 1 limit 1") != []
    assert sorted(select(home, "select state from ledger_balance")) == [("balanced",), ("unreconciled",)]


def test_a_warm_up_leaves_nothing_in_the_result_caches(home, make_suite):
    run(home, make_suite(arms=["tuned+result_cache"], warmup=1))
    assert select(home, "select count(*) from cache_lookups where replicate < 0") == [(0,)]
    assert select(home, "select count(*) from cache_lookups where hit") == [(0,)]


def test_more_queries_to_warm_up_with_than_the_set_has_are_refused_in_one_line(home, make_suite):
    suite = make_suite(warmup=7)
    with pytest.raises(
        Exception, match=r"^warmup: the query set has 6 queries, fewer than the 7 to warm up with\."
    ) as found:
        plan_queries(load_query_set(suite.query_set).queries, suite)
    assert "\n" not in str(found.value)
