"""From a benchmark run to events and due notifications."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.evaluation import decide, fingerprint
from docmind_core.alerts.rules import clear_threshold, limit_rule, watched_limits
from docmind_core.measurements.limit_results import LimitResult
from docmind_core.metrics.limits import find_limit
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.statistics.estimates import Estimate
from docmind_core.suites.suite import load_suite
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import write_segment
from tests.alerts.builders import (
    OVERHEAD,
    START,
    evaluate_night,
    judge_and_evaluate,
    key_of,
    make_suite,
    plant_night,
    waiting_messages,
)
from tests.builders import make_query_run_row
from tests.conftest import PROJECT


def rows(home, sql, *parameters):
    with open_alerts_database(home) as connection:
        return [dict(row) for row in connection.execute(sql, parameters).fetchall()]


def everything(home):
    tables = ("alert_evaluations", "alert_states", "alert_events", "due_notifications")
    return {table: rows(home, f"select * from {table} order by rowid") for table in tables}


def found(name, value, low=None, high=None, *, n=500, p=None, limit=40.0):
    measured = Estimate(value=value, low=low, high=high, n=n, because=None if value is not None else "no_gpu")
    return LimitResult(run_id="r.tuned", limit=find_limit(name), set_to=limit, measured=measured, p=p)


def outcome(name, value, low=None, high=None, *, suite=None, **changes):
    limit = changes.setdefault("limit", 40.0)
    rule = limit_rule(name, limit, suite or make_suite(limits={}, alerts={}))
    return decide(rule, found(name, value, low, high, **changes))


def test_the_required_sequence_sends_three_messages(home):
    """S59: stored evaluations, one message per change."""
    values = [1.5, 2.1, 1.5, 2.1, 2.2, 1.9, 2.1, 1.7, 1.9, None, 1.7, 1.7, 1.5, 2.3, 2.3]
    outcomes = [evaluate_night(home, night, value) for night, value in enumerate(values)]
    said = [
        (night, done.firing or done.resolved) for night, done in enumerate(outcomes) if done.firing or done.resolved
    ]
    rule = ("coordination_overhead_high",)
    assert said == [(4, rule), (11, rule), (14, rule)]
    due = rows(home, "select benchmark_run, seq, channel from due_notifications order by benchmark_run")
    assert [tuple(row.values()) for row in due] == [(key_of(night), 1, "ops") for night in (4, 11, 14)]
    events = rows(home, "select * from alert_events where rule_id = 'coordination_overhead_high' order by rowid")
    assert [(event["from_state"], event["to_state"]) for event in events] == [
        ("inactive", "pending"), ("pending", "inactive"), ("inactive", "pending"), ("pending", "firing"),
        ("firing", "resolved"), ("inactive", "pending"), ("pending", "firing"),
    ]  # fmt: skip
    assert events[4]["peak"] == 2.2
    assert json.loads(events[3]["evidence"])["first_bad_run"] == key_of(3)


def test_an_evaluation_done_twice_changes_nothing(home):
    for night, value in enumerate([2.1, 2.2]):
        evaluate_night(home, night, value)
    before = everything(home)
    again = evaluate_night(home, 1, 2.2)
    assert (again.evaluations, again.firing, again.seq) == (0, (), None)
    assert everything(home) == before


def test_a_missing_value_is_written_down_with_its_reason_and_changes_no_state(home):
    evaluate_night(home, 0, 2.1)
    events = rows(home, "select * from alert_events")
    evaluate_night(home, 1, None)
    row = rows(
        home,
        "select * from alert_evaluations where benchmark_run = ? and rule_id = 'coordination_overhead_high'",
        key_of(1),
    )[0]
    assert (row["outcome"], row["reason"], row["value"]) == ("nodata", "resumed", None)
    assert rows(home, "select * from alert_events") == events


def test_hysteresis_lies_ten_percent_inside_the_limit_on_either_side():
    assert clear_threshold(2.0, is_minimum=False) == pytest.approx(1.8)
    assert clear_threshold(40.0, is_minimum=True) == pytest.approx(44.0)
    assert clear_threshold(-10.0, is_minimum=True) == pytest.approx(-9.0)
    assert clear_threshold(0.99, is_minimum=True, is_share=True) == pytest.approx(0.995)


def test_token_efficiency_is_silent_for_a_straddling_interval_and_fires_below():
    assert outcome("reduction_pct_min", 38.0, 30.0, 46.0) == ("band", None)
    assert outcome("reduction_pct_min", 30.0, 20.0, 39.9) == ("bad", None)
    assert outcome("reduction_pct_min", 42.0, 41.0, 43.0) == ("band", None)
    assert outcome("reduction_pct_min", 45.0, 41.0, 49.0) == ("ok", None)


def test_a_percentile_fires_by_its_exact_test_not_by_the_point():
    assert outcome("agent_latency_p95_s", 2.5, limit=2.0, p=0.2) == ("band", None)
    assert outcome("agent_latency_p95_s", 2.5, limit=2.0, p=0.01) == ("bad", None)


def test_too_few_values_give_no_data_until_the_suite_says_otherwise():
    """S59: min n."""
    assert outcome("reduction_pct_min", 10.0, 5.0, 15.0, n=299) == ("nodata", "n_too_small")
    by_limit = make_suite(limits={}, alerts={"reduction_pct_min": {"min_n": 8}})
    assert outcome("reduction_pct_min", 10.0, 5.0, 15.0, n=8, suite=by_limit) == ("bad", None)
    by_suite = make_suite(limits={}, alerts={}, min_n=8)
    assert outcome("reduction_pct_min", 10.0, 5.0, 15.0, n=8, suite=by_suite) == ("bad", None)


def test_without_a_gpu_memory_has_no_data():
    assert outcome("vram_process_peak_gb", None, limit=15.0) == ("nodata", "no_gpu")


def test_overrides_of_a_suite_are_used_and_named(home):
    suite = make_suite(alerts={OVERHEAD: {"test": "point", "min_n": 1, "for_evals": 1}})
    assert evaluate_night(home, 0, 2.1, suite).firing == ("coordination_overhead_high",)
    row = rows(home, "select * from alert_evaluations where rule_id = 'coordination_overhead_high'")[0]
    evidence = json.loads(row["evidence"])
    assert (row["test"], evidence["min_n"], evidence["for_evals"]) == ("point", 1, 1)
    assert evidence["overridden"] == ["min_n", "test", "for_evals"]


def test_an_unbalanced_run_alerts_and_suppresses_rules_on_tokens(home):
    key = plant_night(home, 0, 1.0, engine_prompt_tokens=99)
    assert judge_and_evaluate(home, key, make_suite()).firing == ("ledger_unbalanced",)
    assert (
        "single_pass: 13 tokens in the ledger, 102 counted by the engine"
        in waiting_messages(home, key, 1)[0].message.text
    )
    inhibited = {
        row["rule_id"]: row["reason"]
        for row in rows(home, "select * from alert_evaluations where inhibited_by is not null")
    }
    assert inhibited == {"token_efficiency_low": "inhibited by ledger_unbalanced"}


def test_an_incomplete_run_alerts_once_and_suppresses_its_numbers(home):
    key = plant_night(home, 0, 9.0, status="incomplete")
    suite = make_suite(alerts={OVERHEAD: {"test": "point", "min_n": 1, "for_evals": 1}})
    assert judge_and_evaluate(home, key, suite).firing == ("run_failed",)


def test_a_run_that_never_got_anywhere_is_found_by_its_failure(home):
    done = book_failure(home, key_of(0), make_suite(), "EngineStartError: <script>alert(1)</script>\x1b[31m `x`")
    assert (done.firing, done.seq) == (("run_failed",), 1)
    message = waiting_messages(home, key_of(0), 1)[0].message
    assert "\x1b" not in message.text + message.markdown
    assert "<script>" not in message.markdown
    assert "EngineStartError" in message.text


def test_five_changes_of_one_run_are_one_message_per_channel(home):
    suite = make_suite(
        arms=("naive_supervisor",), channels=("ops", "night-shift", "ops"), limits={"agent_latency_p95_s": 0.5},
        alerts={"agent_latency_p95_s": {"test": "point", "min_n": 1, "for_evals": 1}},
    )  # fmt: skip
    key = plant_night(home, 0, 0.1, arm="naive_supervisor")
    run_id = f"{key}.naive_supervisor"
    spans = [
        {"run_id": run_id, "query_id": "q1", "replicate": 0, "span_id": agent, "op": "invoke_agent", "name": agent,
         "t0": 0, "t1": 10**9}
        for agent in ("a", "b", "c", "d", "e")
    ]  # fmt: skip
    write_segment(home.tables, "spans", run_id, spans)
    assert len(judge_and_evaluate(home, key, suite).firing) == 5
    messages = waiting_messages(home, key, 1)
    assert [waiting.channel for waiting in messages] == ["night-shift", "ops"]
    assert messages[0].message.text.count("FIRING") == 5


def test_labels_in_another_order_are_the_same_series():
    assert fingerprint("rule", {"suite": "s", "arm": "a"}) == fingerprint("rule", {"arm": "a", "suite": "s"})
    assert len(fingerprint("rule", {})) == 16
    assert fingerprint("rule", {"arm": "a"}) != fingerprint("rule", {"arm": "b"})


_EVALUATE = """
import sys
from pathlib import Path
from docmind_core.settings import Settings
from tests.alerts.test_evaluating import book_failures
print("ready", flush=True)
sys.stdin.readline()
book_failures(Settings(home=Path(sys.argv[1])), "right")
"""


def book_failures(home, suite):
    for night in range(20):
        book_failure(home, key_of(night), make_suite(name=suite), "x")


def test_two_processes_write_at_once_and_lose_nothing(home):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", _EVALUATE, str(home.home)], cwd=PROJECT, text=True, **pipes) as other:
        assert other.stdout.readline() == "ready\n"
        print("begin", file=other.stdin, flush=True)
        book_failures(home, "left")
        _, error = other.communicate(timeout=120)
    assert other.returncode == 0, error
    assert rows(home, "select count(*) as n from alert_evaluations") == [{"n": 40}]
    assert {row["n"] for row in rows(home, "select count(*) as n from alert_events group by fingerprint")} == {4}, (
        "fired, and repeated after 3, 7 and 14 runs"
    )


def test_the_tables_of_alerts_are_copied_when_metrics_are_published(home):
    for night, value in enumerate([2.1, 2.2]):
        evaluate_night(home, night, value)
    publish(home)
    _, found = query_rows(home, "select rule_id, state, value, peak, notify_count, first_seen from open_alerts")
    assert found == [("coordination_overhead_high", "firing", 2.2, 2.2, 1, START)]
    _, counts = query_rows(home, "select (select count(*) from alert_evaluations), (select count(*) from alert_events)")
    assert counts[0][1] == 2
    assert counts[0][0] == 2 * len(rows(home, "select distinct fingerprint from alert_evaluations"))
    assert rows(home, "select * from open_alerts")[0]["state"] == "firing"


def test_a_broken_database_of_alerts_does_not_take_the_metrics_with_it(home):
    plant_night(home, 0, 1.0)
    home.alerts_database.write_text("not a database " * 100)
    publish(home)
    assert query_rows(home, "select count(*) from query_runs")[1] == [(20,)]


def test_a_refused_request_is_critical_at_once(home):
    """S27, S59: a context overflow."""
    suite = make_suite()
    key = plant_night(home, 0, 0.1)
    run_id = f"{key}.single_pass"
    query = make_query_run_row("q1", run_id, status="failed", error_type="ContextOverflow")
    write_segment(home.tables, "query_runs", run_id, [query])
    assert judge_and_evaluate(home, key, suite).firing == ("context_utilisation_high",)
    row = rows(home, "select * from open_alerts")[0]
    assert (row["severity"], row["state"]) == ("critical", "firing")
    assert "did not fit the context window" in waiting_messages(home, key, 1)[0].message.text


def test_a_context_alert_recovers_when_no_more_queries_than_allowed_are_even_near_the_limit():
    rule = limit_rule("context_utilisation_ratio", 0.9, make_suite(limits={}, alerts={}))
    assert (rule.threshold, rule.clear_threshold) == (0.05, pytest.approx(0.81))

    def share(value, near, p):
        return replace(found("context_utilisation_ratio", value, limit=0.9, p=p), near_ratio=near)

    assert decide(rule, share(0.12, 0.2, 0.004)) == ("bad", None)
    assert decide(rule, share(0.0, 0.2, 1.0)) == ("band", None)
    assert decide(rule, share(0.0, 0.05, 1.0)) == ("ok", None)


def test_the_p95_of_too_few_values_is_not_written_down_as_one(home):
    suite = make_suite(alerts={})
    evaluate_night(home, 0, 9.0, suite)
    row = rows(home, "select * from alert_evaluations where rule_id = 'coordination_overhead_high'")[0]
    assert (row["outcome"], row["reason"], row["value"], row["n"]) == ("nodata", "n_too_small", None, 20)


def test_every_rule_of_the_bundled_nightly_suite_can_have_data():
    """S59: min n; memory alone is counted in samples."""
    suite = load_suite("nightly")
    queries = len(load_query_set(suite.query_set).queries) * suite.replicates
    needed = {name: limit_rule(name, limit, suite).min_n for name, limit in watched_limits(suite).items()}
    del needed["vram_process_peak_gb"]
    assert max(needed.values()) <= 0.9 * queries, "some queries may fail"
    assert suite.routing == "dependencies"


def test_a_message_says_what_n_could_have_shown_what_to_do_and_how_to_silence(home):
    evaluate_night(home, 0, 2.1)
    evaluate_night(home, 1, 2.2)
    text = waiting_messages(home, key_of(1), 1)[0].message.text
    fingerprint = rows(home, "select fingerprint from open_alerts")[0]["fingerprint"]
    assert f"docmind alerts show {fingerprint[:8]}" in text
    assert "docmind alerts silence rule_id=coordination_overhead_high suite=toy --until" in text
    assert f"{key_of(1)}/index.html" in text
    book_failure(home, key_of(2), make_suite(), "x")
    assert f"docmind bench toy --resume {key_of(2)}" in waiting_messages(home, key_of(2), 1)[0].message.text
