"""Two nights compared from the command line."""

import json
import re

import pytest

from dagster_project.cli.main import run
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.measurements.written_nights import FIRST, SECOND, THIRD, conditions, drawn, write_night

NIGHTS = [run_id.split(".")[0] for run_id in (FIRST, SECOND, THIRD)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three published nights: the second 10 % dearer, the third on another model."""
    settings = Settings(home=tmp_path_factory.mktemp("nights"))
    other = json.dumps({**conditions(), "model": "large"}, sort_keys=True)
    write_night(settings, FIRST, *drawn(3), git_sha="aaa")
    write_night(settings, SECOND, *drawn(4, mean=1100.0), git_sha="bbb")
    write_night(settings, THIRD, *drawn(5), model="large", conditions=other)
    publish(settings)
    return settings


@pytest.fixture
def compare(home, monkeypatch, capsys):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))

    def call(*words):
        code = run(["compare", *words])
        return code, capsys.readouterr()

    return call


def test_a_dearer_night_is_named_with_its_interval_and_what_changed(compare, home):
    code, shown = compare(NIGHTS[1], NIGHTS[0], "--flips", "1")
    assert code == 0
    assert re.search(
        r"billed_tokens: worse, \+10\.\d % over 300 queries \(95 % interval [\d.]+ to [\d.]+ %\)", shown.out
    )
    assert "changes since the baseline: git_sha aaa → bbb" in shown.out
    assert re.search(r"broke q\d+ \(factoid\), passed 100 % → 0 %", shown.out)
    asked = "select verdict from comparisons where metric = 'billed_tokens' and slice = 'all' and agent = 'all'"
    assert ("worse",) in query_rows(home, asked)[1]


def test_the_report_of_a_night_shows_it_against_the_pinned_baseline(home, monkeypatch, capsys):
    from docmind_core.measurements.run_comparison import compare_with_baselines
    from docmind_core.reports.benchmark import write_benchmark_report

    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    assert run(["baseline", "list"]) == 0
    assert run(["baseline", "pin", FIRST, "--reason", "release"]) == 0
    assert compare_with_baselines(home, NIGHTS[1]) > 0
    assert compare_with_baselines(home, NIGHTS[0]) == 0
    publish(home)
    reports = [write_benchmark_report(home, key) for key in NIGHTS[1:]]
    second, third = (report.markdown.read_text() for report in reports)
    assert re.search(r"billed\\?_tokens, tuned \| 1,\d+ \| 1,\d+ \| .*10\.\d % .* worse \|", second)
    assert "changed since: git\\_sha aaa → bbb" in second.replace("git_sha", "git\\_sha")
    assert "model (tiny in the baseline, large in the candidate)" in third
    assert "Compared with the baseline" in reports[0].html.read_text()
    assert run(["compare", "latest", "--allow", "model"]) == 0
    assert run(["baseline", "unpin", "smoke"]) == 0
    assert run(["baseline", "unpin", "smoke"]) == 2
    shown = capsys.readouterr()
    assert "no pinned baselines; pin one" in shown.out
    assert f"pinned {FIRST} for suite smoke, arm tuned" in shown.out


def test_json_holds_every_number_and_both_answers(compare):
    code, shown = compare(SECOND, FIRST, "--json")
    (found,) = json.loads(shown.out)
    assert (code, found["conditions"]) == (0, [])
    assert {row["agent"] for row in found["comparisons"]} == {"all", "query_router", "result_synthesizer"}
    assert found["flipped"][0]["candidate"]["answers"] == ["wrong"]


def test_markdown_is_a_table_that_github_reads(compare):
    _, shown = compare(SECOND, FIRST, "--markdown", "--flips", "0")
    rows = [line for line in shown.out.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {11}
    assert "more flipped queries" in shown.out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["latest", NIGHTS[0]], "--allow model"),
        (["latest", "20250101T000000Z-smoke-7f3a"], "there is no run"),
        (["../x", NIGHTS[0]], "there is no run"),
        (["latest", f"{NIGHTS[0]}.naive"], "no arm 'naive'"),
        (["latest", NIGHTS[0], "--allow", "modle"], "unknown field"),
        (["latest", NIGHTS[0], "--arm", "x"], "no arm x"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_two(compare, words, problem):
    code, shown = compare(*words)
    assert (code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert problem in shown.err


def test_another_model_is_compared_where_the_comparison_is_about_it(compare):
    code, shown = compare("latest", NIGHTS[0], "--allow", "model")
    assert code == 0
    assert "conditions that differ: model tiny → large" in shown.out
