"""Each limit of the table, through measure, state, alert and report."""

import pytest

from docmind_core.alerts.evaluation import evaluate_limit
from docmind_core.alerts.rules import limit_rule
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.limit_results import read_limit_results
from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.limit_problems import limit_problems
from docmind_core.metrics.limits import find_limit, limit_names
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.schema import TABLES
from tests.builders import BENCHMARK_RUN, make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows

RUN_ID = f"{BENCHMARK_RUN}.tuned"
QUERIES = 140
COUNTERS = {"request_prefill_kv_computed_tokens_sum": 9_000.0, "request_prefill_time_seconds_sum": 10.0}


def numbers(table: str) -> dict[str, float]:
    """A number for each column that can hold one."""
    kinds = {"double": 0.4, "bigint": 7, "integer": 7}
    return {name: kinds[kind] for name, (kind, _) in TABLES[table].columns.items() if kind in kinds}


def plant(home) -> None:
    ids = [f"q{number}" for number in range(QUERIES)]
    query, call = numbers("query_runs") | {"replicate": 0}, numbers("llm_calls") | {"replicate": 0, "attempt": 1}
    queries = [make_query_run_row(name, RUN_ID, **query) for name in ids]
    calls = [make_call_row(f"c-{name}", RUN_ID, **call | {"query_id": name}) for name in ids]
    spans = [
        {"run_id": RUN_ID, "query_id": name, "replicate": 0, "span_id": "1", "op": "invoke_agent",
         "name": "query_router", "t0": 0, "t1": 4 * 10**8, "status": "ok"}
        for name in ids
    ]  # fmt: skip
    scored = [metric.name for metric in METRICS.values() if metric.rows == "measurements"]
    counters = [
        {"run_id": RUN_ID, "engine_session": "s1", "block": 1, "counter": counter, "moment": moment, "value": value}
        for counter, grown in COUNTERS.items()
        for moment, value in (("before", 0.0), ("after", grown))
    ]
    rows = {
        "runs": [make_run_row(RUN_ID, plumbing=False)],
        "query_runs": queries,
        "llm_calls": calls,
        "spans": spans,
        "measurements": [make_score_row(metric, 1.0, name, RUN_ID) for metric in scored for name in ids],
        "run_estimates": [
            {"run_id": RUN_ID, "metric": "tokens_per_correct", "slice": "all", "value": 7.0, "low": 6.0, "high": 8.0,
             "n": QUERIES, "clusters": QUERIES}
        ],
        "comparisons": [
            {"run_id": RUN_ID, "baseline_run_id": f"{BENCHMARK_RUN}.naive_supervisor", "candidate_run_id": RUN_ID,
             "metric": "billed_tokens", "agent": "all", "slice": "all", "n": QUERIES, "delta": -0.7,
             "delta_low": -0.8, "delta_high": -0.6}
        ],
        "device_samples": [
            {"run_id": RUN_ID, "source": "nvml", "device_index": 0, "sampled_at_ns": 1, "status": "ok",
             "vram_process_gib": 10.0}
        ],
        "engine_counters": counters,
    }  # fmt: skip
    write_rows(home, rows, RUN_ID)


def a_value_for(name: str) -> float:
    return next(value for value in (0.5, 40.0) if not list(limit_problems({name: value}, {})))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """One run with a value for everything, judged by every limit there is."""
    home = Settings(home=tmp_path_factory.mktemp("judged") / "home")
    plant(home)
    limits = {name: a_value_for(name) for name in limit_names()}
    suite = Suite(name="smoke", query_set="python-reference", arms=("tuned",), limits=limits)
    write_limits(home.tables, BENCHMARK_RUN, suite)
    publish(home)
    results = {result.limit.name: result for result in read_limit_results(home.tables, BENCHMARK_RUN, suite)}
    return suite, results, write_benchmark_report(home, BENCHMARK_RUN)


def test_every_limit_is_measured_judged_watched_and_printed(judged):
    suite, results, report = judged
    html = report.html.read_text("utf-8")
    assert results.keys() == set(limit_names())
    for name, result in results.items():
        assert result.measured.value is not None, (name, result.because)
        assert result.state in {"met", "missed"}, (name, result.state, result.because)
        assert result.headroom_pct is not None, name
        rule = limit_rule(name, result.set_to, suite)
        evaluation = evaluate_limit(rule, result, suite.name, None)
        assert evaluation.outcome in {"bad", "band", "ok", "nodata"}, name
        assert evaluation.outcome != "nodata" or result.measured.n < rule.min_n, (name, evaluation.reason)
        assert evaluation.outcome != "bad" or result.state == "missed", name
        assert result.limit.metric in html, name
    assert {row["limit_name"] for row in report.scorecard} == set(limit_names())


def test_a_breach_of_any_limit_that_is_proved_raises_its_alert(judged):
    suite, results, _ = judged
    unproved = {
        name
        for name, result in results.items()
        if result.state == "missed"
        and result.measured.n >= (rule := limit_rule(name, result.set_to, suite)).min_n
        and evaluate_limit(rule, result, suite.name, None).outcome != "bad"
    }
    assert unproved == set()


def test_each_limit_has_an_alert_of_its_own():
    rules = [find_limit(name).rule_id for name in limit_names()]
    assert len(rules) == len(set(rules))
