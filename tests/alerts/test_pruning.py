"""Of a benchmark run that was removed the alerts keep nothing but what is still open or still waits."""

from datetime import timedelta

import pytest

from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.delivery import deliver_notice
from docmind_core.alerts.evaluating import Absence, Launch, book_absence, book_failure, book_launch
from docmind_core.alerts.listing import alert_history, open_alerts
from docmind_core.alerts.notices import undelivered
from docmind_core.alerts.pruning import prune_alerts
from docmind_core.alerts.rules import BENCHMARK_MISSING
from tests.alerts.builders import START, evaluate_night, judge_and_evaluate, key_of, make_suite, plant_night

TABLES = (
    "alert_evaluations", "alert_events", "alert_rules", "due_notifications", "due_alerts", "delivery_claims",
    "alert_deliveries", "delivered_urls", "withheld_notices",
)  # fmt: skip


@pytest.fixture(autouse=True)
def channel(monkeypatch):
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", "json://127.0.0.1:1/x")


def keep(home, *nights):
    for night in nights:
        (home.benchmarks / key_of(night)).mkdir(parents=True, exist_ok=True)


def runs_in(home):
    with open_alerts_database(home) as connection:
        return {row[0] for table in TABLES for row in connection.execute(f"select benchmark_run from {table}")}


def deliver_all(home):
    for notice in undelivered(home, now=START):
        deliver_notice(home, notice.benchmark_run, notice.seq, send=lambda url, message: None)


def test_a_removed_run_leaves_no_row_and_the_others_keep_theirs(home):
    for night, value in enumerate([9.0, 9.0, 0.1, 0.1, 0.1]):
        evaluate_night(home, night, value)
    deliver_all(home)
    keep(home, 3, 4)
    assert prune_alerts(home, before=START) > 0
    assert runs_in(home) == {key_of(3), key_of(4)}
    assert prune_alerts(home, before=START) == 0
    evaluate_night(home, 5, 9.0)
    assert [row["state"] for row in open_alerts(home)] == ["pending"], "and the alerting goes on"


def test_what_was_written_down_under_a_key_with_a_suffix_goes_with_the_run(home):
    key = plant_night(home, 0, 0.1)
    book_failure(home, key, make_suite(), "x", now=START)
    judge_and_evaluate(home, key, make_suite(), now=START)
    for because in (None, None):
        book_launch(home, Launch(benchmark_run=key, dagster_run_id="0123456789"), make_suite(), because, now=START)
    deliver_all(home)
    assert {f"{key}:resumed", f"{key}:01234567"} < runs_in(home)
    prune_alerts(home, before=None)
    assert runs_in(home) == set()


def test_an_open_alert_keeps_its_history_and_a_waiting_message_is_still_sent(home):
    fire = [evaluate_night(home, night, 9.0) for night in (0, 1)]
    assert fire[1].seq == 1
    prune_alerts(home, before=START + timedelta(days=9))
    [row] = open_alerts(home)
    assert len(alert_history(home, row["fingerprint"]).evaluations) == 2
    assert [notice.benchmark_run for notice in undelivered(home, now=START)] == [key_of(1)]
    deliver_all(home)
    prune_alerts(home, before=START + timedelta(days=9))
    assert len(alert_history(home, row["fingerprint"]).events) == 2


def test_missed_schedules_and_test_messages_go_by_their_age(home):
    for day in (0, 5):
        absence = Absence(rule=BENCHMARK_MISSING, due_at=START + timedelta(days=day), because="x")
        book_absence(home, make_suite(name=f"toy{day}"), absence, now=absence.due_at)
    deliver_all(home)
    for day in (0, 5):
        evaluated = START + timedelta(days=day, hours=1)
        for night in (day + 1, day + 2):
            key = plant_night(home, night, 0.1)
            judge_and_evaluate(home, key, make_suite(name=f"toy{day}", schedule="0 2 * * *"), now=evaluated)
    deliver_all(home)
    keep(home, 1, 2, 6, 7)
    prune_alerts(home, before=START + timedelta(days=3))
    left = {run for run in runs_in(home) if not run.startswith("2026")}
    assert left == {"toy5@2026-11-27T02:00Z", "toy5"}


def test_without_a_database_nothing_is_made(home):
    assert prune_alerts(home, before=START) == 0
    assert not home.alerts_database.exists()
