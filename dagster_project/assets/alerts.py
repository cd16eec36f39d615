"""What the benchmark run means for the alerts; it hangs on no gate, so a run without a report still alerts."""

import dagster as dg

from dagster_project.alert_metadata import described_alerts
from dagster_project.assets.metrics import limits, measurements
from dagster_project.metadata import column_schema
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from docmind_core.alerts.evaluating import evaluate_alerts
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
    """One row is a rule evaluated in one series on this benchmark run; messages wait for their delivery."""
    settings, benchmark_run = store.settings(), context.partition_key
    outcome = evaluate_alerts(settings, benchmark_run, read_frozen_suite(settings, benchmark_run))
    publish(settings)
    return dg.MaterializeResult(metadata=described_alerts(settings, outcome))
