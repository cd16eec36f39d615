"""A run that died must not block the next one."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import dagster as dg
import psutil
import pytest

from dagster_project.definitions import defs
from dagster_project.instance import (
    PROCESS_TAG,
    add_benchmark_run,
    fail_dead_runs,
    open_instance,
    prepare_dagster_home,
)
from dagster_project.jobs import benchmark_job
from dagster_project.resources import StoreResource
from dagster_project.sensors.alert_delivery import deliver_alerts
from docmind_core.errors import RunError
from docmind_core.settings import Settings

# Dies like kill -9 in the step that holds the slot, or after it, in the process of the argument.
DYING_RUN = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    import dagster as dg
    from dagster_project.instance import open_instance
    from docmind_core.settings import Settings

    @dg.asset(pool="engine")
    def agent_runs():
        os._exit(9)

    job = dg.Definitions([agent_runs], jobs=[dg.define_asset_job("benchmark")]).resolve_job_def("benchmark")
    job.execute_in_process(instance=open_instance(Settings(home=Path(sys.argv[1]))))
""")


@pytest.fixture
def instance(settings):
    with open_instance(settings) as instance:
        yield instance


def test_a_dead_run_is_failed_and_its_slot_is_free_again(settings, instance):
    subprocess.run([sys.executable, "-c", DYING_RUN, str(settings.home)], check=False, capture_output=True)
    [dead] = instance.get_runs()
    assert dead.status is dg.DagsterRunStatus.STARTED
    assert instance.event_log_storage.get_concurrency_info("engine").active_slot_count == 1

    assert fail_dead_runs(instance) == (dead.run_id,)

    assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
    assert instance.event_log_storage.get_concurrency_info("engine").active_slot_count == 0
    assert fail_dead_runs(instance) == ()


def test_the_slot_of_a_run_that_dagster_itself_has_failed_is_free_again(settings, instance):
    """Its daemon notices that the process of a scheduled run died, and leaves the slot with it for ever."""
    subprocess.run([sys.executable, "-c", DYING_RUN, str(settings.home)], check=False, capture_output=True)
    [dead] = instance.get_runs()
    instance.report_run_failed(dead)
    assert instance.event_log_storage.get_concurrency_info("engine").active_slot_count == 1

    assert fail_dead_runs(instance) == ()
    assert instance.event_log_storage.get_concurrency_info("engine").active_slot_count == 0


def test_a_living_run_keeps_its_slot(instance):
    seen = []

    @dg.asset(pool="engine")
    def agent_runs(context):
        seen.append(fail_dead_runs(context.instance))
        seen.append(context.instance.event_log_storage.get_concurrency_info("engine").active_slot_count)

    assert dg.materialize([agent_runs], instance=instance).success
    assert seen == [(), 1]


def test_a_living_run_is_not_failed_when_the_clock_is_set(settings, instance, monkeypatch):
    """The sensor asks this every minute: a step of the clock must end no benchmark."""
    true_start = psutil.Process.create_time
    seen = []

    @dg.asset(pool="engine")
    def agent_runs(context, store: dg.ResourceParam[Settings]):
        seen.append(fail_dead_runs(context.instance))
        for step_s in (3600, -3600):
            monkeypatch.setattr(psutil.Process, "create_time", lambda process, s=step_s: true_start(process) + s)
            seen.append(fail_dead_runs(context.instance))
        seen.append(context.instance.event_log_storage.get_concurrency_info("engine").active_slot_count)

    store = StoreResource(home=str(settings.home))
    assert dg.materialize([agent_runs], instance=instance, resources={"store": store}).success
    assert seen == [(), (), (), 1]


def test_a_process_that_inherited_the_number_of_a_run_is_not_its_process(instance):
    seen = []

    @dg.asset
    def agent_runs(context):
        context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: f"{os.getpid()}:another-boot:1"})
        seen.extend(fail_dead_runs(context.instance))

    with suppress(Exception):
        dg.materialize([agent_runs], instance=instance)
    [run] = instance.get_runs()
    assert seen == [run.run_id]


def test_the_files_of_dagsters_home_are_written_once(tmp_path):
    settings = Settings(home=tmp_path / "new")
    home = prepare_dagster_home(settings)
    assert "telemetry: {enabled: false}" in (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    prepare_dagster_home(settings)

    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_processes_that_open_a_new_home_at_once_do_not_break_each_other(tmp_path):
    settings = Settings(home=tmp_path / "new")

    def opened(_):
        with open_instance(settings) as instance:
            add_benchmark_run(instance, "20261122T020000Z-toy-7f3a")
            return instance.get_runs_count()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(opened, range(4))) == [0, 0, 0, 0]


def test_pools_hold_one_step_each(instance):
    assert instance.event_log_storage.get_concurrency_info("engine").slot_count in {0, 1}
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_waiting_benchmarks_leave_room_for_deliveries(instance):
    """S59: an alert is not starved by the benchmarks of the night."""
    queue = instance.get_concurrency_config().run_queue_config
    assert queue.max_concurrent_runs == 4
    assert queue.tag_concurrency_limits == [{"key": "docmind/job", "value": "benchmark", "limit": 2}]
    assert benchmark_job.tags["docmind/job"] == "benchmark"
    assert "docmind/job" not in deliver_alerts.tags


def test_the_config_of_a_run_can_not_choose_a_home(settings, tmp_path):
    config = {"resources": {"store": {"config": {"home": str(tmp_path / "elsewhere")}}}}
    with open_instance(settings) as instance:
        add_benchmark_run(instance, "20261122T020000Z-smoke-7f3a")
        job = defs.resolve_job_def("benchmark")
        with pytest.raises(dg.DagsterError) as caught:
            job.execute_in_process(instance=instance, partition_key="20261122T020000Z-smoke-7f3a", run_config=config)
    assert isinstance(caught.value.__cause__, RunError)
    assert not (tmp_path / "elsewhere").exists()
