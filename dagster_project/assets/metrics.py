"""What the runs amount to: measurements, comparisons of tokens, and the published database."""

import dagster as dg

from dagster_project.assets.agent_runs import agent_runs
from dagster_project.assets.query_sets import queries
from dagster_project.metadata import (
    ROW_COUNT,
    column_schema,
    described_comparisons,
    described_database,
    described_levers,
    described_limits,
)
from dagster_project.partitions import benchmark_runs
from dagster_project.resources import StoreResource
from docmind_core.measurements.ablation import measure_levers
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.noise_floor import measure_noise
from docmind_core.measurements.run_comparison import compare_with_baselines
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.tables.publish import publish

GROUP = "metrics"


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    partitions_def=benchmark_runs,
    deps=[agent_runs, queries],
    metadata=column_schema("measurements"),
)
def measurements(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per metric and query run: its value, or the reason it has none."""
    suite = read_frozen_suite(store.settings(), context.partition_key)
    query_set = load_query_set(suite.query_set)
    rows = score_benchmark_run(store.settings(), context.partition_key, query_set, suite.defined_metrics)
    return dg.MaterializeResult(metadata={ROW_COUNT: rows})


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    partitions_def=benchmark_runs,
    deps=[measurements],
    metadata=column_schema("comparisons"),
)
def token_efficiency(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per metric and pair of arms, compared over the same queries."""
    suite = read_frozen_suite(store.settings(), context.partition_key)
    rows = compare_arms(store.settings(), context.partition_key, suite)
    rows += compare_times(store.settings(), context.partition_key)
    rows += compare_with_baselines(store.settings(), context.partition_key)
    measure_noise(store.settings(), context.partition_key)
    run_ids = [f"{context.partition_key}.{arm}" for arm in suite.arms]
    return dg.MaterializeResult(metadata=described_comparisons(store.settings(), run_ids, rows))


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    partitions_def=benchmark_runs,
    deps=[measurements, token_efficiency],
    metadata=column_schema("limit_results"),
)
def limits(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per limit of the suite, with its result; checks, alerts and reports read it."""
    settings = store.settings()
    suite = read_frozen_suite(settings, context.partition_key)
    rows = write_limits(settings.tables, context.partition_key, suite)
    return dg.MaterializeResult(metadata=described_limits(settings, context.partition_key, suite, rows))


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    partitions_def=benchmark_runs,
    deps=[measurements],
    metadata=column_schema("lever_effects"),
)
def ablation(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per lever and metric: its effect against the arm without it. Empty if no arm has levers."""
    rows = measure_levers(store.settings(), context.partition_key)
    return dg.MaterializeResult(metadata=described_levers(store.settings(), context.partition_key, rows))


@dg.asset(
    group_name=GROUP,
    kinds={"duckdb"},
    partitions_def=benchmark_runs,
    deps=[measurements, token_efficiency, limits, ablation],
)
def metrics_database(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One file with all tables and views of all benchmark runs; publishing never blocks its readers."""
    publish(store.settings(), ended=context.partition_key)
    return dg.MaterializeResult(metadata=described_database(store.settings()))
