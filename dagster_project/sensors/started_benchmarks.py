"""Starting a benchmark from the web UI: a job with a form freezes the suite, a sensor launches the run."""

import dagster as dg
from pydantic import Field

from dagster_project.instance import add_benchmark_run
from dagster_project.jobs import benchmark_job
from dagster_project.resources import StoreResource
from dagster_project.suite_changes import changed_suite
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.input_check import read_suite
from docmind_core.suites.suite import persistent_name

STARTED_TAG = "docmind/benchmark_run"
LAUNCHED_BY_TAG = "docmind/launched_by"


class BenchmarkForm(dg.Config):
    """What the form asks for; what is left out is as the suite says."""

    suite: str = Field(description="A bundled name such as smoke, or the absolute path of a suite file.")
    engine: str | None = Field(default=None, description="URL of a running server, or an engine profile.")
    arms: list[str] | None = Field(default=None, description="Run these arms instead of the suite's.")
    limit: int | None = Field(default=None, description="Run only the first N queries of the seeded order.")


@dg.op
def freeze(context: dg.OpExecutionContext, config: BenchmarkForm, store: StoreResource) -> None:
    """Check and freeze the suite; `started_benchmarks` launches it within 15 seconds."""
    source = read_suite(config.suite)
    changes = {"engine": config.engine, "arms": config.arms, "limit": config.limit}
    suite = changed_suite(source, {name: value for name, value in changes.items() if value is not None})
    key = freeze_benchmark_run(suite, store.settings(), source=source, named=persistent_name(config.suite))
    add_benchmark_run(context.instance, key)
    context.instance.add_run_tags(context.run_id, {STARTED_TAG: key})
    context.log.info("%s starts as soon as no other benchmark is running", key)


# Written out, since Dagster's form shows only the keys that have a value here.
_FORM = {"suite": "smoke", "engine": None, "arms": None, "limit": None}


@dg.job(executor_def=dg.in_process_executor, config={"ops": {"freeze": {"config": _FORM}}})
def start_benchmark() -> None:
    """Starts a new benchmark run: Launchpad, fill in the form, Launch run."""
    freeze()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[start_benchmark],
    request_job=benchmark_job,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def started_benchmarks(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Launches each benchmark run created by `start_benchmark` once."""
    key = context.dagster_run.tags.get(STARTED_TAG)
    if key is None:
        return dg.SkipReason(f"run {context.dagster_run.run_id} did not freeze a suite")
    return dg.RunRequest(run_key=key, partition_key=key, tags={LAUNCHED_BY_TAG: "web UI"})
