"""Scorecard and guide grade in the report of a benchmark run."""

from functools import cache
from pathlib import Path

import pytest

from docmind_core.measurements.grades import write_limits
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment
from tests.builders import make_run_row, write_rows
from tests.guide_example import guide_example
from tests.reports.planted_run import BENCHMARK_RUN, plant, planted_tables, run_id_of, settings_of

RUN_ID = run_id_of("tuned")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory):
    """Report the guide's example as the run of one arm, once for each suite."""

    @cache
    def report(*, plumbing: bool = False, vram_gb_max: float | None = None):
        limits = {} if vram_gb_max is None else {"vram_process_peak_gb": vram_gb_max}
        return report_example(tmp_path_factory.mktemp("graded"), plumbing=plumbing, limits=limits)

    return report


def report_example(tmp_path: Path, *, plumbing: bool, **suite: object):
    settings = Settings(home=tmp_path / "home")
    run = make_run_row(RUN_ID, level="balanced", plumbing=plumbing, duration_s=75.0)
    write_rows(settings, guide_example(RUN_ID) | {"runs": [run]}, RUN_ID)
    judged = Suite.model_validate({"name": "smoke", "query_set": "python-reference", "arms": ["tuned"], **suite})
    write_limits(settings.tables, BENCHMARK_RUN, judged)
    publish(settings)
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    return report, report.html.read_text("utf-8"), report.markdown.read_text("utf-8")


def test_each_limit_has_its_row_and_the_guides_five_stand_by_default(graded):
    report, html, markdown = graded()
    by_metric = {(row["metric"], row["agent"]): row for row in report.scorecard}
    latency = by_metric["agent_latency_p95_s", "query_router"]
    # 50 executions are too few for the interval of a p95
    assert (latency["state"], latency["n"], latency["bound"], latency["value"]) == ("undecided", 50, 2.0, None)
    memory = by_metric["vram_process_peak_gb", "all"]
    assert (memory["state"], memory["bound"]) == ("met", 15.0)
    assert memory["value"] == pytest.approx(14.45)
    assert memory["headroom_pct"] == pytest.approx(100 * 0.55 / 15)
    assert by_metric["reduction_pct", "all"]["state"] == "not measured"
    assert report.verdict.startswith("Scorecard of tuned: incomplete (hard limit not measured")
    for text in (html, markdown):
        assert "14.45 GB" in text
        assert "at most 2 s" in text
        assert "not measured: not" in text


def test_a_limit_of_the_suite_is_in_the_place_of_the_guides(graded):
    report, _, _ = graded(vram_gb_max=12.0)
    memory = next(row for row in report.scorecard if row["metric"] == "vram_process_peak_gb")
    assert (memory["state"], memory["bound"]) == ("missed", 12.0)


def test_the_summary_counts_the_limits_by_their_state(graded):
    report, _, _ = graded(vram_gb_max=12.0)
    states = {
        row["metric"]: row["state"]
        for row in report.scorecard
        if row["agent"] in {"all", "query_router"} and row["state"] != "not judged"
    }
    assert sorted(states.values()) == ["missed", "not measured", "not measured", "not measured", "undecided"]
    assert "Limits of tuned: 1 missed, 1 undecided, 3 not measured" in report.summary.splitlines()


def test_the_plumbing_model_gets_no_letter_and_the_report_says_why(graded):
    report, html, _ = graded(plumbing=True)
    assert report.verdict == "Scorecard of tuned: no grade (a smoke-test model)"
    assert report.verdict in html


def test_the_guide_grade_its_parts_and_its_recommendation_are_in_the_report(graded):
    report, html, markdown = graded()
    assert report.guide_grades == {"tuned": "A Good (85 of 100 points)"}
    sentence = "tuned: Low token efficiency detected - review context optimization strategies"
    for text in (html, markdown):
        assert "A Good" in text
        assert "85 of 100 points" in text
        assert "447.2" in text
        assert sentence in text
    assert report.chart_png is not None


def test_an_arm_without_executions_is_not_graded_and_not_recommended_anything(tmp_path):
    """S66."""
    settings = settings_of(tmp_path)
    plant(settings, planted_tables())
    arms = ("single_pass", "naive_supervisor", "tuned")
    write_limits(settings.tables, BENCHMARK_RUN, Suite(name="smoke", query_set="python-reference", arms=arms))
    publish(settings)
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    assert set(report.guide_grades) == set(arms)
    assert report.guide_grades["tuned"].startswith("n/a")
    assert "tuned: not measured: no agent execution has a time" in report.html.read_text("utf-8")


def test_a_run_whose_limits_were_not_measured_gets_no_letter_and_the_report_says_what_to_do(tmp_path):
    settings = Settings(home=tmp_path / "home")
    write_segment(settings.tables, "runs", RUN_ID, [make_run_row(RUN_ID)])
    publish(settings)
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    assert report.scorecard == ()
    assert "no grade (the limits were not measured; materialize the asset `limits`)" in report.summary
    assert report.verdict in report.html.read_text("utf-8")


def test_a_dimension_without_a_limit_shows_its_value_and_no_state(graded):
    report, html, markdown = graded()
    unlimited = {row["metric"]: row for row in report.scorecard if row["state"] == "not judged"}
    assert set(unlimited) == {"pass_ratio", "good_ratio"}
    assert (unlimited["good_ratio"]["value"], unlimited["good_ratio"]["headroom_pct"]) == (1.0, None)
    assert unlimited["good_ratio"]["low"] == pytest.approx(50 / (50 + 1.96**2), abs=1e-3)
    for text in (html, markdown):
        assert "reliability: the suite sets no limit" in text
        assert "quality: the suite sets no limit" in text


def test_a_p95_of_too_few_values_is_not_shown_and_memory_is_shown_with_cache_and_preemptions(graded):
    """S66, S59: 50 executions are no p95."""
    _, html, markdown = graded()
    for text in (html, markdown):
        assert "a p95 needs 130 values, got 50" in text
        assert "KV cache not sampled; preemptions not counted" in text
