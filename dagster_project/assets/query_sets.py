"""What is asked, and what it is asked about."""

import dagster as dg

from dagster_project.metadata import described_documents, described_index, described_queries
from dagster_project.partitions import benchmark_runs
from dagster_project.progress import ObserverFactory
from dagster_project.resources import StoreResource
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.retrieval.index import open_index
from docmind_core.runs.frozen_suite import read_frozen_suite

GROUP = "query_sets"


@dg.asset(group_name=GROUP, kinds={"python"}, partitions_def=benchmark_runs)
def documents(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per document of the suite's query set."""
    query_set = load_query_set(read_frozen_suite(store.settings(), context.partition_key).query_set)
    return dg.MaterializeResult(
        metadata=described_documents(query_set), data_version=dg.DataVersion(query_set.corpus_hash)
    )


@dg.asset(group_name=GROUP, kinds={"python"}, partitions_def=benchmark_runs)
def queries(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """One row per query of the suite's query set, with its gold answers and gold documents."""
    suite = read_frozen_suite(store.settings(), context.partition_key)
    query_set = load_query_set(suite.query_set)
    return dg.MaterializeResult(
        metadata=described_queries(query_set, suite), data_version=dg.DataVersion(query_set.query_set_hash)
    )


@dg.asset(group_name=GROUP, kinds={"python"}, partitions_def=benchmark_runs, deps=[documents])
def retrieval_index(
    context: dg.AssetExecutionContext, store: StoreResource, observers: dg.ResourceParam[ObserverFactory]
) -> dg.MaterializeResult[None]:
    """One row per chunk of a document, as the suite's searches return it."""
    suite = read_frozen_suite(store.settings(), context.partition_key)
    index = open_index(
        load_query_set(suite.query_set).documents,
        folder=store.settings().indexes,
        strategies=suite.searched_strategies,
        announce=observers.create(context.log).announce,
        language=suite.language,
    )
    return dg.MaterializeResult(metadata=described_index(index), data_version=dg.DataVersion(index.index_hash))
