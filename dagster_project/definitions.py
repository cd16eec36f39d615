"""Everything Dagster knows of this project."""

import dagster as dg

from dagster_project.checks import ledger_balanced, limit_checks, run_complete
from dagster_project.jobs import ASSETS, benchmark_job
from dagster_project.progress import ObserverFactory
from dagster_project.resources import StoreResource
from dagster_project.schedules import suite_schedules
from dagster_project.sensors.alert_delivery import alert_delivery, deliver_alerts
from dagster_project.sensors.failed_benchmarks import failed_benchmarks
from dagster_project.sensors.overdue_benchmarks import overdue_benchmarks
from dagster_project.sensors.started_benchmarks import start_benchmark, started_benchmarks
from docmind_core.settings import load_settings, turn_telemetry_off

turn_telemetry_off()  # what a code server or a run's process of Dagster begins with is this module

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=[ledger_balanced, run_complete, limit_checks],
    jobs=[benchmark_job, start_benchmark, deliver_alerts],
    sensors=[alert_delivery, failed_benchmarks, overdue_benchmarks, started_benchmarks],
    schedules=suite_schedules(load_settings()),
    resources={"store": StoreResource(), "observers": ObserverFactory()},
    executor=dg.in_process_executor,
)
