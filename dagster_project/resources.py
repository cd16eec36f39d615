"""What the assets are given: the home that they work in."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from dagster_project.instance import fail_dead_runs, mark_process
from dagster_project.partitions import benchmark_runs
from dagster_project.stops import PARTITION_TAG
from docmind_core.errors import RunError, UsageError
from docmind_core.runs.frozen_suite import suite_path
from docmind_core.settings import Settings, load_settings


def refuse_unknown_key(instance: dg.DagsterInstance, settings: Settings, run: dg.DagsterRun) -> None:
    """Cancel a run whose partition key has no frozen suite, and forget the key: the form of the UI lets you type any.

    Canceled, not failed: the UI shows every asset of a failed run as failed until that asset runs again.

    Raises:
        DagsterExecutionInterruptedError: If there is no such benchmark run. It ends the run before its first step.
    """
    key = run.tags.get(PARTITION_TAG)
    if key is None:
        return
    try:
        suite_path(settings, key)
    except UsageError as error:
        instance.delete_dynamic_partition(str(benchmark_runs.name), key)
        instance.report_run_canceling(run, str(error))
        raise dg.DagsterExecutionInterruptedError(str(error)) from None


class StoreResource(dg.ConfigurableResource[Settings]):
    """The home with its tables, journals, indexes and reports."""

    home: str | None = None
    """Folder of the home; by default what `DOCMIND_HOME` says."""

    def settings(self) -> Settings:
        """Return where things are."""
        return load_settings() if self.home is None else Settings(home=Path(self.home).absolute())

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Before a run's first step: free the slots of runs whose process died, otherwise this run waits forever."""
        if context.instance is None or context.run is None:
            return
        configured = context.run.run_config.get("resources")
        if isinstance(configured, Mapping) and "store" in configured:
            raise RunError("a run can't set its own home. Remove `resources: store` from its config.")
        refuse_unknown_key(context.instance, self.settings(), context.run)
        mark_process(context.instance, context.run.run_id)
        for run_id in fail_dead_runs(context.instance, besides=context.run.run_id):
            dg.get_dagster_logger().warning(f"the process of run {run_id} died; its pool slot was released")
