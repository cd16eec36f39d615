"""An engine with several replicas, each at a URL of its own: calls, counters and resets of each, and one ledger."""

from collections import deque
from dataclasses import replace

import pytest

from docmind_core.errors import EngineUnreachable, UsageError
from docmind_core.measurements.comparability import ledger_states
from docmind_core.measurements.limit_values import growth
from docmind_core.runs import benchmark
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.query_run import Replica, least_busy
from docmind_core.runs.query_tools import EngineBinding
from docmind_core.runs.run_differences import condition_differences
from tests.builders import make_counter_rows
from tests.fakes.engine_server import FakeEngine
from tests.runs.running import run, select

TOKENS = ("prompt_tokens", "generation_tokens")
URLS = "select engine_url, count(distinct engine_session) from engine_counters group by all order by 1"


@pytest.fixture
def other():
    """A second engine, which had counted much before the run."""
    with FakeEngine(counters={"prompt_tokens": 5e3, "generation_tokens": 70.0, "request_success": 9.0}) as server:
        yield server


@pytest.fixture
def make(make_suite, engine, other):
    """A suite on both engines."""

    def make(**changes):
        return make_suite(**{"engine": [engine.url, other.url], "arms": ["single_pass"], **changes})

    return make


def ledger(home):
    return select(home, "select state, coalesce(because, '') from ledger_balance order by state")


def test_all_calls_of_a_query_go_to_one_replica_and_each_replica_gets_as_many_queries(home, make, engine, other):
    run(home, make(arms=["naive_supervisor"], concurrency=2, replicates=2))

    assert (len(engine.requests), len(other.requests)) == (78, 78)  # 13 calls for each of 12 queries
    per_query = "select count(distinct engine_session) as engines from llm_calls group by query_id, replicate"
    assert select(home, f"select max(engines) from ({per_query})") == [(1,)]
    asked = "select count(distinct (query_id, replicate)) from llm_calls group by engine_session"
    assert select(home, asked) == [(6,), (6,)]


def test_the_ledger_of_each_replica_balances_and_their_sum_is_all_that_was_booked(home, make, engine, other):
    run(home, make(arms=["single_pass", "tuned"], blocks=2, warmup=1))

    assert ledger(home) == [("balanced", "")] * 4
    counted = "select sum(engine_prompt_tokens), sum(engine_completion_tokens) from ledger_balance"
    grown = [engine.counters[name] + other.counters[name] for name in TOKENS]
    assert select(home, counted) == [(grown[0] - 5e3, grown[1] - 70.0)]
    assert select(home, "select sum(prompt_tokens), sum(completion_tokens) from llm_calls") == select(home, counted)
    assert select(home, URLS) == sorted([(engine.url, 1), (other.url, 1)])


def test_a_call_names_its_replica_by_its_session(home, make, engine, other):
    run(home, make())
    calls = "select engine_url, count(distinct call_id) from llm_calls join engine_counters using (engine_session)"
    found = dict(select(home, f"{calls} group by all"))
    assert found == {engine.url: len(engine.requests), other.url: len(other.requests)}


def test_each_replica_is_warmed_up(home, make, engine, other):
    run(home, make(warmup=1, limit=2, concurrency=1))
    warm = "select replicate, count(*), count(distinct engine_session) from llm_calls where phase = 'warmup'"
    assert select(home, f"{warm} group by all order by 1") == [(-2, 1, 1), (-1, 1, 1)]
    assert (len(engine.requests), len(other.requests)) == (2, 2)


def test_a_replica_without_counters_leaves_the_ledger_unknown(home, make, other):
    other.offers_metrics = False
    key = run(home, make())

    assert [state for state, _ in ledger(home)] == ["balanced", "no_metrics"]
    assert ledger_states(home.tables, [f"{key}.single_pass"]) == {f"{key}.single_pass": "no_metrics"}
    assert select(home, "select count(*) from ledger_balance where state = 'no_metrics' and because is null") == [(0,)]


@pytest.mark.parametrize("born", [True, False])
def test_a_replica_that_is_started_again_in_between_leaves_the_ledger_unknown(home, make, other, born):
    other.born = 1.0 if born else None

    def restart(body):
        if len(other.requests) == 2:
            other.counters.clear()
            other.born = 2.0 if born else None
        return "blue"

    other.reply = restart
    key = run(home, make(concurrency=1))

    states = ledger_states(home.tables, [f"{key}.single_pass"])
    assert states == {f"{key}.single_pass": "not_exclusive"}
    (because,) = {because for state, because in ledger(home) if state != "balanced"}
    assert "the engine was restarted" in because


def test_a_replica_that_dies_ends_the_run_by_its_url_and_a_resumed_query_may_go_to_another(
    home, make, engine, other, monkeypatch
):
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)
    other.faults = deque([None, *["drop"] * 40])
    other.healthy = False
    suite = make(concurrency=1)
    key = freeze_benchmark_run(suite, home)
    with pytest.raises(EngineUnreachable, match=f"the engine at {other.url} ") as gone:
        run(home, suite, key)
    assert engine.url not in str(gone.value)
    answered = len(engine.requests) + 1
    assert select(home, "select count(*) from query_runs") == [(0,)]  # of an arm that has not ended

    other.faults.clear()
    other.healthy = True
    run(home, suite, key)
    assert select(home, "select count(*), count(*) filter (where status = 'answered') from query_runs") == [(6, 6)]
    assert select(home, "select count(*) from llm_calls where status = 'finished'") == [(6,)]
    assert answered == 3


def test_the_prefix_cache_of_each_replica_is_emptied_before_each_share(home, make, engine, other, monkeypatch):
    def resettable(suite, connection, announce):
        return replace(connection, prefix_cache_resettable=True)

    monkeypatch.setattr(benchmark, "admit_engine", resettable)
    run(home, make(blocks=2))
    assert (engine.resets, other.resets) == (2, 2)
    assert select(home, "select prefix_cache_state from runs") == [("reset",)]

    other.reset_answers = deque([{"success": False}] * 10)
    monkeypatch.setattr("docmind_core.serving.engine_preparation.RESET_PAUSE_S", 0.0)
    key = run(home, make())
    assert select(home, f"select prefix_cache_state from runs where benchmark_run = '{key}'") == [("unknown",)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": "other-model"}, "model fake-model and other-model"),
        ({"window": 4096}, "context window 8192 and 4096"),
    ],
)
def test_engines_that_do_not_serve_the_same_are_refused_by_name_before_any_query(
    home, make, engine, other, change, named
):
    for name, value in change.items():
        setattr(other, name, value)
    with pytest.raises(UsageError, match=f"{engine.url} and {other.url} are not replicas of the same engine: {named}"):
        run(home, make())
    assert engine.requests == []


def test_every_replica_that_does_not_answer_is_named(home, make_suite, engine):
    gone = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    with pytest.raises(EngineUnreachable, match=f"nothing answers at {gone[0]} .* nothing answers at {gone[1]} "):
        run(home, make_suite(engine=[gone[0], engine.url, gone[1]]))


def test_what_one_of_two_replicas_counted_is_not_the_growth_of_both():
    counted = make_counter_rows({"num_preemptions": 3.0})
    other = make_counter_rows({"num_preemptions": 4.0}, session="s2")
    assert growth([*counted, *other], "num_preemptions") == 7.0
    silent = make_counter_rows({"docmind:requests_sent": 4.0}, session="s2")
    assert growth([*counted, *silent], "num_preemptions") is None


def test_the_number_of_replicas_is_a_condition(home, make, make_suite, engine, other):
    rows = []
    for suite in (make_suite(arms=["single_pass"]), make()):
        key = run(home, suite)
        row = f"select conditions, manifest::json->'engine'->'replicas' from runs where benchmark_run = '{key}'"
        rows += select(home, row)
    one, two = ({"conditions": conditions} for conditions, _ in rows)
    assert [difference.text for difference in condition_differences(one, two)] == ["engine_replicas 1 → 2"]
    assert [said for _, said in rows] == [None, f'["{engine.url}","{other.url}"]']


def test_a_query_goes_to_the_replica_with_the_fewest_in_progress_then_to_the_one_that_was_given_the_fewest():
    replicas = [Replica(engine=EngineBinding(client=None, model="m", session=None, replica=n)) for n in range(3)]
    with least_busy(replicas) as first, least_busy(replicas) as second:
        with least_busy(replicas) as third:
            pass
        with least_busy(replicas) as fourth:
            pass
    with least_busy(replicas) as fifth:
        pass
    assert [one.replica for one in (first, second, third, fourth, fifth)] == [0, 1, 2, 2, 0]


def test_a_list_of_one_url_is_that_url(make_suite, engine):
    assert make_suite(engine=[engine.url]) == make_suite(engine=engine.url)
    assert make_suite(engine=[engine.url]).model_dump() == make_suite(engine=engine.url).model_dump()


def test_auto_adapts_to_all_replicas_together(home, make):
    key = freeze_benchmark_run(make(concurrency="auto"), home)
    outcome = execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    assert outcome.arms[0].done == 6
    assert ledger(home) == [("balanced", "")] * 2
