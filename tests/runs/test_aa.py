"""The same arm twice: everything is run and stored twice, and what differs is the noise floor."""

import pytest

from dagster_project.suite_changes import changed_suite
from docmind_core.agents.arms import find_arm
from docmind_core.errors import SuiteError, UsageError
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.noise_floor import measure_noise
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import check_suite
from docmind_core.tables.publish import publish
from tests.runs.running import run, select


def test_an_arm_runs_a_second_time_under_its_name_and_again(home, make_suite, engine):
    suite = changed_suite(make_suite(concurrency=1), {"aa": "single_pass"})
    key = run(home, suite)
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    compare_arms(home, key, suite)
    compare_times(home, key)
    measure_noise(home, key)
    publish(home)

    arms = (
        "select arm, count(*) from query_runs join runs using (run_id) where phase = 'measured' group by 1 order by 1"
    )
    assert select(home, arms) == [("single_pass", 6), ("single_pass.again", 6)]
    assert len(engine.requests) == 12
    noise = (
        "select run_id, first_run_id, n, standard_deviation, flip_ratio from noise_floor where metric = 'billed_tokens'"
    )
    assert select(home, noise) == [(f"{key}.single_pass.again", f"{key}.single_pass", 6, 0.0, 0.0)]
    # The stand-in engine can't empty its prefix cache.
    times = "select distinct verdict, because from comparisons where metric = 'wall_s'"
    assert select(home, times) == [("not_judged", "not_exclusive_cache")]


@pytest.mark.parametrize(("blocks", "expected"), [(1, 6), (12, 12)])
def test_the_same_arm_twice_is_run_in_at_least_six_blocks(make_suite, blocks, expected):
    suite = changed_suite(make_suite(blocks=blocks), {"aa": "tuned+result_cache"})
    assert (suite.arms, suite.blocks) == (("tuned+result_cache", "tuned+result_cache.again"), expected)


def test_fewer_queries_than_six_can_not_tell_noise_and_say_so(make_suite):
    with pytest.raises(SuiteError, match="blocks: 6 blocks need at least 6 queries, but this suite has 4"):
        check_suite(changed_suite(make_suite(limit=4), {"aa": "tuned"}))


def test_again_is_the_same_graph_under_another_name():
    once, again = find_arm("tuned-dedupe"), find_arm("tuned-dedupe.again")
    assert (again.name, again.levers, again.opening) == ("tuned-dedupe.again", once.levers, once.opening)
    for name in ("nothing.again", "tuned.again.again"):
        with pytest.raises(UsageError, match="unknown arm"):
            find_arm(name)
