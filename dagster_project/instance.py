"""Dagster's own state, kept in the home: its folder, its settings, and runs whose process has died."""

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.instance.ref import InstanceRef

from dagster_project.partitions import benchmark_runs
from docmind_core.runs.keys import is_benchmark_run
from docmind_core.serving.engine_state import start_mark
from docmind_core.settings import Settings, without_syntax

# No max_runtime_seconds: it would end every benchmark that runs longer. Queries have deadlines of their own.
# Dagster's own retries come at once and don't know who stopped a run: `resuming.py` is the only one who resumes.
# Benchmarks run one at a time and wait for each other: two of the four places are always left to deliveries.
_RUNS = """\
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits: [{key: docmind/job, value: benchmark, limit: 2}]
"""
DAGSTER_YAML = f"""\
telemetry: {{enabled: false}}
concurrency:
  pools: {{default_limit: 1, granularity: op}}
{_RUNS}\
run_monitoring: {{enabled: true, cancel_timeout_seconds: 60}}
run_retries: {{enabled: false}}
retention:
  schedule: {{purge_after_days: 90}}
  sensor: {{purge_after_days: {{skipped: 2, success: 30, failure: 30, started: 30}}}}
"""

# The location has the same name as in the checkout's workspace.yaml: schedules keep their state by it.
WORKSPACE_YAML = """\
load_from:
  - python_module:
      module_name: dagster_project.definitions
      location_name: docmind
"""

_FILES = {
    "dagster.yaml": DAGSTER_YAML,
    "workspace.yaml": WORKSPACE_YAML,
    ".nux/nux.yaml": "seen: 1\n",  # without it the UI opens with a form that asks for an e-mail address
}

_NO_OUTPUT_KEPT = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}

_RECORDS_AT_ONCE = 500
_CLOCK_TOLERANCE_S = 5.0
"""For runs without a mark: psutil derives starts from the wall clock, which may be set between two looks."""

PROCESS_TAG = "docmind/process"
"""On a run: number and start of the process that executes it, `pid:boot_id:ticks`."""


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's folder with its settings, workspace and databases; files that exist are left as they are.

    Returns:
        The folder, by a path that Dagster can make a URL of.
    """
    settings.make_home()
    settings.dagster_home.mkdir(exist_ok=True)
    home = without_syntax(settings.dagster_home)
    with (home / "prepared").open("a+", encoding="utf-8") as prepared:
        # Two processes that make Dagster's databases at once break each other's.
        fcntl.flock(prepared, fcntl.LOCK_EX)
        _make_files(home)
        if prepared.tell() == 0:
            with dg.DagsterInstance.from_config(str(home)):
                prepared.write("yes\n")
    return home


def _make_files(home: Path) -> None:
    for name, text in _FILES.items():
        path = home / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def open_instance(settings: Settings, *, keeps_output: bool = True) -> dg.DagsterInstance:
    """Open the persistent instance of this home: runs of the command line and of the UI share it.

    Args:
        settings: Where the home is.
        keeps_output: Whether Dagster keeps what its runs print. On a terminal it must not: it would print through
            child processes of its own, which end with a traceback each on Ctrl-C.
    """
    overrides = {} if keeps_output else {"compute_logs": _NO_OUTPUT_KEPT}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(prepare_dagster_home(settings)), overrides=overrides))


def add_benchmark_run(instance: dg.DagsterInstance, benchmark_run: str) -> None:
    """Make the key known to Dagster; a key that is known already stays as it is."""
    instance.add_dynamic_partitions(str(benchmark_runs.name), [benchmark_run])


def forget_removed_runs(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Remove what Dagster keeps about keys without a frozen suite: partitions, runs with their events, old ticks.

    Every key has a frozen suite before Dagster knows it, so one without was removed, or was typed into the UI and never
    used.
    """
    for record in list(_records(instance)):
        run = record.dagster_run
        key = run.tags.get("dagster/partition") or run.tags.get("docmind/benchmark_run", "")
        if run.is_finished and is_benchmark_run(key) and not (settings.benchmarks / key).exists():
            instance.delete_run(run.run_id)
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            for path in (settings.dagster_home / "history" / "runs").glob(f"{run.run_id}.db*"):
                path.unlink(missing_ok=True)
    _purge_ticks(instance)
    for key in instance.get_dynamic_partitions(str(benchmark_runs.name)):
        if not (is_benchmark_run(key) and (settings.benchmarks / key).exists()):
            instance.delete_dynamic_partition(str(benchmark_runs.name), key)


def _records(instance: dg.DagsterInstance) -> Iterator[dg.RunRecord]:
    cursor = None
    while records := instance.get_run_records(limit=_RECORDS_AT_ONCE, cursor=cursor):
        yield from records
        cursor = records[-1].dagster_run.run_id


def _purge_ticks(instance: dg.DagsterInstance) -> None:
    """Remove the ticks that the daemon removes too; without a daemon only this does it."""
    now = datetime.now(UTC)
    for state in instance.all_instigator_state():
        for status, days in instance.get_tick_retention_settings(state.instigator_type).items():
            if days > 0:
                before = (now - timedelta(days=days)).timestamp()
                instance.purge_ticks(state.instigator_origin_id, state.selector_id, before, [status])


def mark_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Write down that this process executes a run, in a form that setting the clock does not move."""
    mark = start_mark(os.getpid())
    if mark is not None:
        instance.add_run_tags(run_id, {PROCESS_TAG: f"{os.getpid()}:{mark}"})


def fail_dead_runs(instance: dg.DagsterInstance, *, besides: str | None = None) -> tuple[str, ...]:
    """Fail the runs whose process is gone and free the pool slots that they hold; return their ids.

    A process that was killed with -9 leaves its run STARTED, and its slot of the pool `engine` blocks every
    later run forever: only a daemon would notice, and runs of the command line have none.

    Args:
        instance: Where to look.
        besides: Id of the run that asks; it is alive.
    """
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    dead = []
    for record in instance.get_run_records(started):
        run = record.dagster_run
        if run.run_id == besides or _process_lives(instance, record):
            continue
        instance.report_run_failed(run, "The process of this run died; materialize its partition again to resume it.")
        dead.append(run.run_id)
    _free_slots(instance)
    return tuple(dead)


def _free_slots(instance: dg.DagsterInstance) -> None:
    """Free the pool slots of runs that have ended: where Dagster itself fails a run whose process died, they stay held.

    Internal API of Dagster, the only way to free a slot; this is its one use, and tests hold it.
    """
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        for run_id in {slot.run_id for slot in storage.get_concurrency_info(pool).claimed_slots}:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                storage.free_concurrency_slots_for_run(run_id)


def living_benchmark(instance: dg.DagsterInstance) -> str | None:
    """Return the key of a benchmark run that a process of Dagster works on now, waits for or reports; None without."""
    fail_dead_runs(instance)
    running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    keys = (record.dagster_run.tags.get("dagster/partition", "") for record in instance.get_run_records(running))
    return next((key for key in keys if is_benchmark_run(key)), None)


def _process_lives(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    starts = instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.RUN_START)
    pid = starts[0].get_dagster_event().pid if starts else None
    if pid is None:
        return True
    marked_pid, _, mark = record.dagster_run.tags.get(PROCESS_TAG, "").partition(":")
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if marked_pid == str(pid):
            return start_mark(pid) == mark
        # A process younger than the run has inherited the number, not the work.
        return process.create_time() <= starts[0].timestamp + _CLOCK_TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
