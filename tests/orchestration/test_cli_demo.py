"""`docmind demo`: a recorded run in a home of its own."""

import json

import dagster as dg
import pytest

from dagster_project.cli.main import run
from dagster_project.instance import open_instance
from dagster_project.launch import materialize_recorded
from docmind_core.metrics.reasons import REASONS
from docmind_core.runs.recorded_run import bundled_recording, pack, unpack
from docmind_core.settings import Settings
from docmind_core.tables.segments import read_segment
from scripts.record_demo import BYTES_MAX, traces
from tests.builders import BENCHMARK_RUN, make_run_row, write_rows

NOTE = "Recorded run: made on 2026-"


def test_the_recording_is_small():
    assert sum(len(file.read_bytes()) for file in bundled_recording().iterdir()) <= BYTES_MAX


def test_the_demo_shows_summary_sql_and_a_report_that_says_where_it_was_recorded(tmp_path, monkeypatch, capsys):
    home = tmp_path / "demo"
    assert run(["demo", str(home), "--no-ui"]) == 0
    shown = capsys.readouterr().out
    assert NOTE in shown
    assert "docmind sql" in shown
    (report,) = home.glob("reports/*/index.html")
    assert NOTE in report.read_text("utf-8")
    assert NOTE in report.with_name("report.md").read_text("utf-8")
    for text in (shown, report.read_text("utf-8"), report.with_name("report.md").read_text("utf-8")):
        assert not [code for code in REASONS if "_" in code and code in text.replace("\\", "")], "people read phrases"

    monkeypatch.setenv("DOCMIND_HOME", str(home))
    assert run(["runs"]) == 0
    *_, listed, newest, _ = capsys.readouterr().out.splitlines()
    assert listed.endswith("yes")
    assert newest == f"Newest report: {report}"
    assert run(["runs", "--json"]) == 0
    assert [row["report"] for row in json.loads(capsys.readouterr().out)] == [str(report)]
    assert run(["report", "--hours", "800000"]) == 0
    assert NOTE in capsys.readouterr().out
    (period,) = home.glob("reports/periods/*.html")
    assert NOTE in period.read_text("utf-8")


def test_the_demo_is_unpacked_again_and_never_into_a_home_of_yours(tmp_path, capsys):
    settings = Settings(home=tmp_path / "demo")
    assert unpack(bundled_recording(), settings) == unpack(bundled_recording(), settings)
    yours = tmp_path / "mine" / "benchmarks" / BENCHMARK_RUN
    yours.mkdir(parents=True)
    assert run(["demo", str(tmp_path / "mine"), "--no-ui"]) == 2
    assert "contains benchmark runs of your own" in capsys.readouterr().err
    assert [path.name for path in yours.parent.iterdir()] == [BENCHMARK_RUN]


@pytest.mark.parametrize("leaks", [False, True])
def test_a_recording_that_names_a_folder_of_this_machine_is_found_out(tmp_path, leaks):
    settings = Settings(home=tmp_path / "home")
    manifest = '{"hardware": {"processor": "X"}}' if not leaks else f'{{"hardware": {{}}, "path": "{settings.home}"}}'
    write_rows(settings, {"runs": [make_run_row(manifest=manifest)]})
    frozen = settings.benchmarks / BENCHMARK_RUN
    frozen.mkdir(parents=True)
    for name in ("suite.yaml", "source.yaml"):
        (frozen / name).write_text("name: smoke\n")
    pack(settings, BENCHMARK_RUN, tmp_path / "recording")

    found = list(traces(tmp_path / "recording", settings.home))
    assert bool(found) == leaks
    assert all("column manifest" in line for line in found)


def test_what_was_packed_is_what_is_unpacked(tmp_path):
    settings = Settings(home=tmp_path / "demo")
    key = unpack(bundled_recording(), settings)
    for arm in ("tuned", "extractive"):
        rows = read_segment(settings.tables, "query_runs", f"{key}.{arm}")
        assert {row["run_id"] for row in rows} == {f"{key}.{arm}"}
        assert len(rows) >= 8


def test_dagster_knows_the_recorded_run_its_database_its_report_and_its_checks(settings):
    key = unpack(bundled_recording(), settings)
    materialize_recorded(settings, key)
    with open_instance(settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("performance_report"))
        entries = instance.all_logs(event.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluated = {entry.dagster_event.event_specific_data.check_name for entry in entries}
    assert {"ledger_balanced", "run_complete", "limit_reduction_pct_min"} <= evaluated
    assert event is not None
    assert event.asset_materialization.partition == key
    assert (settings.reports / key / "index.html").exists()
