"""The job from end to end with the core replaced: what the assets hand on, and what stops the report."""

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from dagster_project import checks, launch, resources
from dagster_project.assets import agent_runs, metrics, query_sets, reports
from dagster_project.instance import open_instance
from dagster_project.launch import launch_benchmark
from dagster_project.resources import StoreResource
from dagster_project.sensors import failed_benchmarks
from docmind_core.alerts.evaluating import AlertOutcome, evaluate_alerts
from docmind_core.alerts.listing import open_alerts
from docmind_core.errors import EngineUnreachable, RunError, StoreError
from docmind_core.measurements.grades import write_limits
from docmind_core.metrics.limits import default_limits
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.reports.benchmark import ReportPaths
from docmind_core.runs.benchmark import BenchmarkOutcome
from docmind_core.runs.progress import ArmProgress, SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.gates import ArmCount, LedgerRow
from tests.alerts.builders import plant_night_of

KEY = "20261122T020000Z-smoke-7f3a"
SUITE = Suite(name="smoke", query_set="python-reference", arms=("single_pass",), limit=1)
QUERY_SET = QuerySet(
    name="python-reference",
    documents=(Document(doc_id="a", title="A", text="Paris"), Document(doc_id="b", title="B", text="Rome")),
    queries=(Query(query_id="q1", text="Capital?", gold_answers=("Paris",)), Query(query_id="q2", text="Why?")),
    query_set_hash="sha256-queries",
    corpus_hash="sha256-documents",
)


class Index:
    index_hash = "sha256-index"
    chunks = {"a#0": None, "b#0": None}  # noqa: RUF012
    strategies = ("keyword_search",)


class Core:
    """Stands for the core; remembers what it was asked and in which order."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        self.state = "balanced"
        self.error = None

    def execute_benchmark_run(self, settings, benchmark_run, *, dagster_run_id, observer, **_):
        self.asked.append(("execute", benchmark_run))
        observer.announce("engine starting")
        if self.error is not None:
            raise self.error
        arm = ArmProgress(arm="single_pass", done=1, total=1, failed=0, done_here=1, completion_tokens=7, elapsed_s=2.0)
        return BenchmarkOutcome(benchmark_run=benchmark_run, arms=(arm,))

    def score_benchmark_run(self, settings, benchmark_run, query_set, own):
        self.asked.append(("score", benchmark_run, query_set.name))
        return 12

    def compare_arms(self, settings, benchmark_run, suite):
        self.asked.append(("compare", benchmark_run, suite.name))
        return 0

    def measure_levers(self, settings, benchmark_run):
        self.asked.append(("levers", benchmark_run))
        return 0

    def write_limits(self, folder, benchmark_run, suite):
        self.asked.append(("limits", benchmark_run))
        return write_limits(folder, benchmark_run, suite)

    def evaluate_alerts(self, settings, benchmark_run, suite):
        self.asked.append(("alerts", benchmark_run))
        return AlertOutcome(
            benchmark_run=benchmark_run, evaluations=0, firing=("run_failed",), repeated=(), resolved=(), seq=None
        )

    def publish(self, settings, **options):
        from docmind_core.tables.publish import publish

        self.asked.append(("publish",))
        return publish(settings, **options)

    def write_benchmark_report(self, settings, benchmark_run):
        self.asked.append(("report", benchmark_run))
        markdown = Path(self.folder) / "report.md"
        markdown.write_text("# Report")
        return ReportPaths(html=Path(self.folder) / "index.html", markdown=markdown, summary="all is well")

    def ledger_rows(self, settings, benchmark_run):
        numbers = dict.fromkeys(LedgerRow.__dataclass_fields__, 0)
        return (LedgerRow(**numbers | {"run_id": f"{KEY}.single_pass", "state": self.state, "because": "call c1"}),)

    def arm_counts(self, settings, benchmark_run):
        return (ArmCount(run_id=f"{KEY}.single_pass", arm="single_pass", expected_queries=1, query_runs=1, failed=0),)


def replace_core(monkeypatch, core):
    for module in (agent_runs, metrics, reports, checks):
        for name in vars(Core):
            if hasattr(module, name) and not name.startswith("_"):
                monkeypatch.setattr(module, name, getattr(core, name))
    for module in (query_sets, metrics, reports, checks):
        monkeypatch.setattr(module, "read_frozen_suite", lambda settings, key: SUITE)
    monkeypatch.setattr(resources, "suite_path", lambda settings, key: None)
    for module in (query_sets, metrics):
        monkeypatch.setattr(module, "load_query_set", lambda name: QUERY_SET)
    monkeypatch.setattr(query_sets, "open_index", lambda documents, **settings: Index())


@pytest.fixture
def core(tmp_path, monkeypatch):
    core = Core(tmp_path)
    replace_core(monkeypatch, core)
    return core


class Heard(SilentObserver):
    def __init__(self):
        self.lines = []

    def announce(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def launched(tmp_path_factory, dagster_home):
    """A key that was launched twice, once without an observer: each launch costs Dagster seconds."""
    settings = Settings(home=tmp_path_factory.mktemp("launched"))
    shutil.copytree(dagster_home, settings.dagster_home)
    core, heard = Core(settings.home), Heard()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DOCMIND_HOME", str(settings.home))
        replace_core(monkeypatch, core)
        launch_benchmark(settings, KEY, heard)
        asked = list(core.asked)
        with open_instance(settings) as instance:
            launch.defs.resolve_job_def("benchmark").execute_in_process(instance=instance, partition_key=KEY)
    return SimpleNamespace(settings=settings, asked=asked, asked_again=core.asked, heard=heard)


def test_a_launch_runs_the_core_in_order(launched):
    assert launched.asked == [
        ("execute", KEY),
        ("score", KEY, "python-reference"),
        ("levers", KEY),
        ("compare", KEY, "smoke"),
        ("limits", KEY),
        ("alerts", KEY),
        ("publish",),
        ("publish",),
        ("report", KEY),
    ]
    assert launched.heard.lines[0] == "engine starting"


def test_a_key_may_be_launched_again(launched):
    assert launched.asked_again == launched.asked * 2


def test_a_launch_leaves_its_numbers_in_dagsters_history(launched):
    """S72: typed values in the event log, no prints."""
    with open_instance(launched.settings) as instance:
        assert instance.get_dynamic_partitions("benchmark_run") == [KEY]
        counts = {}
        for name in ("documents", "queries", "retrieval_index", "agent_runs", "measurements"):
            event = instance.get_latest_materialization_event(dg.AssetKey(name))
            assert event.asset_materialization.partition == KEY
            counts[name] = event.asset_materialization.metadata["dagster/partition_row_count"].value
    assert counts == {"documents": 2, "queries": 2, "retrieval_index": 2, "agent_runs": 1, "measurements": 12}


def test_a_launch_exports_the_guides_metrics_too(launched):
    """S68: by the asset, with its schema version and its thresholds, or the guide's empty state."""
    with open_instance(launched.settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("performance_report"))
    path = Path(event.asset_materialization.metadata["export_path"].value)
    assert path.parent == launched.settings.reports / "periods"
    assert json.loads(path.read_text("utf-8")) == {"status": "No recent metrics available"}


def test_only_limits_that_are_set_have_a_result_and_without_data_it_says_so_first(launched):
    """S12."""
    with open_instance(launched.settings) as instance:
        entries = instance.all_logs(instance.get_runs()[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    words = {one.check_name: one.description.partition(":")[0] for one in found if one.check_name.startswith("limit_")}
    assert words == dict.fromkeys((f"limit_{name}" for name in default_limits()), "no data")


def test_without_an_observer_the_progress_goes_to_the_runs_log(launched):
    with open_instance(launched.settings) as instance:
        lines = [
            [entry.user_message for entry in instance.all_logs(run.run_id) if entry.level == logging.INFO]
            for run in instance.get_runs()
        ]
    assert ["engine starting" in messages for messages in lines] == [True, False], "newest first"


def test_an_unbalanced_ledger_stops_the_report_and_says_why(core, settings):
    core.state = "unbalanced"
    with pytest.raises(RunError, match=r"ledger_balanced: .*call c1"):
        launch_benchmark(settings, KEY, SilentObserver())
    assert ("report", KEY) not in core.asked
    assert ("alerts", KEY) in core.asked, "a run without a report still alerts"


@pytest.mark.parametrize("state", ["balanced", "unreconciled", "not_exclusive", "no_metrics"])
def test_a_ledger_with_a_named_cause_does_not_stop_the_report(core, state):
    core.state = state
    assert checks.judge_ledger(core.ledger_rows(None, KEY)).passed


def test_an_error_of_the_core_arrives_as_it_is_and_prints_nothing(core, settings, capfd):
    core.error = EngineUnreachable("nothing answers")
    with pytest.raises(EngineUnreachable, match="nothing answers"):
        launch_benchmark(settings, KEY, SilentObserver())
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_report_that_can_not_be_written_raises_an_alert_though_its_run_was_evaluated(core, settings, monkeypatch):
    def write_benchmark_report(settings, benchmark_run):
        raise StoreError("disk full")

    monkeypatch.setattr(reports, "write_benchmark_report", write_benchmark_report)
    monkeypatch.setattr(reports, "evaluate_alerts", evaluate_alerts)
    monkeypatch.setattr(failed_benchmarks, "read_frozen_suite", lambda settings, key: SUITE)
    plant_night_of(settings, KEY)
    with pytest.raises(StoreError, match="disk full"):
        launch_benchmark(settings, KEY, SilentObserver())
    assert open_alerts(settings) == []
    with open_instance(settings) as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"store": StoreResource(home=str(settings.home))}
        )
        with context:
            failed_benchmarks.failed_benchmarks.evaluate_tick(context)
    assert [row["rule_id"] for row in open_alerts(settings)] == ["report_failed"]
