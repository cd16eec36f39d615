"""Tables that Dagster's UI can show."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dagster_project.metadata import CHART_BYTES_MAX, described_outcome, described_report, table_of
from docmind_core.reports.benchmark import ReportPaths
from docmind_core.runs.benchmark import BenchmarkOutcome
from docmind_core.runs.progress import ArmProgress
from tests.orchestration.test_limit_checks import made


def test_a_table_keeps_types_and_leaves_null_empty():
    table = table_of(
        [
            {"arm": "tuned", "n": 2, "share": 0.5, "ok": True, "missing": None},
            {"arm": None, "n": None, "share": 1, "ok": None, "missing": None},
        ]
    )
    assert {column.name: column.type for column in table.schema.columns} == {
        "arm": "string",
        "n": "int",
        "share": "float",
        "ok": "bool",
        "missing": "string",
    }
    assert table.records[1].data == {"arm": None, "n": None, "share": 1, "ok": None, "missing": None}


def test_what_a_table_cant_hold_becomes_text():
    table = table_of([{"at": datetime(2026, 11, 22, tzinfo=UTC), "where": ("a", "b")}])
    assert table.records[0].data == {"at": "2026-11-22 00:00:00+00:00", "where": "('a', 'b')"}


def test_a_table_without_rows_says_so():
    assert table_of([]).value == "no rows"


def test_a_number_in_a_table_has_six_digits():
    (record,) = table_of([{"value": 85.89399028800494, "small": 0.00009314574999999999, "n": 1_234_567}]).records
    assert record.data == {"value": 85.894, "small": 0.0000931457, "n": 1_234_567}


def test_a_report_shows_its_address_grades_scorecard_chart_and_what_plots(tmp_path):
    markdown = tmp_path / "report.md"
    markdown.write_text("# Report")
    paths = ReportPaths(
        html=tmp_path / "index.html",
        markdown=markdown,
        summary="all is well",
        verdict="Scorecard of tuned: B (undecided)",
        scorecard=(made("pass_ratio_min", value=None, n=8, because="n_too_small").row,),
        plotted={"smoke, tuned: passed": 0.75},
        guide_grades={"tuned": "A Good (85 of 100 points)"},
        chart_png=b"\x89PNG",
    )
    metadata = described_report(paths)
    assert metadata["grade"] == "Scorecard of tuned: B (undecided)"
    assert metadata["guide_grade"] == "tuned: A Good (85 of 100 points)"
    scorecard = metadata["scorecard"].records[0].data
    assert list(scorecard)[:3] == ["state", "value", "bound"]
    assert (scorecard["state"], scorecard["value"], scorecard["limit_name"]) == ("undecided", None, "pass_ratio_min")
    assert metadata["smoke, tuned: passed"] == 0.75
    assert metadata["report_page"].value == f"/reports/{tmp_path.name}/index.html"
    assert metadata["chart"].value.endswith("(data:image/png;base64,iVBORw==)")
    assert "chart" not in described_report(replace(paths, chart_png=b"x" * (CHART_BYTES_MAX + 1)))


@pytest.mark.parametrize(("tokens", "shown"), [((7, 5), 12), ((7, None), "unknown")])
def test_tokens_that_one_query_did_not_tell_are_unknown_and_not_left_out(tokens, shown):
    arms = tuple(
        ArmProgress(arm=f"arm{n}", done=1, total=1, failed=0, done_here=1, completion_tokens=count, elapsed_s=2.0)
        for n, count in enumerate(tokens)
    )
    assert described_outcome(BenchmarkOutcome(benchmark_run="b", arms=arms))["completion_tokens"] == shown


def test_the_arms_table_shows_no_progress_of_one_process():
    """Of a resumed arm, the time since its start holds the time that nothing ran."""
    arm = ArmProgress(arm="tuned", done=2, total=2, failed=0, done_here=1, completion_tokens=3, elapsed_s=3600.0)

    (record,) = described_outcome(BenchmarkOutcome(benchmark_run="b", arms=(arm,)))["arms"].records

    assert record.data == {"arm": "tuned", "done": 2, "total": 2, "failed": 0, "completion_tokens": 3}
