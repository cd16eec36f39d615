"""Two homes in one DuckLake, by the example in `examples/ducklake`; here its catalogue is a file, for one writer."""

import importlib.util

import pytest

from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.views import VIEWS
from tests.builders import make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows
from tests.documents import PROJECT

pytest.importorskip("duckdb_extension_ducklake", reason="pip install duckdb-extension-ducklake==1.5.5")

KEYS = ("20260101T000000Z-toy-0001", "20260102T000000Z-toy-0002")


@pytest.fixture
def homes(tmp_path):
    """Two homes with a benchmark run each."""
    found = [Settings(home=tmp_path / name) for name in ("one", "two")]
    for settings, key in zip(found, KEYS, strict=True):
        rows = {
            "runs": [make_run_row(benchmark_run=key)],
            "query_runs": [make_query_run_row(f"q{number}") for number in range(3)],
            "llm_calls": [make_call_row()],
            "measurements": [make_score_row("token_f1", 0.5)],
        }
        write_rows(settings, rows, f"{key}.tuned")
        publish(settings)
    return found


@pytest.fixture
def lake(tmp_path):
    """The example, and a connection to an empty lake."""
    spec = importlib.util.spec_from_file_location("ducklake_load", PROJECT / "examples" / "ducklake" / "load.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with example.open_lake(str(tmp_path / "lake.ducklake"), f"{tmp_path / 'files'}/") as connection:
        yield example, connection


def test_a_lake_holds_the_runs_of_all_homes_under_the_names_of_each_and_a_run_that_is_loaded_again_once(homes, lake):
    example, connection = lake
    for settings in (*homes, homes[0]):
        assert [retries for _, _, retries in example.load(connection, settings.home)] == [0]

    for name in TABLES:
        kept = sum(query_rows(settings, f"select count(*) from {name}")[1][0][0] for settings in homes)
        assert connection.execute(f"select count(*) from {name}").fetchall() == [(kept,)], name
    for view in ("token_efficiency", "latency_summary", "ledger_balance", "quality_summary"):
        expected = [row for settings in homes for row in query_rows(settings, f"from {view}")[1]]
        assert sorted(connection.execute(f"from {view}").fetchall(), key=repr) == sorted(expected, key=repr)
    for view in VIEWS:
        connection.execute(f"from {view.name}").fetchall()
    connection.execute("from report_period(24, null)").fetchall()
    assert connection.execute(f"from compare('{KEYS[0]}.tuned', '{KEYS[1]}.tuned')").fetchall() != []


def test_a_load_that_fails_leaves_the_run_that_was_there(homes, lake, monkeypatch):
    example, connection = lake
    list(example.load(connection, homes[0].home))

    columns = "select 'main' as schema_name, 'runs' as table_name, 'run_id' as column_name"
    monkeypatch.setattr(example, "COLUMNS", f"{columns} union all select 'main', 'no_such_table', 'run_id'")
    with pytest.raises(Exception, match="no_such_table"):
        list(example.load(connection, homes[0].home))
    assert connection.execute("select benchmark_run from runs").fetchall() == [(KEYS[0],)]
