"""Times between arms: judged block by block, or not at all."""

import random

import numpy as np
import pytest

from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.noise_floor import measure_noise
from docmind_core.measurements.times import CLOCK_METRICS, compare_clocks, compare_times, pair_queries
from docmind_core.tables.columns import Column
from docmind_core.tables.query_values import QueryValues
from docmind_core.tables.segments import read_segment
from tests.builders import make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows
from tests.measurements.written_arms import SUITE

FIRST, AGAIN = "k.tuned", "k.tuned.again"


def write_times(home, run_id, seconds, blocks, *, run=None, rows=lambda place: {}, answers=()):
    """An arm whose query number i took `seconds[i]`, in block `blocks[i]`."""
    names = [f"q{place:03}" for place in range(len(seconds))]
    queries = [
        make_query_run_row(
            **{
                "query_id": name,
                "wall_s": second,
                "coordination_overhead_s": second / 10,
                "block": block,
                "billed_tokens": 100,
                "answer": answers[place] if answers else "same",
                **rows(place),
            }
        )
        for place, (name, second, block) in enumerate(zip(names, seconds, blocks, strict=True))
    ]
    calls = [
        make_call_row(name, query_id=name, ttft_s=second / 2, tpot_s=second / 50)
        for name, second in zip(names, seconds, strict=True)
    ]
    warm_up = make_query_run_row("q000", replicate=-1, phase="warmup", wall_s=99.0, block=0)
    arm = run_id.partition(".")[2]
    tables = {
        "runs": [make_run_row(run_id, **{"arm": arm, "benchmark_run": "k", **(run or {})})],
        "query_runs": [*queries, warm_up],
        "llm_calls": calls,
        "measurements": [make_score_row("passed", 1.0, name) for name in names],
    }
    write_rows(home, tables, run_id)


def spread(blocks, *, seed, of_block=0.0, shift=0.0):
    """Seconds of 4 queries a block: about 1, with an error of each query and one of each block."""
    dice = random.Random(seed)
    errors = {block: dice.gauss(0, of_block) for block in blocks}
    return [1.0 + errors[block] + shift + dice.gauss(0, 0.05) for block in blocks]


def blocks_of(count, size=4):
    return [block for block in range(1, count + 1) for _ in range(size)]


def times(home, candidate=AGAIN):
    compare_arms(home, "k", SUITE)
    compare_times(home, "k")
    rows = read_segment(home.tables, "comparisons", candidate)
    return {row["metric"]: row for row in rows if row["metric"] in CLOCK_METRICS}


def test_an_arm_that_takes_longer_in_every_block_is_worse(home):
    blocks = blocks_of(6)
    write_times(home, FIRST, spread(blocks, seed=1, of_block=0.05), blocks)
    write_times(home, AGAIN, spread(blocks, seed=2, of_block=0.05, shift=0.4), blocks)
    found = times(home)
    assert {row["verdict"] for row in found.values()} == {"worse"}
    wall = found["wall_s"]
    assert (wall["delta"], wall["n"], wall["clusters"]) == (pytest.approx(0.4, abs=0.1), 24, 6)
    assert wall["baseline_run_id"] == FIRST


def test_a_drift_that_all_queries_of_a_block_share_is_not_a_difference_of_the_arms(home):
    """By queries it would be one: 24 differences, all of one sign within a block."""
    blocks = blocks_of(6)
    drift = {1: 0.5, 2: -0.1, 3: 0.5, 4: -0.2, 5: 0.6, 6: -0.1}
    write_times(home, FIRST, spread(blocks, seed=1), blocks)
    write_times(
        home,
        AGAIN,
        [second + drift[block] for second, block in zip(spread(blocks, seed=2), blocks, strict=True)],
        blocks,
    )
    assert {row["verdict"] for row in times(home).values()} == {"inconclusive"}


@pytest.mark.parametrize("count", [1, 5])
def test_below_six_blocks_a_difference_is_shown_and_not_judged(home, count):
    blocks = blocks_of(count)
    write_times(home, FIRST, spread(blocks, seed=1), blocks)
    write_times(home, AGAIN, spread(blocks, seed=2, shift=9.0), blocks)
    for row in times(home).values():
        assert (row["verdict"], row["delta_low"], row["p"], row["p_holm"]) == ("not_judged", None, None, None)
        assert row["delta"] > 0
        assert row["because"].startswith(f"not_judged: times in {count} block")


def test_blocks_whose_times_were_lost_to_an_interruption_do_not_count(home):
    blocks = blocks_of(6)
    resumed = {"times_missing_because": "resumed"}
    write_times(home, FIRST, spread(blocks, seed=1), blocks, rows=lambda place: resumed if place < 4 else {})
    write_times(home, AGAIN, spread(blocks, seed=2), blocks)
    row = times(home)["wall_s"]
    assert (row["verdict"], row["clusters"], row["n"], row["n_left_out"]) == ("not_judged", 5, 20, 4)
    assert (row["n_failed"], row["left_out_because"], row["estimator"]) == (0, "4 resumed in tuned", "cr2_mean")


def test_a_time_that_a_failed_query_lacks_is_counted_as_failed_and_named(home):
    blocks = blocks_of(6)
    failed = {"status": "failed", "wall_s": None}
    write_times(home, FIRST, spread(blocks, seed=1), blocks)
    write_times(home, AGAIN, spread(blocks, seed=2), blocks, rows=lambda place: failed if place in (1, 9) else {})
    row = times(home)["wall_s"]
    assert (row["n"], row["n_failed"], row["n_left_out"]) == (22, 2, 2)
    assert row["left_out_because"] == "2 failed_run in tuned.again"


def test_where_the_prefix_cache_is_unknown_times_are_not_judged(home):
    blocks = blocks_of(6)
    write_times(home, FIRST, spread(blocks, seed=1), blocks, run={"prefix_cache_state": "unknown"})
    write_times(home, AGAIN, spread(blocks, seed=2), blocks)
    assert {(row["verdict"], row["because"]) for row in times(home).values()} == {("not_judged", "not_exclusive_cache")}


def values_of(seconds, blocks):
    queries = Column.of(f"q{place}" for place in range(len(seconds)))
    return QueryValues(
        queries=queries,
        values=np.array(seconds),
        blocks=np.array(blocks),
        clusters=queries,
        because=Column.of([None] * len(seconds)),
        is_own=np.ones(len(seconds), dtype=bool),
        has_clock=True,
    )


def test_the_same_arm_twice_is_called_different_in_at_most_one_of_twenty_runs(home):
    """The four times of a pair share one Holm correction: 200 A/A pairs with noise of the blocks and of the queries."""
    blocks = blocks_of(6)
    row = {"run_id": "k.a", "benchmark_run": "k", "prefix_cache_state": "reset"}
    moved = 0
    for seed in range(200):
        values = [
            {
                metric: values_of(spread(blocks, seed=f"{seed} {arm} {metric}", of_block=0.1), blocks)
                for metric in CLOCK_METRICS
            }
            for arm in range(2)
        ]
        assert len(pair_queries(values[0]["wall_s"], values[1]["wall_s"]).first) == 24
        moved += any(found["verdict"] in {"better", "worse"} for found in compare_clocks(row, row, *values))
    assert moved <= 18  # 5 % of 200 are 10; 18 or fewer in 99 % of such series


def test_the_noise_floor_holds_the_spread_between_two_runs_of_an_arm(home):
    blocks = blocks_of(6)
    first = spread(blocks, seed=1)
    second = [value + (0.2 if place % 2 else -0.2) for place, value in enumerate(first)]
    write_times(home, FIRST, first, blocks)
    write_times(home, AGAIN, second, blocks, answers=["other"] * 6 + ["same"] * 18)
    assert measure_noise(home, "k") == len(read_segment(home.tables, "noise_floor", AGAIN))

    rows = {row["metric"]: row for row in read_segment(home.tables, "noise_floor", AGAIN)}
    wall = rows["wall_s"]
    assert (wall["first_run_id"], wall["arm"], wall["n"], wall["clusters"]) == (FIRST, "tuned", 24, 6)
    assert wall["difference"] == pytest.approx(0.0)
    assert wall["standard_deviation"] == pytest.approx(0.2 * (24 / 23) ** 0.5)
    assert (wall["changed_ratio"], wall["answers_compared"], wall["flip_ratio"]) == (1.0, 24, 0.25)
    tokens = rows["billed_tokens"]
    assert (tokens["has_clock"], tokens["standard_deviation"], tokens["changed_ratio"]) == (False, 0.0, 0.0)
    assert rows["passed"]["clusters"] == 24


def test_a_noise_floor_of_times_needs_six_blocks_and_says_so(home):
    blocks = blocks_of(3)
    write_times(home, FIRST, spread(blocks, seed=1), blocks)
    write_times(home, AGAIN, spread(blocks, seed=2), blocks)
    measure_noise(home, "k")
    rows = {row["metric"]: row for row in read_segment(home.tables, "noise_floor", AGAIN)}
    assert rows["wall_s"]["because"].startswith("not_judged: times in 3 blocks")
    assert rows["wall_s"]["floor_low"] is None
    assert rows["wall_s"]["standard_deviation"] > 0
    tokens = rows["billed_tokens"]
    assert (tokens["floor_low"], tokens["floor_high"], tokens["because"]) == (0.0, 0.0, None)


def test_a_query_that_lacks_a_replicate_in_one_run_is_left_out_and_counted(home):
    blocks = [*blocks_of(6), *blocks_of(6)]
    twice = lambda place: {"query_id": f"q{place % 24:03}", "replicate": place // 24}  # noqa: E731
    write_times(home, FIRST, spread(blocks, seed=1), blocks, rows=twice)
    write_times(home, AGAIN, spread(blocks, seed=2)[:-1], blocks[:-1], rows=twice)
    row = times(home)["wall_s"]
    assert (row["n"], row["n_left_out"], row["clusters"]) == (23, 1, 6)


def test_where_the_prefix_cache_is_shared_chance_has_no_range_of_times(home):
    blocks = blocks_of(6)
    for run_id, seed in ((FIRST, 1), (AGAIN, 2)):
        write_times(home, run_id, spread(blocks, seed=seed), blocks, run={"prefix_cache_state": "unknown"})
    measure_noise(home, "k")
    rows = {row["metric"]: row for row in read_segment(home.tables, "noise_floor", AGAIN)}
    assert (rows["wall_s"]["floor_low"], rows["wall_s"]["because"]) == (None, "not_exclusive_cache")
    assert rows["wall_s"]["standard_deviation"] > 0


def test_arms_that_ran_once_have_no_noise_floor(home):
    write_times(home, FIRST, [1.0], [1])
    assert measure_noise(home, "k") == 0
