"""Whole runs through a network that breaks."""

import random
from itertools import chain, cycle, islice

import pytest

from tests.faults.consistency import assert_consistent, select
from tests.faults.proxy import FaultProxy
from tests.runs.running import run

KINDS = ("drop", "lose", "500", "503", "429", "cut", "slow", "garbage")
ARMS = ["single_pass", "naive_supervisor"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_third_call_costs_attempts_and_no_query(home, make_suite, engine, impatient, kind):
    # One query at a time: several in step with the cycle would let one of them meet nothing but faults.
    with FaultProxy(upstream_port=engine.port, faults=cycle((None, kind, None))) as proxy:
        run(home, make_suite(engine=proxy.url, arms=["naive_supervisor"], limit=2, concurrency=1))

    assert proxy.broken
    assert_consistent(home, arms=1, queries=2)
    assert select(home, "select count(*) from llm_calls") == [(proxy.chat_requests,)]
    assert select(home, "select distinct status from query_runs") == [("answered",)]
    if kind in ("429", "drop", "slow"):
        engine_tokens = "select sum(engine_prompt_tokens) = sum(ledger_prompt_tokens) from ledger_balance"
        assert select(home, engine_tokens) == [(True,)]


@pytest.mark.parametrize("seed", range(2))
def test_all_faults_mixed_leave_consistent_tables(home, make_suite, engine, impatient, seed):
    dealer = random.Random(seed)
    # How many requests there are depends on the faults met: each kind comes once before chance decides.
    first = [fault for kind in dealer.sample(KINDS, len(KINDS)) for fault in (kind, None)]
    then = (dealer.choice(KINDS) if dealer.random() < 0.5 else None for _ in cycle((1,)))
    faults = chain(first, then)
    with FaultProxy(upstream_port=engine.port, faults=faults) as proxy:
        run(home, make_suite(engine=proxy.url, arms=ARMS))

    assert set(proxy.broken) == set(KINDS)
    assert_consistent(home, arms=2, queries=6)
    assert select(home, "select count(*) from llm_calls") == [(proxy.chat_requests,)]


def test_a_query_that_hangs_ends_at_its_deadline_and_the_others_are_answered(home, make_suite, engine, deadlines):
    with FaultProxy(upstream_port=engine.port, faults=("hang",), when_waiting=deadlines.pass_now) as proxy:
        run(home, make_suite(engine=proxy.url, arms=["single_pass"], deadline_s=5, concurrency=1))

    assert_consistent(home, arms=1, queries=6)
    statuses = select(home, "select status, error_type, count(*) from query_runs group by all order by all")
    assert statuses == [("answered", None, 5), ("failed", "CallTimeout", 1)]
    assert select(home, "select state from ledger_balance") == [("unreconciled",)]


def test_unreconciled_names_the_calls_that_were_cut_off(home, make_suite, engine, impatient):
    with FaultProxy(upstream_port=engine.port, faults=("lose",)) as proxy:
        run(home, make_suite(engine=proxy.url, arms=["single_pass"]))

    (cut,) = select(home, "select call_id || '/' || attempt from llm_calls where status = 'cut_off'")
    ((state, calls, because),) = select(home, "select state, unreconciled_calls, because from ledger_balance")
    assert (state, calls) == ("unreconciled", 1)
    assert cut[0] in because


def test_a_run_in_which_all_fails_still_has_tables(home, make_suite, engine, impatient):
    with FaultProxy(upstream_port=engine.port, faults=cycle(("500",))) as proxy:
        run(home, make_suite(engine=proxy.url, arms=ARMS))

    assert_consistent(home, arms=2, queries=6)
    assert select(home, "select distinct status from query_runs") == [("failed",)]
    assert list(islice(proxy.broken, 2)) == ["500", "500"]
