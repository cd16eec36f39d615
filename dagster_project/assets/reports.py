"""What people read."""

import dagster as dg

from dagster_project.assets.metrics import metrics_database
from dagster_project.metadata import described_report
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.period import write_period_report

EXPORTED_HOURS = 24.0
"""The guide's own default."""


@dg.asset(group_name="reports", kinds={"html", "markdown"}, partitions_def=benchmark_runs, deps=[metrics_database])
def performance_report(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One page per benchmark run: its arms side by side, and what they ran on; and the guide's export of a day."""
    settings = store.settings()
    paths = write_benchmark_report(settings, context.partition_key)
    export = write_period_report(settings, EXPORTED_HOURS, "json")
    return dg.MaterializeResult(metadata={**described_report(paths), "export_path": dg.MetadataValue.path(export.path)})
