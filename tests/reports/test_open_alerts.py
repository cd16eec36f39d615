"""Open alerts and the heartbeat in both reports (S59)."""

import json
from dataclasses import replace
from datetime import timedelta

from docmind_core.alerts.evaluating import Absence, book_absence, book_failure
from docmind_core.alerts.rules import BENCHMARK_MISSING
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.history import read_history
from docmind_core.reports.history_chart import history_svg
from docmind_core.reports.period import write_period_report
from docmind_core.tables.publish import publish
from tests.alerts.builders import START, evaluate_night, key_of, make_suite
from tests.builders import write_rows
from tests.guide_example import START as EXAMPLE_START
from tests.guide_example import guide_example

ALERT_COLOUR = "#c4232d"
HOSTILE = "<script>alert(1)</script>"


def fire(home):
    for night in (0, 1):
        evaluate_night(home, night, 9.0)
    book_failure(home, key_of(1), make_suite(name="other"), HOSTILE)
    publish(home)


def test_the_report_of_a_benchmark_shows_the_open_alerts_of_its_suite_and_the_heartbeat(home):
    fire(home)
    report = write_benchmark_report(home, key_of(1))
    for text in (report.html.read_text("utf-8"), report.markdown.read_text("utf-8")):
        assert "1 firing, 0 pending." in text
        assert "2026-11-22 02:00:00 UTC" in text
        assert "docmind alerts show " in text
        assert "2026-11-22 03:00:00 UTC" in text, "the last evaluation of the suite"
        assert "suite other" not in text


def test_the_trend_marks_the_run_at_which_an_alert_fired(home):
    for night, seconds in enumerate((0.1, 9.0, 9.0)):
        evaluate_night(home, night, seconds)
    publish(home)
    (history,) = read_history(home, read_benchmark(home, key_of(2)))
    assert history.fired == (2,), "after two bad evaluations in a row"
    without, with_alert = (str(history_svg([each])) for each in (replace(history, fired=()), history))
    assert ALERT_COLOUR not in without
    assert ALERT_COLOUR in with_alert


def test_the_report_of_a_period_shows_the_alerts_of_all_suites_also_when_nothing_ran(home):
    fire(home)
    page = write_period_report(home, 0.001, "md", now=START + timedelta(days=900)).path.read_text("utf-8")
    assert page.startswith("# No recent metrics available")
    assert "2 firing, 0 pending." in page
    write_rows(home, guide_example())
    publish(home)
    now = EXAMPLE_START + timedelta(minutes=30)
    for file_format in ("md", "html"):
        assert "2 firing, 0 pending." in write_period_report(home, 1.0, file_format, now=now).path.read_text("utf-8")
    document = json.loads(write_period_report(home, 1.0, "json", now=now).path.read_text("utf-8"))
    assert {row["rule_id"] for row in document["open_alerts"]} == {"coordination_overhead_high", "run_failed"}


def test_without_any_evaluation_the_reports_say_so(home):
    write_rows(home, guide_example())
    publish(home)
    now = EXAMPLE_START + timedelta(minutes=30)
    assert "No rules have been evaluated yet." in write_period_report(home, 1.0, "md", now=now).path.read_text("utf-8")


def test_an_absence_is_an_alert_and_no_heartbeat(home):
    suite = make_suite(schedule="0 2 * * *", channels=())
    book_absence(home, suite, Absence(rule=BENCHMARK_MISSING, due_at=START, because="none began"))
    publish(home)
    page = write_period_report(home, 1.0, "md", now=START).path.read_text("utf-8")
    assert "benchmark\\_missing" in page or "benchmark_missing" in page
    assert "Heartbeat" not in page
