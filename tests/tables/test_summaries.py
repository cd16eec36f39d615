"""Summaries: what is stored of a run is what its facts say, and it is computed once."""

import json
import math
import shutil
from pathlib import Path

import duckdb
import pytest

from docmind_core.settings import Settings
from docmind_core.tables import summaries as summaries_module
from docmind_core.tables.building import create, insert, sql_text
from docmind_core.tables.connecting import open_in_memory, open_read_only
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import empty_tables, query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import run_ids_of, segment_path, update_segment
from docmind_core.tables.stored_views import STORED
from docmind_core.tables.views import VIEWS
from tests.builders import write_rows
from tests.tables.random_history import night

OLD_SQL = {path.stem: path.read_text("utf-8") for path in sorted((Path(__file__).parent / "old_sql").iterdir())}
"""Views that were rewritten to select from stored rows, as they were before; those in `STORED` were not rewritten."""
PERIOD = "(1e6, until := '2026-03-04'::timestamp)"


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory):
    """Three nights, the last one published when the others had been."""
    settings = Settings(home=tmp_path_factory.mktemp("nights"))
    for number in range(3):
        for run_id, tables in night(number, queries=10):
            write_rows(settings, tables, run_id)
        if number:
            publish(settings)
    return settings


@pytest.fixture
def history(three_nights, settings):
    """A copy that a test may change; its files are as old as those of the original."""
    shutil.copytree(three_nights.home, settings.home)
    return settings


@pytest.fixture
def written(monkeypatch):
    """The runs of which summaries are written, in order."""
    written, write = [], summaries_module._write

    def write_noted(settings, paths, marks):
        written.extend(run_id.rpartition(".")[2] for run_id in paths)
        write(settings, paths, marks)

    monkeypatch.setattr(summaries_module, "_write", write_noted)
    return written


def in_order(rows):
    """Rows in an order that numbers which differ in their last digits don't change."""
    return sorted(rows, key=lambda row: repr([value for value in row if not isinstance(value, float)]))


def test_a_view_with_many_rows_of_a_run_is_stored_in_several_lists(history, monkeypatch):
    questions = [f"from {name} order by all" for name in ("agent_executions", "replicate_flips", "latency_summary")]
    before = [query_rows(history, question) for question in questions]
    monkeypatch.setattr(summaries_module, "_LIST_ROWS", 2)
    for path in (history.home / "summaries").iterdir():
        path.unlink()
    publish(history, rebuild=True)
    assert [query_rows(history, question) for question in questions] == before


@pytest.fixture
def facts(history):
    """The facts alone, from which every view is computed."""
    with open_in_memory() as facts:
        create(facts, stored=False)
        for table in TABLES.values():
            insert(facts, history.tables, table, [path.stem for path in (history.tables / "runs").iterdir()])
        facts.execute(f"create macro old_period(hours, until := null) as table {OLD_SQL['report_period']}")
        yield facts


def assert_same_rows(facts, published, query, source):
    """Compare all columns of a query over facts with those of the same names of a view, to nine digits."""
    old = in_order(facts.execute(query).fetchall())
    columns = ", ".join(f'"{column[0]}"' for column in facts.description)
    new = in_order(published.execute(f"select {columns} from {source}").fetchall())
    assert len(new) == len(old) > 0, source
    for row_of_old, row_of_new in zip(old, new, strict=True):
        for one, other in zip(row_of_old, row_of_new, strict=True):
            assert one == other or math.isclose(one, other, rel_tol=1e-9), (source, row_of_old, row_of_new)


def test_stored_rows_are_those_of_the_queries_over_facts(history, facts):
    public = {view.name for view in VIEWS}
    with open_read_only(history.metrics_database) as published:
        for view in STORED:
            source = view.name if view.name in public else f"store.{view.name}"
            assert_same_rows(facts, published, sql_text(view.name), source)


@pytest.mark.parametrize("name", OLD_SQL)
def test_a_rewritten_view_has_the_rows_and_columns_that_it_had_before_rows_were_stored(history, facts, name):
    query = f"from old_period{PERIOD}" if name == "report_period" else OLD_SQL[name]
    with open_read_only(history.metrics_database) as published:
        assert_same_rows(facts, published, query, f"{name}{PERIOD}" if name == "report_period" else name)


FACTS = ("query_runs", "llm_calls", "spans", "measurements", "votes", "retrieved")


def read_rows(plan):
    """Return how many rows each scan of a table of facts has passed on, by table."""
    found = [
        (one["extra_info"].get("Table", "").rpartition(".")[2], one["operator_cardinality"]) for one in nodes(plan)
    ]
    return [(table, count) for table, count in found if table in FACTS]


def nodes(plan):
    yield from (one for child in plan["children"] for one in (child, *nodes(child)))


@pytest.mark.parametrize("column", ["run_id", "benchmark_run"])
def test_a_filter_on_a_run_reaches_the_facts_of_every_view_and_of_a_join_with_runs(three_nights, column):
    with open_read_only(three_nights.metrics_database) as published:
        ((value,),) = published.execute(f"select max({column}) from runs").fetchall()
        questions = [f"from {table} join runs using (run_id)" for table in FACTS]
        questions += [f"from {view.name}" for view in VIEWS if column in view.columns]
        for question in questions:
            explained = f"explain (analyze, format json) {question} where {column} = '{value}'"
            ((_, plan),) = published.execute(explained).fetchall()
            for table, count in read_rows(json.loads(plan)):
                of_run = f"select count(*) from {table} join runs using (run_id) where {column} = '{value}'"
                ((known,),) = published.execute(of_run).fetchall()
                assert count <= known, (question, table)


def test_no_view_holds_each_run_against_all_others(three_nights):
    with open_read_only(three_nights.metrics_database) as published:
        for view in VIEWS:
            condition = " where agent = 'all'" if "agent" in view.columns else ""
            [[_, plan]] = published.execute(f"explain from {view.name}{condition}").fetchall()
            assert "BLOCKWISE_NL_JOIN" not in plan, view.name


def test_a_summary_is_written_once_and_again_when_its_run_is_scored_again(settings, written):
    for run_id, tables in night(0, queries=3):
        write_rows(settings, tables, run_id)
    publish(settings)
    assert written == ["naive_supervisor", "single_pass", "tuned"]
    [tuned] = [run_id for run_id in run_ids_of(settings.tables, run_id.rpartition(".")[0]) if run_id.endswith("tuned")]
    update_segment(settings.tables, "comparisons", tuned, lambda rows: rows[:1])
    publish(settings)
    assert len(written) == 3
    update_segment(
        settings.tables,
        "measurements",
        tuned,
        lambda rows: [{**row, "value": 1.0, "missing_because": None} for row in rows],
    )
    publish(settings)
    assert written[3:] == ["tuned"]
    asked = "select value from quality_summary where arm = 'tuned' and metric = 'passed' and query_type = 'all'"
    assert query_rows(settings, asked)[1] == [(1.0,)]


def test_a_rebuilt_database_takes_summaries_as_they_are_and_writes_those_that_are_damaged(history, written):
    before = query_rows(history, "from quality_summary")[1]
    publish(history, rebuild=True)
    assert written == []
    damaged, *_ = sorted((history.home / "summaries").glob("*.naive_supervisor.parquet"))
    content = damaged.read_bytes()
    third = len(content) // 3
    damaged.write_bytes(content[:third] + bytes(third) + content[2 * third :])  # its footer is whole
    publish(history, rebuild=True)
    assert written == ["naive_supervisor"]
    shutil.rmtree(history.home / "summaries")
    publish(history, rebuild=True)
    assert len(written) == 10
    assert query_rows(history, "from quality_summary")[1] == before


def test_the_rows_of_a_removed_run_go_from_the_views(history):
    for path in (history.tables / "runs").glob("20260301*"):
        path.unlink()
    publish(history)
    for view in ("quality_summary", "ledger_balance", "agent_executions", "metric_history"):
        _, rows = query_rows(history, f"select distinct run_id[:8] from {view} order by all")
        assert rows == [("20260302",), ("20260303",)], view


def test_a_segment_that_can_t_be_read_is_named_before_anything_is_published(settings):
    for run_id, tables in night(0, queries=2):
        write_rows(settings, tables, run_id)
    damaged = segment_path(settings.tables, "llm_calls", run_id)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    publish(settings)
    assert query_rows(settings, "select distinct arm from ledger_balance order by 1")[1] == [
        ("naive_supervisor",), ("single_pass",),
    ]  # fmt: skip


def test_the_scores_of_a_large_arm_are_summarised_metric_by_metric(history, monkeypatch):
    """The rows are those of all metrics at once, in the same order."""
    stored = "select * exclude (standard_error, freedom) from store.quality_summary"
    before, shown = query_rows(history, stored), list[str]()
    show_rows = summaries_module.show_rows

    def show_noted(connection, folder, table, run_ids, where):
        shown.append(where)
        show_rows(connection, folder, table, run_ids, where)

    monkeypatch.setattr(summaries_module, "show_rows", show_noted)
    monkeypatch.setattr(summaries_module, "_SCORES_AT_ONCE", 0)
    monkeypatch.setattr(summaries_module, "_BATCH_RUNS", 1)
    for path in (history.home / "summaries").iterdir():
        path.unlink()
    publish(history, rebuild=True)
    assert query_rows(history, stored) == before
    assert {"metric = 'passed'", "false", "true"} <= set(shown)


def test_a_run_that_does_not_fit_is_summarised_with_more_memory(history, monkeypatch):
    """A query that can't go on in the memory of publishing is asked again with more."""
    limits, write = [], summaries_module._write

    def write_noted(settings, paths, marks):
        [[limit]] = empty_tables(stored=True).execute("select current_setting('memory_limit')").fetchall()
        limits.append(limit)
        if len(limits) == 1:
            raise duckdb.OutOfMemoryException("failed to allocate")
        write(settings, paths, marks)

    before = query_rows(history, "from token_efficiency order by all")
    monkeypatch.setattr(summaries_module, "_write", write_noted)
    for path in (history.home / "summaries").iterdir():
        path.unlink()
    publish(history, rebuild=True)
    assert query_rows(history, "from token_efficiency order by all") == before
    assert limits[:2] == ["91.5 MiB", "1.8 GiB"]
    assert set(limits[2:]) <= {"91.5 MiB"}


def test_rows_of_stored_views_come_by_time_and_in_the_order_of_the_view(history):
    publish(history, rebuild=True)
    sorted_views = [view for view in STORED if view.order]
    for view in sorted_views:
        rows = query_rows(history, f"from {view.name}")
        assert rows == query_rows(history, f"from {view.name} order by {view.order}"), view.name
