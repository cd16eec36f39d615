import json
import re
from datetime import timedelta

import pytest

from docmind_core.errors import UsageError
from docmind_core.measurements.guide_grade import KNOWN_FAULTS
from docmind_core.reports import period as period_module
from docmind_core.reports.period import write_period_report
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment
from tests.builders import RUN_ID, make_query_run_row, write_rows
from tests.guide_example import AGENTS, START, guide_example

NOW = START + timedelta(minutes=30)
GUIDE_KEYS = {
    "report_period_hours",
    "agent_performance",
    "system_performance",
    "hourly_trends",
    "token_efficiency",
    "performance_grade",
    "recommendations",
}
HOSTILE = "<script>alert(1)</script>\x1b[31m|`*_"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    """A home with the guide's usage example, published."""
    settings = Settings(home=tmp_path_factory.mktemp("period") / "home")
    write_rows(settings, guide_example())
    publish(settings)
    return settings


def planted(tmp_path, tables) -> Settings:
    settings = Settings(home=tmp_path / "home")
    write_rows(settings, tables)
    publish(settings)
    return settings


def exported(settings, hours=1.0, now=NOW):
    report = write_period_report(settings, hours, "json", now=now)
    return report, json.loads(report.path.read_text("utf-8"))


def test_the_guides_usage_example_gives_the_guides_report(home):
    """S69, S70: all seven keys, through JSON and back."""
    _, report = exported(home)
    assert set(report) >= GUIDE_KEYS
    assert report["report_period_hours"] == 1
    assert set(report["agent_performance"]) == set(AGENTS)
    assert report["agent_performance"]["query_router"]["execution_count"] == 50
    system = report["system_performance"]
    assert (system["total_executions"], system["total_tokens_processed"]) == (150, 29_850)
    assert system["avg_execution_time"] == pytest.approx(0.445)
    assert system["avg_vram_usage"] == pytest.approx(13.225)
    assert system["peak_vram_usage"] == pytest.approx(14.45)
    assert report["token_efficiency"]["tokens_per_second"] == pytest.approx(447.19101123595505)
    assert report["token_efficiency"]["avg_tokens_per_execution"] == 199
    assert report["token_efficiency"]["token_processing_efficiency"] == "Normal"
    assert report["performance_grade_points"] == {
        "execution_time": 25, "vram": 20, "executions": 25, "tokens_per_second": 15,
        "points": 85, "points_possible": 100,
    }  # fmt: skip
    assert report["performance_grade"] == "A Good"
    assert report["recommendations"] == ["Low token efficiency detected - review context optimization strategies"]


def test_the_export_holds_the_records_under_the_guides_names_and_its_thresholds(home):
    """S68."""
    _, report = exported(home)
    assert report["schema_version"] == 1
    assert (report["metrics_count"], len(report["metrics"]), report["metrics_left_out"]) == (150, 150, 0)
    assert report["metrics"][0].items() >= {
        "timestamp": "2026-11-22T02:00:00.200000Z", "agent_name": "query_router", "execution_time": 0.2,
        "input_tokens": 100, "output_tokens": 50, "total_tokens": 150, "performance_level": "balanced",
    }.items()  # fmt: skip
    assert report["metrics"][0]["vram_usage_gb"] == pytest.approx(12.0)
    assert report["export_timestamp"] == "2026-11-22T02:30:00Z"
    assert report["performance_thresholds"] == {
        "agent_execution_time_max": 2.0, "token_efficiency_min": 40.0, "context_utilization_max": 90.0,
        "vram_usage_max": 15.0, "coordination_overhead_max": 0.5,
    }  # fmt: skip


def test_queries_and_executions_are_counted_apart(home):
    """S63, S65: throughput over the wall clock, prompt and completion apart."""
    _, report = exported(home)
    per_query = report["system_performance"]["per_query"]
    assert (per_query["query_runs"], per_query["runs"], per_query["failed"]) == (50, 1, 0)
    assert per_query["avg_execution_time"] == pytest.approx(3 * 0.445)
    # 3 * 6225 prompt tokens between the first query's start and the last one's end, 98 s + 2.07 s later
    wall_clock = report["token_efficiency"]["wall_clock"]
    assert wall_clock["seconds"] == pytest.approx(100.07)
    assert wall_clock["prompt_tokens_per_second"] == pytest.approx(3 * 6225 / 100.07)


def test_a_resumed_run_is_left_out_of_the_throughput_and_counted(tmp_path):
    """Nobody worked in its pause, so neither its seconds nor its tokens say anything about speed."""
    settings = planted(tmp_path, guide_example())
    resumed = RUN_ID.replace("7f3a", "aaaa")
    tables = guide_example(resumed, START - timedelta(minutes=20))
    tables["runs"] = [{**tables["runs"][0], "duration_s": None, "duration_missing_because": "resumed"}]
    write_rows(settings, tables, resumed)
    publish(settings)
    _, report = exported(settings)
    wall_clock = report["token_efficiency"]["wall_clock"]
    assert report["system_performance"]["per_query"]["query_runs"] == 100
    assert wall_clock["seconds"] == pytest.approx(100.07)
    assert wall_clock["prompt_tokens_per_second"] == pytest.approx(3 * 6225 / 100.07)
    assert (wall_clock["resumed_runs_left_out"], wall_clock["seconds_missing_because"]) == (1, None)
    assert "1 resumed left out" in write_period_report(settings, 1, "html", now=NOW).path.read_text("utf-8")


def test_a_long_list_of_records_is_cut_to_the_newest_and_says_so(home, monkeypatch):
    monkeypatch.setattr(period_module, "RECORDS_EXPORTED", 2)
    _, report = exported(home)
    assert (report["metrics_count"], report["metrics_left_out"]) == (150, 148)
    assert [record["query_id"] for record in report["metrics"]] == ["q49", "q49"]


def test_a_hundred_years_are_a_window_too(home):
    assert exported(home, hours=24 * 366 * 100)[1]["metrics_count"] == 150


def test_hours_are_hours_of_a_date_in_utc(tmp_path):
    """S64: as JSON; the guide's keys made json.dumps raise TypeError."""
    settings = planted(tmp_path, guide_example(rounds=1))
    other = "20261123T020000Z-smoke-aaaa.tuned"
    write_rows(settings, guide_example(other, START + timedelta(days=1), rounds=1), other)
    publish(settings)
    _, report = exported(settings, hours=48, now=START + timedelta(days=1, hours=1))
    assert list(report["hourly_trends"]) == ["2026-11-22T02:00:00Z", "2026-11-23T02:00:00Z"]
    hour = report["hourly_trends"]["2026-11-22T02:00:00Z"]
    assert hour["execution_time"] == {"mean": 0.2, "max": 0.2}
    assert (hour["total_tokens"], hour["vram_usage_gb"]) == ({"sum": 450}, {"mean": 12.0, "max": 12.0})


def test_no_two_reports_share_a_file_and_no_part_of_one_stays(home):
    """S68: the guide's export of the same second overwrote the one before."""
    first, second = (write_period_report(home, 1, "json", now=NOW + timedelta(minutes=5)) for _ in range(2))
    assert first.path.name == "performance_metrics_20261122_023500.json"
    assert second.path.name == "performance_metrics_20261122_023500_2.json"
    assert list(first.path.parent.glob(".*")) == []


@pytest.mark.parametrize("file_format", ["html", "md", "json"])
def test_without_a_database_or_a_row_in_the_window_it_is_the_guides_empty_state(tmp_path, home, file_format):
    """S61: "no data" is a state of its own."""
    nothing = Settings(home=tmp_path / "empty")
    for settings, now in ((nothing, NOW), (home, START)):
        report = write_period_report(settings, 24, file_format, now=now)
        assert report.document == {"status": "No recent metrics available"}
        assert "No recent metrics available" in report.path.read_text("utf-8")
        assert report.summary.startswith("No recent metrics available: nothing ran in the last 24 hours.")
    if file_format == "json":
        assert json.loads(report.path.read_text("utf-8")) == {"status": "No recent metrics available"}


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_window_that_is_none_is_refused(home, hours):
    with pytest.raises(UsageError, match="invalid number of hours"):
        write_period_report(home, hours, now=NOW)


def test_unknown_vram_gives_no_grade_but_its_partial_points(tmp_path):
    tables = guide_example()
    tables["device_samples"] = []
    settings = planted(tmp_path, tables)
    report, document = exported(settings)
    assert document["performance_grade"] == "n/a"
    assert document["performance_grade_points"]["vram"] is None
    assert document["performance_grade_points"]["points"] == 65
    assert "65 of 75 points without VRAM: not measured" in report.summary
    text = write_period_report(settings, 1, "md", now=NOW).path.read_text("utf-8")
    assert "not measured: no device sample" in text


def test_executions_that_took_no_time_give_no_rate_and_no_grade(tmp_path):
    """S65: the guide divided by zero."""
    tables = guide_example(rounds=2)
    for row in tables["spans"]:
        row["t1"] = row["t0"]
    _, report = exported(planted(tmp_path, tables))
    assert report["token_efficiency"]["tokens_per_second"] is None
    assert (report["token_efficiency"]["token_processing_efficiency"], report["performance_grade"]) == ("n/a", "n/a")


def test_a_period_of_resumed_queries_alone_is_not_empty(tmp_path):
    rows = [make_query_run_row(started_at=START, ended_at=START, times_missing_because="resumed")]
    _, report = exported(planted(tmp_path, {"query_runs": rows}))
    assert report["system_performance"]["total_executions"] == 0
    assert (report["system_performance"]["per_query"]["query_runs"], report["performance_grade"]) == (1, "n/a")


def test_the_page_and_its_twin_say_what_is_wrong_with_the_grade_and_name_the_device(home):
    for file_format in ("html", "md"):
        text = write_period_report(home, 1, file_format, now=NOW).path.read_text("utf-8")
        assert "Guide grade: A Good (85 of 100 points)" in text
        assert KNOWN_FAULTS[0].split(":")[0] in text
        assert "FAKE GPU, test stand-in" in text
        assert "447.19" in text


def test_hostile_names_stay_text(tmp_path):
    tables = guide_example(rounds=1)
    for row in tables["spans"]:
        row["name"] = HOSTILE
    settings = planted(tmp_path, tables)
    html = write_period_report(settings, 1, "html", now=NOW)
    text = html.path.read_text("utf-8")
    assert "<script" not in text
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)<script", write_period_report(settings, 1, "md", now=NOW).path.read_text("utf-8"))
    assert HOSTILE in exported(settings)[1]["agent_performance"]


def test_arms_are_distinguished(tmp_path):
    settings = planted(tmp_path, guide_example(rounds=1))
    other = RUN_ID.replace("naive_supervisor", "tuned")
    for table, rows in guide_example(other, rounds=2).items():
        write_segment(settings.tables, table, other, rows)
    publish(settings)
    assert exported(settings)[1]["executions_by_arm"] == {"naive_supervisor": 3, "tuned": 6}


def test_vram_that_is_known_for_some_executions_is_shown_with_its_n_and_not_graded(tmp_path):
    """S66: the rest may have needed anything."""
    tables = guide_example()
    tables["device_samples"] = tables["device_samples"][: 3 * 20]
    settings = planted(tmp_path, tables)
    _, report = exported(settings)
    system = report["system_performance"]
    # the last of 60 samples, at 39.17 s, holds for 30 s: 34 rounds and two executions of the 35th
    assert (system["total_executions"], system["vram_n"]) == (150, 104)
    assert report["performance_grade"] == "n/a"
    assert report["performance_grade_points"]["vram"] is None
    page = write_period_report(settings, 1.0, "md", now=NOW).path.read_text("utf-8")
    assert "n 104 of 150, so not graded" in page


def test_a_recommendation_is_shown_with_its_evidence_and_is_held_back_where_its_lever_is_on(tmp_path):
    """S67."""
    tables = guide_example()
    for sample in tables["device_samples"]:
        sample["mem_used_gib"] = 20.0
    tables["runs"][0]["manifest"] = json.dumps({"engine": {"profile": "rtx4090-fp8-128k"}})
    settings = planted(tmp_path, tables)
    _, report = exported(settings)
    assert not [text for text in report["recommendations"] if "FP8" in text]
    fp8 = next(row for row in report["recommendation_evidence"] if "FP8" in row["recommendation"])
    assert fp8 == {
        "recommendation": "Consider enabling FP8 KV cache optimization to reduce VRAM usage",
        "metric": "avg_vram_usage", "value": pytest.approx(21.47483648), "threshold": 14.0, "n": 150,
        "lever": "fp8_kv_cache", "held_back": True,
    }  # fmt: skip
    page = write_period_report(settings, 1.0, "md", now=NOW).path.read_text("utf-8")
    assert "omitted because fp8\\_kv\\_cache is in use" in page or "omitted because fp8_kv_cache is in use" in page


def test_a_report_that_can_not_be_written_leaves_nothing_under_its_name(home, monkeypatch):
    """S68: whole or not at all."""
    before = set((home.reports / "periods").glob("*"))

    def fail(file):
        raise OSError("disk full")

    monkeypatch.setattr(period_module.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_period_report(home, 1.0, "json", now=NOW)
    assert set((home.reports / "periods").glob("*")) == before
