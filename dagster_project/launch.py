"""Launching the benchmark job in this process, as the UI and the schedules launch it in theirs."""

import io
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.instance import types

from dagster_project.assets.metrics import limits, metrics_database
from dagster_project.assets.reports import performance_report
from dagster_project.checks import ledger_balanced, limit_checks, run_complete
from dagster_project.definitions import defs
from dagster_project.instance import add_benchmark_run, fail_dead_runs, open_instance
from dagster_project.progress import GivenObserver
from dagster_project.resources import StoreResource
from dagster_project.sensors.started_benchmarks import LAUNCHED_BY_TAG
from dagster_project.stops import canceled_when_stopped
from docmind_core.errors import RunError
from docmind_core.runs.frozen_suite import resume_command
from docmind_core.runs.progress import RunObserver, SilentObserver
from docmind_core.settings import Settings

# Everything stays in Dagster's event log; the terminal shows our own lines.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def launch_benchmark(settings: Settings, benchmark_run: str, observer: RunObserver, *, add_replicates: int = 0) -> None:
    """Run the job `benchmark` on the partition `benchmark_run`, in this process, and wait for its end.

    Raises:
        DocMindError: What a step raised.
        RunError: If a gate stopped the report; the gate and what it saw are named.
    """
    with open_instance(settings, keeps_output=False) as instance:
        _tell_of_dead_runs(instance, settings, benchmark_run, observer)
        add_benchmark_run(instance, benchmark_run)
        dagster_run_id = str(uuid.uuid4())
        with (
            canceled_when_stopped(instance, dagster_run_id),
            _named_gates(instance, benchmark_run, dagster_run_id),
            _quiet_event_log(),
        ):
            defs.resolve_job_def("benchmark").execute_in_process(
                run_config={**_QUIET, "ops": {"agent_runs": {"config": {"add_replicates": add_replicates}}}},
                instance=instance,
                partition_key=benchmark_run,
                run_id=dagster_run_id,
                tags={LAUNCHED_BY_TAG: "command line"},
                resources={"store": StoreResource(home=str(settings.home)), "observers": GivenObserver(observer)},
            )


def materialize_recorded(settings: Settings, benchmark_run: str) -> None:
    """Let Dagster know a run that was unpacked: its database, its report, its checks, and what they show in the UI."""
    shown, checks = (metrics_database, performance_report), (ledger_balanced, run_complete, limit_checks)
    with open_instance(settings, keeps_output=False) as instance, _quiet_event_log():
        add_benchmark_run(instance, benchmark_run)
        dg.materialize(
            [*shown, limits, *checks],
            selection=dg.AssetSelection.assets(*shown) | dg.AssetSelection.checks(*checks),
            run_config=_QUIET,
            instance=instance,
            partition_key=benchmark_run,
            tags={LAUNCHED_BY_TAG: "docmind demo"},
            resources={"store": StoreResource(home=str(settings.home)), "observers": GivenObserver(SilentObserver())},
        )


def _tell_of_dead_runs(
    instance: dg.DagsterInstance, settings: Settings, benchmark_run: str, observer: RunObserver
) -> None:
    """Fail runs whose process died, and say how to resume those that are not resumed here."""
    died = {
        run.tags["dagster/partition"]
        for run_id in fail_dead_runs(instance)
        if (run := instance.get_run_by_id(run_id)) is not None and "dagster/partition" in run.tags
    }
    for key in sorted(died - {benchmark_run}):
        observer.announce(
            f"the process of {key} died; its Dagster run was marked as failed and its slot released. "
            f"Resume it later: {resume_command(settings, key)}"
        )
    if benchmark_run in died:
        observer.announce(
            "the process of its last run died; that Dagster run was marked as failed and its slot released"
        )


@contextmanager
def _quiet_event_log() -> Iterator[None]:
    """Keep Dagster from printing the SQL of an event that it could not write: our own line says that the disk is full.

    Internal API of Dagster: its handler of log records writes to `sys.stderr` itself.
    """
    real = types.sys  # type: ignore[attr-defined]
    types.sys = SimpleNamespace(stderr=io.StringIO(), exc_info=sys.exc_info)  # type: ignore[attr-defined, assignment]
    try:
        yield
    finally:
        types.sys = real  # type: ignore[attr-defined]


@contextmanager
def _named_gates(instance: dg.DagsterInstance, benchmark_run: str, dagster_run_id: str) -> Iterator[None]:
    try:
        yield
    except DagsterAssetCheckFailedError as error:
        failed = []
        for entry in instance.all_logs(dagster_run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            evaluation = entry.get_dagster_event().asset_check_evaluation_data
            if evaluation.blocking and not evaluation.passed:
                failed.append(f"{evaluation.check_name}: {evaluation.description}")
        raise RunError(
            f"benchmark run {benchmark_run} has no report because a check failed. {'; '.join(failed)}. "
            f'For details: docmind sql "from ledger_balance"'
        ) from error
