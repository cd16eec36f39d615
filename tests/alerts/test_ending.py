"""Alerts that end without a recovery, and runs that recover by being resumed (alerts.md §3)."""

import pytest

from docmind_core.alerts.ending import close_alert, expire_lost_alerts
from docmind_core.alerts.evaluating import Absence, book_absence, book_failure
from docmind_core.alerts.listing import alert_history, ended_alerts, open_alerts
from docmind_core.alerts.notices import undelivered
from docmind_core.alerts.rules import BENCHMARK_MISSING
from docmind_core.errors import UsageError
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import write_segment
from tests.alerts.builders import (
    OVERHEAD,
    QUERIES,
    START,
    evaluate_night,
    judge_and_evaluate,
    key_of,
    make_suite,
    plant_night,
    waiting_messages,
)
from tests.builders import make_score_row

RULE = "coordination_overhead_high"


def open_rules(home):
    return [(row["rule_id"], row["state"]) for row in open_alerts(home)]


def ended(home):
    return [(row["rule_id"], row["state"], row["reason"]) for row in ended_alerts(home, since=START)]


def fire(home, suite=None):
    for night in (0, 1):
        evaluate_night(home, night, 9.0, suite)
    assert open_rules(home) == [(RULE, "firing")]


def text_of(home, night, seq=1):
    return waiting_messages(home, key_of(night), seq)[0].message.text


def test_a_breach_of_twenty_nights_sends_five_messages_its_end_among_them(home):
    outcomes = [evaluate_night(home, night, 9.0 if night < 20 else 0.1) for night in range(22)]
    assert [night for night, done in enumerate(outcomes) if done.seq] == [1, 4, 8, 15, 21]


def test_five_runs_without_data_expire_an_alert_which_is_said_once_and_listed_as_neither_good_nor_bad(home):
    fire(home)
    outcomes = [evaluate_night(home, night, None) for night in range(2, 9)]
    assert [bool(done.seq) for done in outcomes] == [False, False, False, False, True, False, False]
    assert "EXPIRED [warning] coordination_overhead_high" in text_of(home, 6)
    assert "no data for 5 evaluations in a row (resumed)" in text_of(home, 6)
    assert open_rules(home) == []
    assert ended(home) == [(RULE, "expired", "no data for 5 evaluations in a row (resumed)")]
    publish(home)
    _, events = query_rows(home, "select from_state, to_state from alert_events order by event_no desc limit 1")
    assert events == [("firing", "expired")]


def plant_agents(home, night, agents, seconds):
    key = plant_night(home, night, 0.1)
    run_id = f"{key}.single_pass"
    spans = [
        {"run_id": run_id, "query_id": f"q{number}", "replicate": 0, "span_id": f"{agent}{number}",
         "op": "invoke_agent", "name": agent, "t0": 0, "t1": int(seconds * 1e9)}
        for agent in agents
        for number in range(1, QUERIES + 1)
    ]  # fmt: skip
    write_segment(home.tables, "spans", run_id, spans)
    return key


def test_an_agent_that_is_not_called_any_more_expires_with_the_fifth_run_that_has_no_value_of_it(home):
    suite = make_suite(
        limits={"agent_latency_p95_s": 0.5},
        alerts={"agent_latency_p95_s": {"test": "point", "min_n": QUERIES, "for_evals": 1}},
    )
    judge_and_evaluate(home, plant_agents(home, 0, ("old", "new"), 1.0), suite)
    for night in range(1, 6):
        judge_and_evaluate(home, plant_agents(home, night, ("new",), 1.0), suite)
    assert open_rules(home) == [("agent_latency_high", "firing")]
    assert ended(home) == [("agent_latency_high", "expired", "no data for 5 evaluations in a row (n_too_small)")]


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"arms": ("tuned",)}, "the suite's limits now apply to the arm tuned"),
        ({"arms": ("single_pass", "naive_supervisor")}, "the suite's limits now apply to the arm naive_supervisor"),
    ],
)
def test_an_arm_that_is_not_judged_any_more_expires_its_alerts_at_once(home, changes, because):
    fire(home)
    judge_and_evaluate(home, plant_night(home, 2, 0.1, arm=changes["arms"][-1]), make_suite(**changes))
    assert [one for one in ended(home) if one[0] == RULE] == [(RULE, "expired", because)]
    assert because in text_of(home, 2)


def test_a_limit_that_is_not_set_any_more_expires_its_alerts_at_once(home):
    alerts = {"pass_ratio_min": {"test": "point", "min_n": 1, "for_evals": 1}}
    key = plant_night(home, 0, 0.1)
    run_id = f"{key}.single_pass"
    write_segment(home.tables, "measurements", run_id, [make_score_row("passed", 0.0, "q1", run_id)])
    strict = make_suite(limits={"pass_ratio_min": 1.0}, alerts=alerts)
    assert judge_and_evaluate(home, key, strict).firing == ("pass_ratio_low",)
    judge_and_evaluate(home, plant_night(home, 1, 0.1), make_suite())
    assert ended(home) == [("pass_ratio_low", "expired", "its limit is no longer configured")]


def test_arms_that_the_command_line_chose_for_one_run_expire_nothing(home):
    suite = make_suite(arms=("single_pass", "naive_supervisor"))
    for night in (0, 1):
        judge_and_evaluate(home, plant_night(home, night, 9.0, arm="naive_supervisor"), make_suite(arms=suite.arms[1:]))
    key = plant_night(home, 2, 0.1, arm="single_pass")
    folder = home.benchmarks / key
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(make_suite().model_dump_json())
    (folder / "source.yaml").write_text(suite.model_dump_json())
    judge_and_evaluate(home, key, make_suite())
    assert (RULE, "firing") in open_rules(home)


def test_a_suite_that_is_gone_and_a_schedule_that_is_stopped_end_their_alerts(home):
    nightly = make_suite(schedule="0 2 * * *")
    absence = Absence(rule=BENCHMARK_MISSING, due_at=START, because="none began")
    book_absence(home, nightly, absence, filed_under=key_of(0))
    book_failure(home, key_of(1), make_suite(name="removed"), "x")
    look = {"now": START}
    assert expire_lost_alerts(home, watched={"toy", "removed"}, known=set(), **look) == ()
    assert expire_lost_alerts(home, watched=set(), known={"toy"}, **look) == (
        "benchmark_missing of toy", "run_failed of removed",
    )  # fmt: skip
    assert open_rules(home) == []
    assert "the schedule of toy was stopped" in text_of(home, 0, seq=2)
    assert "the suite removed no longer exists" in text_of(home, 1, seq=2)
    assert expire_lost_alerts(home, watched=set(), known=set(), **look) == ()


def test_a_suite_whose_file_is_there_but_cannot_be_read_keeps_its_alerts(home, tmp_path):
    book_failure(home, key_of(0), make_suite(), "x")
    folder = home.benchmarks / key_of(0)
    folder.mkdir(parents=True)
    file = tmp_path / "toy.yaml"
    file.write_text("name: [")
    (folder / "named.txt").write_text(str(file))
    assert expire_lost_alerts(home, watched=set(), known=set(), now=START) == ()
    file.unlink()
    assert expire_lost_alerts(home, watched=set(), known=set(), now=START) == ("run_failed of toy",)


def test_a_closed_alert_says_why_to_the_channels_that_had_heard_of_it_and_fires_again_as_a_new_one(home):
    fire(home)
    fingerprint = open_alerts(home)[0]["fingerprint"]
    assert close_alert(home, fingerprint[:6], " new card ", now=START) == RULE
    assert open_rules(home) == []
    assert ended(home) == [(RULE, "closed", "closed: new card")]
    assert "CLOSED [warning] coordination_overhead_high" in text_of(home, 1, seq=2)
    assert alert_history(home, fingerprint).events[0]["to_state"] == "closed"
    for night in (2, 3):
        evaluate_night(home, night, 9.0)
    [again] = open_alerts(home)
    assert (again["fingerprint"], again["notify_count"]) == (fingerprint, 1)


def test_a_pending_alert_is_closed_without_a_message(home):
    evaluate_night(home, 0, 9.0)
    close_alert(home, open_alerts(home)[0]["fingerprint"], "x", now=START)
    assert (open_rules(home), undelivered(home)) == ([], ())


@pytest.mark.parametrize("alert_id", ["", "zz"])
def test_an_alert_that_is_not_open_cannot_be_closed(home, alert_id):
    fire(home)
    with pytest.raises(UsageError, match="docmind alerts list"):
        close_alert(home, alert_id, "x")
    with pytest.raises(UsageError, match="--reason"):
        close_alert(home, open_alerts(home)[0]["fingerprint"], "  ")


def test_a_run_that_is_resumed_and_succeeds_ends_run_failed_at_once(home):
    key = plant_night(home, 0, 0.1)
    book_failure(home, key, make_suite(), "its process died")
    done = judge_and_evaluate(home, key, make_suite(), now=START)
    assert (done.resolved, open_rules(home)) == (("run_failed",), [])
    assert "RESOLVED [critical] run_failed" in text_of(home, 0, seq=2)
    again = judge_and_evaluate(home, key, make_suite(), now=START)
    assert (again.evaluations, again.seq) == (0, None)


def test_the_numbers_of_a_resumed_run_are_evaluated_though_its_failure_had_suppressed_them(home):
    suite = make_suite(alerts={OVERHEAD: {"test": "point", "min_n": 20, "for_evals": 1}})
    key = plant_night(home, 0, 9.0, status="incomplete")
    assert judge_and_evaluate(home, key, suite, now=START).firing == ("run_failed",)
    plant_night(home, 0, 9.0)
    done = judge_and_evaluate(home, key, suite, now=START)
    assert (done.firing, done.resolved) == ((RULE,), ("run_failed",))


def test_an_older_run_that_is_resumed_ends_no_failure_of_a_newer_one(home):
    for night in (0, 1):
        book_failure(home, plant_night(home, night, 0.1), make_suite(), "x")
    assert judge_and_evaluate(home, key_of(0), make_suite(), now=START).resolved == ()
    assert open_rules(home) == [("run_failed", "firing")]
    assert judge_and_evaluate(home, key_of(1), make_suite(), now=START).resolved == ("run_failed",)


def test_a_run_that_is_resumed_and_fails_again_changes_nothing(home):
    key = plant_night(home, 0, 9.0, status="incomplete")
    judge_and_evaluate(home, key, make_suite(), now=START)
    assert judge_and_evaluate(home, key, make_suite(), now=START).evaluations == 0
    assert open_rules(home) == [("run_failed", "firing")]
