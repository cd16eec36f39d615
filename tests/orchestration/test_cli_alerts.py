"""`docmind alerts`."""

from datetime import UTC, datetime, timedelta

import pytest

from dagster_project.cli.main import run
from docmind_core.alerts.delivery import deliver_notice
from docmind_core.alerts.evaluating import Absence, book_absence, book_failure
from docmind_core.alerts.listing import open_alerts, open_alerts_line
from docmind_core.alerts.rules import BENCHMARK_MISSING
from tests.alerts.builders import START, key_of, make_suite


def test_before_the_first_evaluation_the_list_says_what_to_do(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    assert open_alerts_line(home) is None
    assert run(["alerts", "list"]) == 0
    assert capsys.readouterr().out == "no rules have been evaluated yet; run a benchmark: docmind bench smoke\n"


def test_an_open_alert_is_listed_and_shown_with_its_history(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    book_failure(home, key_of(0), make_suite(), "EngineStartError \x1b[31m")
    assert open_alerts_line(home) == "Alerts: 1 firing; details: docmind alerts list"
    assert run(["alerts", "list"]) == 0
    shown = capsys.readouterr().out
    assert "run_failed" in shown
    assert "docmind alerts show" in shown
    fingerprint = open_alerts(home)[0]["fingerprint"]
    assert run(["alerts", "show", fingerprint[:6]]) == 0
    shown = capsys.readouterr().out
    assert "EngineStartError" in shown
    assert "\x1b" not in shown
    assert "waiting" in shown


def test_what_was_delivered_of_an_absence_is_shown_though_it_was_filed_elsewhere(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    absence = Absence(rule=BENCHMARK_MISSING, due_at=START, because="none began")
    book_absence(home, make_suite(), absence, filed_under=key_of(0))
    deliver_notice(home, key_of(0), 1, send=lambda url, message: None)
    monkeypatch.setenv("DOCMIND_CHANNEL_OPS", "json://127.0.0.1:1/")
    deliver_notice(home, key_of(0), 1, send=lambda url, message: None)
    assert run(["alerts", "show", open_alerts(home)[0]["fingerprint"]]) == 0
    deliveries = capsys.readouterr().out.partition("Deliveries\n")[2]
    assert "failed" in deliveries
    assert "delivered" in deliveries


def test_the_list_shows_age_silence_and_heartbeat(home, monkeypatch, capsys):
    """S59: the alerting itself is watched."""
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    book_failure(home, key_of(0), make_suite(), "x", now=datetime.now(UTC) - timedelta(hours=30))
    words = ["rule_id=run_*", "--until", "2h", "--author", "ann", "--reason", "new card"]
    assert run(["alerts", "silence", *words]) == 0
    assert run(["alerts", "list"]) == 0
    shown = capsys.readouterr().out
    assert "30 h" in shown
    assert "new card" in shown
    assert "wait, one for more than an hour" in shown.partition("Heartbeat")[2]
    assert run(["alerts", "silence", "--revoke", "1"]) == 0
    assert run(["alerts", "silence", "--revoke", "1"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["rule_id=run_failed", "--until", "2h", "--author", "ann"],
        ["--until", "2h", "--author", "ann", "--reason", "x"],
        ["colour=red", "--until", "2h", "--author", "ann", "--reason", "x"],
        ["run_failed", "--until", "2h", "--author", "ann", "--reason", "x"],
        ["rule_id=x", "--until", "soon", "--author", "ann", "--reason", "x"],
        ["rule_id=x", "--until", "2020-01-01", "--author", "ann", "--reason", "x"],
        ["rule_id=x", "--until", "2h", "--author", " ", "--reason", "x"],
    ],
)
def test_a_silence_without_end_author_reason_or_something_to_match_is_refused(home, monkeypatch, words):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    assert run(["alerts", "silence", *words]) == 2


def test_an_unknown_alert_and_a_channel_without_a_url_are_one_line(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    monkeypatch.delenv("DOCMIND_CHANNEL_OPS", raising=False)
    assert run(["alerts", "show", "zz"]) == 2
    assert "docmind alerts list" in capsys.readouterr().err
    assert run(["alerts", "test", "ops"]) == 1
    assert "export DOCMIND_CHANNEL_OPS=" in capsys.readouterr().err


def test_an_alert_is_closed_with_a_reason_and_listed_as_closed(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    book_failure(home, key_of(0), make_suite(), "x")
    alert_id = open_alerts(home)[0]["fingerprint"][:6]
    assert run(["alerts", "close", alert_id]) == 2
    assert run(["alerts", "close", alert_id, "--reason", "new card"]) == 0
    assert "closed run_failed" in capsys.readouterr().out
    assert run(["alerts", "list"]) == 0
    shown = capsys.readouterr().out
    assert "no open alerts" in shown
    assert "closed: new card" in shown.partition("Ended in the last 7 days")[2]
    assert run(["alerts", "close", alert_id, "--reason", "again"]) == 2
    assert "no open alert matches" in capsys.readouterr().err
