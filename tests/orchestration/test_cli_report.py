"""`docmind report --hours`: the guide's report in the terminal."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from dagster_project.cli.main import run
from docmind_core.reports.benchmark import FILES
from docmind_core.tables.publish import publish
from tests.builders import write_rows
from tests.guide_example import guide_example
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables


@pytest.fixture
def recent(settings):
    """A home in which the guide's example has just run."""
    write_rows(settings, guide_example(start=datetime.now(UTC) - timedelta(minutes=30)))
    publish(settings)
    return settings


def test_the_summary_names_grade_recommendation_and_file(recent, capsys):
    assert run(["report", "--hours", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Last 1 hours: 150 agent executions in 50 query runs of 1 runs"
    assert lines[1] == "Guide grade: A Good (85 of 100 points)"
    assert lines[-2] == ("Recommendation: Low token efficiency detected - review context optimization strategies")
    assert lines[-1].endswith(".html")


def test_json_on_stdout_is_the_document_alone_and_equals_the_file(recent, capsys):
    assert run(["report", "--hours", "1", "--format", "json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["performance_grade"] == "A Good"
    assert shown.out == next((recent.reports / "periods").glob("*.json")).read_text("utf-8")
    assert shown.err.startswith("Report: ")


@pytest.mark.parametrize("file_format", ["html", "md"])
def test_an_empty_home_says_that_nothing_ran(settings, capsys, file_format):
    assert run(["report", "--hours", "24", "--format", file_format]) == 0
    assert capsys.readouterr().out.startswith("No recent metrics available: nothing ran in the last 24 hours.\n")


def test_an_empty_home_as_json_is_the_guides_empty_state(settings, capsys):
    assert run(["report", "--hours", "24", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "No recent metrics available"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hours", "0"], "invalid number of hours"),
        (["--hours", "nan"], "invalid number of hours"),
        (["--hours", "1", "20261122T020000Z-smoke-7f3a"], "not both"),
        (["--hours", "1", "--format", "junit"], "does not work with --hours"),
    ],
)
def test_a_question_without_sense_is_refused(settings, capsys, arguments, said):
    assert run(["report", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("file_format", ["json", "junit"])
def test_the_report_of_a_run_is_on_stdout_alone_for_programs(settings, capsys, file_format):
    plant(settings, planted_tables(("single_pass",)))
    assert run(["report", "--format", file_format]) == 0
    shown = capsys.readouterr()
    begins = '<?xml version="1.0"' if file_format == "junit" else '{"schema_version":1,'
    assert shown.out.startswith(begins)
    assert shown.err == f"Report: {settings.reports / BENCHMARK_RUN / FILES[file_format]}\n"
