"""Replicates added to a finished run: each query is asked so many times more, and all is read from all of them."""

import json

import pytest

from docmind_core.errors import RunError, UsageError
from docmind_core.measurements.arm_reading import read_arm_values
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.run_states import benchmark_run_state
from docmind_core.tables.publish import publish
from docmind_core.tables.query_values import read_query_values
from docmind_core.tables.segments import replace_durably
from tests.runs.running import interrupt, run, select


@pytest.fixture
def suite(make_suite):
    return make_suite(arms=["single_pass"], limit=2, blocks=2, warmup=1, concurrency=1)


def test_added_replicates_are_blocks_of_their_own_whose_ledger_balances_whoever_used_the_engine_meanwhile(
    home, make_suite, engine
):
    suite = make_suite(arms=["single_agent", "single_pass"], limit=2, blocks=2, warmup=1, concurrency=1)
    key = run(home, suite)
    run(home, make_suite(name="other", arms=["single_pass"], limit=1))
    publish(home, ended=key)  # packed, as each run that has ended
    run(home, suite, key, add_replicates=2)
    run(home, suite, key, add_replicates=1)

    rows = select(
        home,
        "select arm, replicate, list(distinct block order by block), count(*) from query_runs join runs using (run_id) "
        "where suite = 'toy' and phase = 'measured' group by all order by all",
    )
    blocks = {0: [1, 2], 1: [3, 4], 2: [3, 4], 3: [5, 6]}
    assert rows == [(arm, one, blocks[one], 2) for arm in suite.arms for one in range(4)]
    facts = "select replicates, expected_queries, status, comparable, duration_s > 0 from runs"
    assert select(home, f"{facts} where suite = 'toy'") == [(4, 8, "finished", True, True)] * 2
    run_id = f"{key}.single_pass"
    assert sorted(read_arm_values(home.tables, run_id, [], unscored=True).blocks) == [1, 2]
    assert set(read_query_values(home.tables, [run_id])[run_id]["wall_s"].blocks) == {1, 2}
    assert select(home, "select state, prompt_difference from ledger_balance") == [("balanced", 0)] * 3
    assert select(home, "select count(*) from llm_calls") == [(len(engine.requests),)]


@pytest.mark.parametrize("after", [1, 20])
def test_an_addition_that_was_killed_continues_and_asks_nothing_twice(home, make_suite, engine, monkeypatch, after):
    suite = make_suite(arms=["naive_supervisor"], limit=1, concurrency=1)
    key = run(home, suite)
    asked = len(engine.requests)
    interrupt(home, suite, engine, monkeypatch, after=asked + after, key=key, add_replicates=2)
    state = benchmark_run_state(home, key)
    assert (state.finished, state.queries_total) == (False, 3)
    assert select(home, "select status, replicates from runs") == [("finished", 1)]  # as it was, until it ends
    with pytest.raises(UsageError, match=rf"is not finished \({state.queries_done} of 3 queries\).*--resume"):
        run(home, suite, key, add_replicates=2)

    run(home, suite, key)

    assert len(engine.requests) == 3 * asked
    assert select(home, "select status, replicates from runs") == [("finished", 3)]


@pytest.mark.parametrize("table", ["query_runs", "runs"])
def test_an_addition_that_was_killed_while_its_tables_were_written_has_all_its_rows_after_it_resumed(
    home, suite, engine, monkeypatch, table
):
    key = run(home, suite)

    def die(part, target):
        if target.parent.name == table:
            raise KeyboardInterrupt
        replace_durably(part, target)

    with monkeypatch.context() as patched:
        patched.setattr("docmind_core.tables.segments.replace_durably", die)
        with pytest.raises(KeyboardInterrupt):
            run(home, suite, key, add_replicates=1)
    asked = len(engine.requests)
    run(home, suite, key)

    assert len(engine.requests) == asked
    assert select(home, "select replicates, status from runs") == [(2, "finished")]
    counted = "select replicate, count(*) from query_runs where phase = 'measured' group by all order by all"
    assert select(home, counted) == [(0, 2), (1, 2)]
    assert select(home, "select count(*) from llm_calls") == [(asked,)]


def test_pass_k_and_flips_are_of_all_replicates(home, suite, engine):
    key = run(home, suite)
    engine.reply = lambda body: "red"
    run(home, suite, key, add_replicates=3)
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    publish(home)

    assert select(home, "select passed, replicates, pass_flip_ratio from replicate_flips") == [(1, 4, 0.5)] * 2
    found = select(home, "select k, pass_hat_k, pass_at_k from replicate_summary order by k")
    assert found == [(1, 0.25, 0.25), (2, 0.0, 0.5), (3, 0.0, 0.75), (4, 0.0, 1.0)]


def test_replicates_under_other_conditions_or_too_many_are_refused_and_the_run_stays_as_it_was(
    home, suite, engine, monkeypatch, tmp_path
):
    file = tmp_path / "toy.yaml"
    file.write_text(json.dumps(suite.model_dump(mode="json")))
    key = run(home, suite, freeze_benchmark_run(suite, home, named=str(file)))
    asked = len(engine.requests)
    for place, said in (
        ("docmind_core.runs.resuming.prompt_hash", r"prompts \([0-9a-f]{12} → another\)"),
        ("docmind_core.runs.manifest.hardware_fingerprint", r"conditions: hardware_fingerprint [0-9a-f]+ → another"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, lambda: "another")
            with pytest.raises(RunError, match=rf"{said}.*can only be added under the same conditions"):
                run(home, suite, key, add_replicates=1)
    file.write_text(json.dumps(suite.model_copy(update={"name": "other"}).model_dump(mode="json")))
    with pytest.raises(
        RunError, match=r"has changed since its start: name: 'toy' → 'other'\. Replicates can only be added under"
    ):
        run(home, suite, key, add_replicates=1)
    file.unlink()
    with pytest.raises(UsageError, match="would have 101 replicates of each query; the maximum is 100"):
        run(home, suite, key, add_replicates=100)

    assert len(engine.requests) == asked
    assert benchmark_run_state(home, key).finished
    run(home, suite, key, add_replicates=1)
    assert select(home, "select replicates, comparable from runs") == [(2, True)]
