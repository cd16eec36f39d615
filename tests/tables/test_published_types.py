"""The types that an analyst sees: JSON, lists and times with a zone, in every table and view."""

import json
from collections import defaultdict
from datetime import UTC, datetime

import duckdb
import pytest

import docmind_core
from docmind_core.runs.recorded_run import bundled_recording, unpack
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import one_version, query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import write_segment
from docmind_core.tables.views import VIEWS
from tests.builders import make_query_run_row, make_run_row

SAID_BY_A_MODEL = {"answer", "reply", "reasoning"}
"""Text that may happen to be JSON."""
STRUCTURED = r"max({0}) filter (regexp_matches({0}, '^\s*[\[{{]'))"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("recorded"))
    unpack(bundled_recording(), settings)
    publish(settings)
    return settings


@pytest.fixture(scope="module")
def columns(results):
    """Schema, table or view, column and type."""
    _, rows = query_rows(
        results, "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
    )
    assert {name for _, name, _, _ in rows} > {view.name for view in VIEWS} | set(TABLES)
    return rows


def test_no_time_lacks_its_zone(columns):
    assert [row for row in columns if "TIMESTAMP" in row[3] and row[3] != "TIMESTAMP WITH TIME ZONE"] == []
    named = [row for row in columns if row[2].endswith("_at") or row[2] in {"first_seen", "timestamp", "hour"}]
    assert len(named) > 40
    assert {row[3] for row in named} == {"TIMESTAMP WITH TIME ZONE"}


def test_no_text_holds_json_or_a_list(results, columns):
    texts = defaultdict(list)
    for schema, table, column, kind in columns:
        if kind == "VARCHAR" and column not in SAID_BY_A_MODEL:
            texts[f"{schema}.{table}"].append(STRUCTURED.format(f'"{column}"'))
    with one_version(results):
        found = {
            name: query_rows(results, f"select {', '.join(asked)} from {name}")[1] for name, asked in texts.items()
        }
    assert sum(map(len, texts.values())) > 300
    assert {table: row for table, (row,) in found.items() if any(row)} == {}


def test_json_and_lists_can_be_asked_into(results):
    sql = """
    select runs.arm, conditions ->> '$.model' as model, agent_sequence[1] as first_agent, unnest(passages) as passage
    from query_runs join runs using (run_id) where len(passages) > 1
    """
    _, rows = query_rows(results, sql)
    assert rows
    assert {type(value) for row in rows for value in row} == {str}


def test_half_of_a_character_in_json_or_a_list_is_published_as_a_question_mark(tmp_path):
    settings, run_id = Settings(home=tmp_path), "20261122T020000Z-smoke-7f3a.tuned"
    run = make_run_row(run_id, manifest=json.dumps({"said": "half \ud83d, whole \N{GRINNING FACE}"}))
    query = make_query_run_row("q1", run_id, citations=json.dumps(["\udc00", "b"]))
    write_segment(settings.tables, "runs", run_id, [run])
    write_segment(settings.tables, "query_runs", run_id, [query])
    publish(settings)
    _, rows = query_rows(settings, "select manifest ->> '$.said', citations from runs join query_runs using (run_id)")
    assert rows == [("half ?, whole \N{GRINNING FACE}", ["?", "b"])]


def test_what_a_view_says_does_not_depend_on_the_zone_of_who_asks(results):
    asked = ["report_period(1e6)", *({view.name for view in VIEWS} - {"open_alerts", "alerting_health"})]
    said = {}
    for zone in ("UTC", "Asia/Kolkata"):
        with duckdb.connect(str(results.metrics_database), read_only=True) as connection:
            connection.execute(f"set TimeZone = '{zone}'")
            said[zone] = {name: sorted(map(repr, _in_utc(connection, name))) for name in asked}
    assert said["UTC"] == said["Asia/Kolkata"]
    assert sum(map(len, said["UTC"].values())) > 300


def _in_utc(connection, name):
    for row in connection.execute(f"from {name}").fetchall():
        yield [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in row]


def test_a_notebook_gets_aware_times_in_utc_and_python_lists(results):
    home = docmind_core.open_home(results.home)
    frame = home.pandas("select started_at, citations from query_runs")
    assert str(frame["started_at"].dtype) == "datetime64[us, UTC]"
    table = home.arrow("select started_at, agent_sequence from query_runs")
    assert [str(field.type) for field in table.schema] == ["timestamp[us, tz=UTC]", "list<l: string>"]
