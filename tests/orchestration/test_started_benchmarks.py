"""A benchmark started from the form of the web UI."""

import dagster as dg
import pytest

from dagster_project.definitions import defs
from dagster_project.instance import add_benchmark_run, open_instance
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from dagster_project.sensors.started_benchmarks import start_benchmark, started_benchmarks
from docmind_core.runs.frozen_suite import read_frozen_suite


def start(instance, settings, **form):
    return start_benchmark.execute_in_process(
        run_config={"ops": {"freeze": {"config": form}}},
        instance=instance,
        resources={"store": StoreResource(home=str(settings.home))},
        raise_on_error=False,
    )


def requested(instance, result):
    run = instance.get_run_by_id(result.run_id)
    event = next(event for event in result.all_events if event.event_type is dg.DagsterEventType.PIPELINE_SUCCESS)
    context = dg.build_run_status_sensor_context(
        sensor_name="started_benchmarks", dagster_event=event, dagster_instance=instance, dagster_run=run
    )
    return started_benchmarks(context)


def test_the_form_freezes_the_suite_with_its_changes_and_the_sensor_launches_it(settings):
    with open_instance(settings) as instance:
        result = start(instance, settings, suite="smoke", arms=["single_pass"], limit=2, engine="http://127.0.0.1:1/v1")
        request = requested(instance, result)
        assert instance.get_dynamic_partitions(benchmark_runs.name) == [request.partition_key]
    suite = read_frozen_suite(settings, request.partition_key)
    assert (suite.name, suite.arms, suite.limit) == ("smoke", ("single_pass",), 2)
    assert suite.engine.startswith("http://127.0.0.1:1")
    assert request.tags["docmind/launched_by"] == "web UI"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"suite": "smok"}, "smok"),
        ({"suite": "smoke", "arms": ["no_such_arm"]}, "no_such_arm"),
        ({"suite": "smoke", "limit": 0}, "limit"),
    ],
)
def test_a_form_that_does_not_fit_fails_with_the_reason_and_leaves_nothing(settings, form, problem):
    with open_instance(settings) as instance:
        result = start(instance, settings, **form)
        failure = next(event for event in result.all_events if event.is_step_failure)
        assert problem in str(failure.step_failure_data.error)
        assert instance.get_dynamic_partitions(benchmark_runs.name) == []
    assert not settings.benchmarks.exists() or list(settings.benchmarks.iterdir()) == []


def test_a_key_typed_into_the_ui_is_refused_in_one_line_and_marks_no_asset_as_failed(settings):
    with open_instance(settings) as instance:
        add_benchmark_run(instance, "no-such-run")
        result = defs.resolve_job_def("benchmark").execute_in_process(
            instance=instance,
            partition_key="no-such-run",
            resources={"store": StoreResource(home=str(settings.home))},
            raise_on_error=False,
        )
        [refusal] = [entry for entry in instance.all_logs(result.run_id) if "no-such-run" in entry.message]
        assert refusal.message == f"there is no benchmark run 'no-such-run' in {settings.home}. List them: docmind runs"
        # Dagster marks assets and checks of a run as failed only while the run's status is FAILURE.
        assert instance.get_run_by_id(result.run_id).status is dg.DagsterRunStatus.CANCELED
        assert instance.get_dynamic_partitions(benchmark_runs.name) == []
    assert [path.name for path in settings.home.iterdir()] == ["dagster"]
