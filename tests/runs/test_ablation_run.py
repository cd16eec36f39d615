"""The bundled suite `ablation` from its first call to the view, on an engine of the tests."""

import pytest

from docmind_core.measurements.ablation import measure_levers
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs import benchmark
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.suites.suite import load_suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows


@pytest.fixture
def measured(home, make_suite, monkeypatch):
    """Six queries in the baseline, each of its levers, and `tuned`; the tables are published once, at the end."""
    monkeypatch.setattr(benchmark, "publish", lambda settings: None)
    arms = [arm for arm in load_suite("ablation").arms if arm.startswith("naive") or arm == "tuned"]
    suite = make_suite(name="ablation", arms=arms, limit=6)
    key = freeze_benchmark_run(suite, home)
    outcome = execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    score_benchmark_run(home, key, load_query_set(suite.query_set))
    measure_levers(home, key)
    publish(home)
    return outcome, lambda sql: query_rows(home, sql)[1]


def test_the_bundled_arms_measure_twelve_levers_or_edges_and_give_a_reason_for_each_other(
    measured,
):
    """S9, S10: every switch, and the edges it must move."""
    outcome, select = measured
    assert {(arm.done, arm.failed) for arm in outcome.arms} == {(6, 0)}
    assert select("select distinct state from ledger_balance") == [("balanced",)]

    counted = "select count(distinct (lever, edge)) from ablation where n > 0 and effect_low <= effect_high"
    assert select(counted)[0][0] >= 12
    assert select("select count(*) from ablation where because is null or because = ''") == [(0,)]
    assert select(
        "select count(*) from ablation where (effect_low is null) <> (verdict in ('not measurable here', 'not_judged'))"
    ) == [(0,)]
    effects = dict(
        select("select lever, effect_low > 0 from ablation where metric = 'reduction_pct' and effect_low is not null")
    )
    sure = ("fixed_edges", "no_validation", "no_handoff_messages", "last_message_only", "forward_message")
    assert {lever: effects[lever] for lever in sure} == dict.fromkeys(sure, True)
