"""The one job that every entry launches: command line, schedule, UI."""

import dagster as dg

from dagster_project.assets.agent_runs import agent_runs
from dagster_project.assets.metrics import ablation, limits, measurements, metrics_database, token_efficiency
from dagster_project.assets.query_sets import documents, queries, retrieval_index
from dagster_project.assets.reports import alert_states, performance_report

ASSETS = (
    documents,
    queries,
    retrieval_index,
    agent_runs,
    measurements,
    token_efficiency,
    limits,
    ablation,
    alert_states,
    metrics_database,
    performance_report,
)

benchmark_job = dg.define_asset_job(
    "benchmark",
    selection=list(ASSETS),
    tags={"docmind/job": "benchmark"},  # counted by the run queue (dagster.yaml), so that deliveries always have room
    executor_def=dg.in_process_executor,  # a process per step costs about five CPU seconds each
    description="One benchmark run, from its query set to its report; launching a key again resumes it.",
)
