"""Which run later ones are compared with: pinned, found by name, kept by prune."""

import json

import pytest

from docmind_core.errors import StoreError, UsageError
from docmind_core.runs.pruning import prune_runs
from docmind_core.runs.run_names import baseline_of, paired_runs, pin_baselines, unpin_baselines
from docmind_core.tables.baselines import baselines_path, read_baselines
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.builders import make_run_row, write_rows

KEYS = [f"2026112{day}T020000Z-smoke-7f3a" for day in (1, 2, 3)]


@pytest.fixture
def nights(home):
    """Three nights of two arms; the last one has one arm only, which is incomplete."""
    for key in KEYS:
        (home.benchmarks / key).mkdir(parents=True)
        (home.benchmarks / key / "suite.yaml").write_text("name: smoke\nquery_set: python-reference\n")
    for key in KEYS[:2]:
        for arm in ("tuned", "single_pass"):
            write_rows(home, {"runs": [make_run_row(f"{key}.{arm}")]}, f"{key}.{arm}")
    row = make_run_row(f"{KEYS[2]}.tuned", status="incomplete")
    write_rows(home, {"runs": [row]}, f"{KEYS[2]}.tuned")
    return home


def test_a_benchmark_run_is_pinned_arm_by_arm_and_found_for_later_runs_of_the_suite(nights):
    pin_baselines(nights, KEYS[0], "release 1.4")
    assert paired_runs(nights, KEYS[1], "baseline") == tuple(
        (f"{KEYS[1]}.{arm}", f"{KEYS[0]}.{arm}") for arm in ("single_pass", "tuned")
    )
    assert paired_runs(nights, "baseline", f"{KEYS[1]}.tuned") == ((f"{KEYS[0]}.tuned", f"{KEYS[1]}.tuned"),)
    assert {one.reason for one in read_baselines(nights)} == {"release 1.4"}


def test_a_second_pin_replaces_the_first_of_its_arm_alone(nights):
    pin_baselines(nights, KEYS[0], "first")
    pin_baselines(nights, f"{KEYS[1]}.tuned", "second: longer answers 'accepted'\nyes")
    pinned = {one.arm: (one.run_id, one.reason) for one in read_baselines(nights)}
    assert pinned["single_pass"] == (f"{KEYS[0]}.single_pass", "first")
    assert pinned["tuned"] == (f"{KEYS[1]}.tuned", "second: longer answers 'accepted'\nyes")


@pytest.mark.parametrize("name", [f"{KEYS[0]}.tuned", KEYS[0], "smoke"])
def test_an_unpinned_baseline_is_found_no_more(nights, name):
    pin_baselines(nights, KEYS[0], "first")
    unpin_baselines(nights, name)
    assert baseline_of(nights, f"{KEYS[1]}.tuned") is None
    with pytest.raises(UsageError, match="no pinned baseline matches"):
        unpin_baselines(nights, name)


@pytest.mark.parametrize(
    ("name", "reason", "problem"),
    [
        (KEYS[2], "why", "is incomplete"),
        (KEYS[0], " ", "needs a reason"),
        (f"{KEYS[0]}.naive_supervisor", "why", "is not finished"),
        ("baseline", "why", "there is no run"),
    ],
)
def test_only_a_finished_run_is_pinned_and_with_a_reason(nights, name, reason, problem):
    with pytest.raises(UsageError, match=problem):
        pin_baselines(nights, name, reason)
    assert read_baselines(nights) == ()


def test_nothing_is_compared_with_a_baseline_that_was_not_pinned_or_is_gone(nights):
    with pytest.raises(UsageError, match="no pinned baseline for suite smoke, arm tuned"):
        paired_runs(nights, f"{KEYS[1]}.tuned", "baseline")
    pin_baselines(nights, KEYS[0], "first")
    (nights.tables / "runs" / f"{KEYS[0]}.tuned.parquet").unlink()
    with pytest.raises(UsageError, match="no longer exists"):
        paired_runs(nights, f"{KEYS[1]}.tuned", "baseline")


def test_prune_keeps_a_pinned_run_unless_it_is_forced(nights):
    pin_baselines(nights, f"{KEYS[0]}.tuned", "first")
    assert [run.benchmark_run for run in prune_runs(nights, keep=1)] == [KEYS[1]]
    assert [run.benchmark_run for run in prune_runs(nights, keep=1, force=True)] == [KEYS[0]]
    assert read_baselines(nights) == ()


def test_the_table_of_baselines_follows_each_pin(nights):
    publish(nights)
    pin_baselines(nights, f"{KEYS[0]}.tuned", "first")
    publish(nights)
    assert query_rows(nights, "select suite, arm, run_id, reason from baselines")[1] == [
        ("smoke", "tuned", f"{KEYS[0]}.tuned", "first")
    ]
    assert query_rows(nights, "select count(*) from runs")[1] == [(5,)]


@pytest.mark.parametrize("text", ["- suite: x", "{", json.dumps([{"suite": 1}]), "a: b"])
def test_a_damaged_file_of_baselines_is_named_and_stops_no_publishing(nights, text):
    baselines_path(nights).write_text(text)
    with pytest.raises(StoreError, match="damaged"):
        read_baselines(nights)
    publish(nights)
    assert query_rows(nights, "select count(*) from baselines")[1] == [(0,)]
