"""Blocks: the arms take turns, each share has its own cache reset and readings, and a kill anywhere costs nothing."""

import json
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.errors import SuiteError
from docmind_core.runs import arm_share
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.blocks import cut_into_blocks, turns
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.input_check import check_input
from docmind_core.runs.progress import SilentObserver
from tests.builders import make_query
from tests.runs.running import Killed, interrupt, run, select

IN_ORDER = "from query_runs join runs using (run_id) order by query_runs.started_at"
TWO = ("single_pass", "single_agent")


@given(number=st.integers(1, 60), blocks=st.integers(1, 60))
def test_every_query_is_in_one_block_and_the_sizes_differ_by_at_most_one(number, blocks):
    queries = [make_query(f"q{place}") for place in range(number)]
    cut = cut_into_blocks(queries, blocks)
    assert [query for block in cut for query in block] == queries
    assert len(cut) == blocks
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


def test_arms_take_turns_in_an_order_that_rotates():
    assert ["".join(turns("ABC", block)) for block in range(1, 5)] == ["ABC", "CAB", "BCA", "ABC"]
    assert ["".join(turns("AB", block)) for block in range(1, 4)] == ["AB", "BA", "AB"]


@given(arms=st.integers(1, 9), blocks=st.integers(1, 40))
def test_each_arm_has_each_turn_equally_often_but_for_one(arms, blocks):
    names = [str(arm) for arm in range(arms)]
    for turn in range(arms):
        taken = [turns(names, block)[turn] for block in range(1, blocks + 1)]
        assert max(taken.count(arm) for arm in names) - min(taken.count(arm) for arm in names) <= 1


def test_in_each_block_each_arm_answers_the_block_s_queries_in_turn(home, make_suite):
    run(home, make_suite(arms=TWO, blocks=3, replicates=2, concurrency=1))

    rows = select(home, f"select arm, block, query_id {IN_ORDER}")
    assert [key for key, _ in groupby((arm, block) for arm, block, _ in rows)] == [
        (TWO[0], 1), (TWO[1], 1), (TWO[1], 2), (TWO[0], 2), (TWO[0], 3), (TWO[1], 3),
    ]  # fmt: skip
    queries = {(arm, block): [query for a, b, query in rows if (a, b) == (arm, block)] for arm, block, _ in rows}
    for block in (1, 2, 3):
        assert sorted(queries[TWO[0], block]) == sorted(queries[TWO[1], block])
        assert len(queries[TWO[0], block]) == 4


def test_each_share_of_a_block_has_its_readings_and_the_ledger_balances_per_arm(home, make_suite, engine):
    run(home, make_suite(arms=TWO, blocks=3, warmup=1))

    shares = (
        "select block, list(distinct moment order by moment) from engine_counters group by run_id, block order by 1"
    )
    assert select(home, shares) == [(block, ["after", "before"]) for block in (0, 0, 1, 1, 2, 2, 3, 3)]
    ledger = "select state, prompt_difference, completion_difference, ledger_prompt_tokens from ledger_balance"
    rows = select(home, ledger)
    assert [row[:3] for row in rows] == [("balanced", 0, 0)] * 2
    assert sum(row[3] for row in rows) == engine.counters["prompt_tokens"]


def test_tokens_that_the_engine_counted_within_a_share_are_found(home, make_suite, engine):
    class Doubler(SilentObserver):
        def query_finished(self, progress):
            if (progress.arm, progress.done) == (TWO[0], 3):
                engine.counters["prompt_tokens"] -= 5

    key = freeze_benchmark_run(make_suite(arms=TWO, blocks=3), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=Doubler())
    rows = select(home, "select run_id, state, prompt_difference from ledger_balance")
    assert sorted(rows) == [(f"{key}.single_agent", "balanced", 0), (f"{key}.single_pass", "unbalanced", -5)]


def test_the_prefix_cache_is_emptied_at_each_change_of_arm(home, make_suite, engine, monkeypatch):
    seen = []

    async def reset(connection):
        seen.append(len(engine.requests))
        return len(seen) != 3

    monkeypatch.setattr(arm_share, "reset_prefix_cache", reset)
    run(home, make_suite(arms=["single_pass", "tuned"], blocks=2, limit=2, warmup=1, concurrency=1))
    assert len(seen) == 4
    assert seen[0] == 1  # behind the warm-up, so that nothing of it is left
    states = "select arm, prefix_cache_state from runs order by arm"
    assert sorted(state for _, state in select(home, states)) == ["reset", "unknown"]


def test_the_prefix_cache_is_emptied_behind_a_settled_reading(home, make_suite, monkeypatch):
    """Nothing may run or wait while it is emptied: vLLM does nothing then, and says that it went well."""
    happened, read = [], arm_share.read_settled_counters

    async def settled(connection, **named):
        happened.append("read")
        return await read(connection, **{**named, "pause_s": 0.0})

    async def reset(connection):
        happened.append("reset")
        return True

    monkeypatch.setattr(arm_share, "read_settled_counters", settled)
    monkeypatch.setattr(arm_share, "reset_prefix_cache", reset)
    run(home, make_suite(arms=TWO, blocks=2, limit=2))
    assert happened == ["read", "reset", "read", "reset", "read", "reset", "read", "read", "reset", "read"]


def test_an_arm_lasts_as_long_as_its_own_shares(home, make_suite, engine):
    engine.latency_s = 0.01
    run(home, make_suite(arms=["single_pass", "naive_supervisor"], blocks=2, limit=2, concurrency=1))
    rows = dict(select(home, "select arm, duration_s from runs"))
    assert rows["single_pass"] < rows["naive_supervisor"] / 2


@pytest.mark.parametrize("after", [1, 5, 7, 10, 11])
def test_a_kill_in_the_middle_of_any_block_costs_no_call_and_doubles_no_row(
    home, make_suite, engine, monkeypatch, after
):
    suite = make_suite(arms=["single_pass", "tuned-no_validation"], limit=3, blocks=2, concurrency=1, warmup=1)
    key = interrupt(home, suite, engine, monkeypatch, after=after)
    run(home, suite, key)

    undisturbed = freeze_benchmark_run(suite, home)
    requests = len(engine.requests)
    run(home, suite, undisturbed)
    assert requests == len(engine.requests) - requests
    for table in ("query_runs", "llm_calls", "retrieved"):
        rows = f"select count(*) from {table} where run_id like '{{}}%'"
        assert select(home, rows.format(key)) == select(home, rows.format(undisturbed))
    order = select(home, f"select benchmark_run, arm, block, query_id {IN_ORDER}")
    assert [row[1:] for row in order if row[0] == key] == [row[1:] for row in order if row[0] == undisturbed]
    assert select(home, "select distinct state from ledger_balance") == [("balanced",)]
    assert select(home, f"select max(process_starts) from runs where benchmark_run = '{key}'") == [(2,)]


def test_a_kill_between_the_last_answer_and_the_last_reading_still_balances(home, make_suite, monkeypatch):
    suite = make_suite(arms=TWO, blocks=2, concurrency=1)
    key, read, readings = freeze_benchmark_run(suite, home), arm_share.read_settled_counters, []

    async def die_at_the_fourth(connection, **_):
        readings.append(connection)
        if len(readings) == 4:
            raise Killed
        return await read(connection, pause_s=0.002)

    with monkeypatch.context() as patched:
        patched.setattr(arm_share, "read_settled_counters", die_at_the_fourth)
        with pytest.raises(Killed):
            run(home, suite, key)
    run(home, suite, key)
    assert select(
        home,
        "select arm, status, (select count(*) from query_runs as q where q.run_id = runs.run_id) from runs "
        "order by arm",
    ) == [(arm, "finished", 6) for arm in sorted(TWO)]
    assert select(home, "select state from ledger_balance") == [("balanced",)] * 2


def test_an_arm_is_announced_once_and_counts_through_all_blocks(home, make_suite):
    class Listener(SilentObserver):
        def __init__(self):
            self.started, self.done = [], []

        def arm_started(self, arm, *, done, total):
            self.started.append((arm, done, total))

        def query_finished(self, progress):
            if progress.arm == TWO[0]:
                self.done.append((progress.done, progress.total))

    key, listener = freeze_benchmark_run(make_suite(arms=TWO, blocks=3), home), Listener()
    execute_benchmark_run(home, key, dagster_run_id=None, observer=listener)
    assert listener.started == [(arm, 0, 6) for arm in TWO]
    assert listener.done == [(number, 6) for number in range(1, 7)]


def test_more_blocks_than_queries_are_refused_in_one_line(make_suite, home, tmp_path):
    suite = make_suite(blocks=5, limit=4)
    problem = "blocks: 5 blocks need at least 5 queries, but this suite has 4. Set blocks to at most 4, or use more"
    with pytest.raises(SuiteError) as refused:
        freeze_benchmark_run(suite, home)
    assert str(refused.value).startswith(problem)
    assert not home.benchmarks.exists()

    path = tmp_path / "suite.yaml"
    path.write_text(json.dumps(suite.model_dump(mode="json")))
    with pytest.raises(SuiteError) as checked:
        check_input(str(path))
    assert str(checked.value).startswith(f"{path}:1: {problem}")
    assert "\n" not in str(checked.value)
