"""What people read: the alerts of a benchmark run, which wait for no gate, and its report, which does."""

import dagster as dg

from dagster_project.alert_metadata import described_alerts
from dagster_project.assets.metrics import limits, measurements, metrics_database
from dagster_project.metadata import column_schema, described_report
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from docmind_core.alerts.evaluating import evaluate_alerts
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.period import write_period_report
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.tables.publish import publish


@dg.asset(
    group_name="alerts",
    kinds={"sqlite"},
    partitions_def=benchmark_runs,
    deps=[measurements, limits],
    metadata=column_schema("alert_evaluations"),
    # Before the gates: a launch in this process ends with the first step that fails.
    op_tags={"dagster/priority": "1"},
)
def alert_states(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per alert rule and series evaluated on this benchmark run; messages are queued for delivery."""
    settings, benchmark_run = store.settings(), context.partition_key
    outcome = evaluate_alerts(settings, benchmark_run, read_frozen_suite(settings, benchmark_run))
    publish(settings)
    return dg.MaterializeResult(metadata=described_alerts(settings, outcome))


EXPORTED_HOURS = 24.0
"""The guide's own default."""


@dg.asset(group_name="reports", kinds={"html", "markdown"}, partitions_def=benchmark_runs, deps=[metrics_database])
def performance_report(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One page per benchmark run, with its arms side by side and what they ran on, and the guide's daily export."""
    settings = store.settings()
    paths = write_benchmark_report(settings, context.partition_key)
    export = write_period_report(settings, EXPORTED_HOURS, "json")
    return dg.MaterializeResult(metadata={**described_report(paths), "export_path": dg.MetadataValue.path(export.path)})
