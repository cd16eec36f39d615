"""A benchmark run leaves device samples; on a stand-in GPU, views and reports show its VRAM and its name."""

import json
import subprocess
import sys

import pytest

from docmind_core.reports.arm_notices import load_sentence
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.period import write_period_report
from docmind_core.reports.provenance import what_ran_table
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.progress import SilentObserver
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.alerts.builders import judge_and_evaluate
from tests.fakes.nvml import NAME, has_compiler, stand_in_environment
from tests.runs.running import interrupt, run, select

RUN_IN_CHILD = """
import sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.settings import Settings
from docmind_core.runs.progress import SilentObserver

execute_benchmark_run(Settings(home=Path(sys.argv[1])), sys.argv[2], dagster_run_id=None, observer=SilentObserver())
"""


def test_a_run_on_a_host_without_a_gpu_says_so_in_its_views(home, make_suite, monkeypatch):
    from docmind_core.telemetry import device_sampler
    from docmind_core.telemetry.gpus import NO_GPU, Gpus

    monkeypatch.setattr(device_sampler, "open_gpus", lambda: Gpus(because=NO_GPU))
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=2), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    _, rows = query_rows(home, "select distinct source, status from device_samples where source = 'host'")
    assert rows == [("host", "unavailable:no_gpu")]
    _, rows = query_rows(
        home, "select total_executions, avg_vram_usage, vram_missing_because from system_performance order by counted"
    )
    assert rows == [(2, None, "no_gpu"), (2, None, "no_gpu")]


def lag_samples(home):
    [row] = select(
        home, "select max(loop_lag_s), count(*) - count(loop_lag_s) from device_samples where source = 'host'"
    )
    return row


def test_the_lag_of_the_event_loop_is_sampled_and_the_report_says_how_large_it_was(home, make_suite, monkeypatch):
    run(home, make_suite(arms=["single_pass"], limit=2))
    largest, unknown = lag_samples(home)
    assert (largest >= 0.0, unknown) == (True, 0)

    monkeypatch.setattr("docmind_core.runs.arm_share.lag_peak_reader", lambda: lambda: 0.84)
    key = run(home, make_suite(arms=["single_pass"], limit=2))
    assert lag_samples(home) == (0.84, 0)
    records = read_benchmark(home, key)
    said = {row.heading: row.cells[0].text for row in what_ran_table(records, {}).rows}
    assert said["maximum platform lag"].startswith("840 ms (event loop)")
    assert said["load"].startswith(
        "closed loop, concurrency 3, calls in flight on average not measured (too few values)"
    )
    assert "The platform itself lagged by up to 840 ms" in load_sentence(records)


class LooksIntoTheJournal(SilentObserver):
    """Notes how many samples would survive a kill at the end of each query."""

    def __init__(self, path, run_id):
        self.path, self.run_id, self.kept = path, run_id, []

    def query_finished(self, progress):
        with Journal(self.path, read_only=True) as journal:
            self.kept.append(sum(map(len, journal.ticks(self.run_id))))


def test_the_samples_so_far_are_durable_when_a_query_has_ended(home, make_suite):
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], concurrency=1), home)
    observer = LooksIntoTheJournal(journal_path(home, key), f"{key}.single_pass")
    execute_benchmark_run(home, key, dagster_run_id=None, observer=observer)

    assert len(observer.kept) == 6
    assert observer.kept[-1] >= 1


def test_a_resumed_arm_has_the_samples_of_all_its_processes(home, make_suite, engine, monkeypatch):
    """The first sample of each process has no processor time: there is no interval before it."""
    suite = make_suite(arms=["single_pass"], concurrency=1)
    key = interrupt(home, suite, engine, monkeypatch)
    run(home, suite, key)

    firsts = "select count(*), count(distinct sampled_at_ns) from device_samples where host_cpu_pct is null"
    assert select(home, f"{firsts} and source = 'host'") == [(2, 2)]


@pytest.mark.skipif(not has_compiler(), reason="no gcc to build the stand-in for libnvidia-ml.so.1")
def test_vram_of_a_stand_in_gpu_is_in_views_and_reports_misses_its_limit_and_fires(home, make_suite, tmp_path):
    at_once = {"vram_process_peak_gb": {"min_n": 1, "for_evals": 1}}
    suite = make_suite(arms=["single_pass"], limit=2, alerts=at_once)
    key = freeze_benchmark_run(suite, home)
    subprocess.run(
        [sys.executable, "-c", RUN_IN_CHILD, str(home.home), key],
        env=stand_in_environment(tmp_path),
        check=True,
        timeout=300,
    )
    _, rows = query_rows(home, "select counted, peak_vram_usage from system_performance order by counted")
    assert [row[0] for row in rows] == ["agent_execution", "query"]
    # 19 GiB of its one process, in decimal GB
    assert [row[1] for row in rows] == [pytest.approx(19 * 1.073741824)] * 2
    report = write_period_report(home, 1, "json")
    assert [device["name"] for device in report.document["devices"] if device["source"] == "nvml"] == [NAME]
    assert json.loads(report.path.read_text("utf-8"))["performance_grade_points"]["vram"] == 5
    assert NAME in write_period_report(home, 1, "html").path.read_text("utf-8")
    alerted = judge_and_evaluate(home, key, suite)
    publish(home)
    benchmark = write_benchmark_report(home, key)
    assert f"{NAME}, driver 0.0-test" in benchmark.markdown.read_text("utf-8")
    memory = next(row for row in benchmark.scorecard if row["metric"] == "vram_process_peak_gb")
    # 20.4 GB against the guide's 15 GB
    assert (memory["state"], memory["value"]) == ("missed", pytest.approx(19 * 1.073741824))
    assert alerted.firing == ("vram_high",)
