"""What people read."""

import dagster as dg

from dagster_project.assets.metrics import metrics_database
from dagster_project.metadata import described_report
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from docmind_core.reports.benchmark import write_benchmark_report


@dg.asset(group_name="reports", kinds={"html", "markdown"}, partitions_def=benchmark_runs, deps=[metrics_database])
def performance_report(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One page per benchmark run: its arms side by side, and what they ran on."""
    paths = write_benchmark_report(store.settings(), context.partition_key)
    return dg.MaterializeResult(metadata=described_report(paths))
