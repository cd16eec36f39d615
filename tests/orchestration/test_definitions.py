"""What Dagster sees of the project."""

import dagster as dg

from dagster_project.definitions import defs
from docmind_core.metrics.limits import LIMITS

GRAPH = {
    "documents": set(),
    "queries": set(),
    "retrieval_index": {"documents"},
    "agent_runs": {"documents", "queries", "retrieval_index"},
    "measurements": {"agent_runs", "queries"},
    "token_efficiency": {"measurements"},
    "ablation": {"measurements"},
    "limits": {"measurements", "token_efficiency"},
    "alert_states": {"measurements", "limits"},
    "metrics_database": {"measurements", "token_efficiency", "limits", "ablation"},
    "performance_report": {"metrics_database"},
}
GROUPS = {
    "documents": "query_sets",
    "queries": "query_sets",
    "retrieval_index": "query_sets",
    "agent_runs": "agent_runs",
    "measurements": "metrics",
    "token_efficiency": "metrics",
    "limits": "metrics",
    "ablation": "metrics",
    "alert_states": "alerts",
    "metrics_database": "metrics",
    "performance_report": "reports",
}


def nodes():
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}


def test_the_asset_graph_is_the_flow_of_a_benchmark_run():
    assert {name: {parent.to_user_string() for parent in node.parent_keys} for name, node in nodes().items()} == GRAPH


def test_groups_carry_the_names_of_the_stages():
    assert {name: node.group_name for name, node in nodes().items()} == GROUPS


def test_all_assets_share_one_partition_and_say_what_one_row_is():
    assert {node.partitions_def.name for node in nodes().values()} == {"benchmark_run"}
    assert all(node.description.startswith("One ") for node in nodes().values())


def test_only_the_runs_hold_the_pool_of_the_engine():
    pools = {name: node.pools for name, node in nodes().items()}
    assert {name for name, pool in pools.items() if pool} == {"agent_runs"}
    assert pools["agent_runs"] == {"engine"}


def test_the_job_has_all_assets_and_both_gates_in_one_process():
    job = defs.resolve_job_def("benchmark")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(GRAPH)
    assert job.executor_def is dg.in_process_executor
    checks = defs.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in checks} == {
        ("metrics_database", "ledger_balanced"),
        ("metrics_database", "run_complete"),
        *(("limits", f"limit_{name}") for name in LIMITS),
        ("limits", "limits_on_other_metrics"),
    }


def test_limits_warn_and_only_the_two_gates_block():
    graph = defs.resolve_asset_graph()
    blocking = {key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == {"ledger_balanced", "run_complete"}


def test_sensors_run_without_being_asked_and_only_the_one_a_person_waits_for_more_than_once_a_minute():
    sensors = {sensor.name: sensor for sensor in defs.sensors}
    assert set(sensors) == {"alert_delivery", "failed_benchmarks", "overdue_benchmarks", "started_benchmarks"}
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
    # By name: with `job=` Dagster copies the sensor, which prints a warning of its own into every command.
    assert sensors["alert_delivery"].job_name == "deliver_alerts"
    often = {name for name, sensor in sensors.items() if sensor.minimum_interval_seconds < 60}
    assert often == {"started_benchmarks"}


def test_the_tables_show_their_columns():
    schema = nodes()["measurements"].metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns][:4] == ["run_id", "query_id", "replicate", "metric"]
    assert all(column.description for column in schema.columns)
