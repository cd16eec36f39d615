"""`docmind alerts`."""

from dagster_project.cli.main import run
from docmind_core.alerts.evaluating import book_failure
from docmind_core.alerts.listing import open_alerts, open_alerts_line
from tests.alerts.builders import key_of, make_suite


def test_before_the_first_evaluation_the_list_says_what_to_do(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    assert open_alerts_line(home) is None
    assert run(["alerts", "list"]) == 0
    assert capsys.readouterr().out == "no rule has been evaluated yet; a benchmark run does it: docmind bench smoke\n"


def test_an_open_alert_is_listed_and_shown_with_its_history(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    book_failure(home, key_of(0), make_suite(), "EngineStartError \x1b[31m")
    assert open_alerts_line(home) == "Alerts: 1 firing; see docmind alerts list"
    assert run(["alerts", "list"]) == 0
    shown = capsys.readouterr().out
    assert "run_failed" in shown
    assert "docmind alerts show" in shown
    fingerprint = open_alerts(home)[0]["fingerprint"]
    assert run(["alerts", "show", fingerprint[:6]]) == 0
    shown = capsys.readouterr().out
    assert "EngineStartError" in shown
    assert "\x1b" not in shown
    assert "Deliveries\nnone" in shown


def test_an_unknown_alert_and_a_channel_without_a_url_are_one_line(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    monkeypatch.delenv("DOCMIND_CHANNEL_OPS", raising=False)
    assert run(["alerts", "show", "zz"]) == 2
    assert "docmind alerts list" in capsys.readouterr().err
    assert run(["alerts", "test", "ops"]) == 1
    assert "export DOCMIND_CHANNEL_OPS=" in capsys.readouterr().err
