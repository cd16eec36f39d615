import multiprocessing

import pytest

from docmind_core.errors import StoreError
from docmind_core.tables import reading
from docmind_core.tables.connecting import open_in_memory, open_new
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import ask_within_bounds, one_version, query_rows, query_segments
from tests.builders import RUN_ID, make_call_row, write_rows


def test_before_the_first_run_the_error_says_what_to_do(settings):
    with pytest.raises(StoreError, match="docmind bench smoke"):
        query_rows(settings, "select 1")


def test_names_and_rows_come_back_with_parameters_bound(settings):
    write_rows(settings, {"llm_calls": [make_call_row(), make_call_row("c2", tokens=(1, 1))]})
    publish(settings)
    sql = "select call_id, billed_tokens from llm_calls where billed_tokens > $least order by call_id"
    assert query_rows(settings, sql, {"least": 5}) == (["call_id", "billed_tokens"], [("c1", 13)])


def test_all_questions_of_a_report_are_answered_by_one_version(settings):
    """A run that ends while it is written is not in one half of it."""
    count = "select count(*) from llm_calls"
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    with one_version(settings):
        write_rows(settings, {"llm_calls": [make_call_row(), make_call_row("c2")]})
        publish(settings)
        assert query_rows(settings, count)[1] == [(1,)]
    assert query_rows(settings, count)[1] == [(2,)]


def test_only_the_rows_asked_for_are_fetched(settings):
    publish(settings)
    assert query_rows(settings, "select * from range(1000000)", max_rows=2)[1] == [(0,), (1,)]


def test_what_a_question_about_segments_took_is_given_back_to_the_system(settings, monkeypatch):
    threshold = "select current_setting('allocator_bulk_deallocation_flush_threshold')"
    given, give_back = [], reading.give_back
    monkeypatch.setattr(reading, "give_back", lambda database: given.append(give_back(database)))
    before = query_segments(settings.tables, [RUN_ID], threshold)
    with pytest.raises(StoreError):
        query_segments(settings.tables, [RUN_ID], "select colour from runs")
    assert (len(given), query_segments(settings.tables, [RUN_ID], threshold)) == (2, before)


def test_a_database_for_questions_or_for_publishing_has_little_memory_and_one_core(tmp_path):
    settings = "select current_setting('memory_limit'), current_setting('threads')"
    databases = (open_in_memory(), open_in_memory(small=True), open_new(tmp_path / "new.duckdb"))
    bounds = [database.execute(settings).fetchall() for database in databases]
    assert bounds == [[("244.1 MiB", 1)], [("91.5 MiB", 1)], [("91.5 MiB", 1)]]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select colour from runs", "colour"),
        ("selec 1", "selec"),
        ("insert into runs (run_id) values ('x')", "read-only"),
        ("select * from read_parquet('https://127.0.0.1/x.parquet')", "httpfs"),
    ],
)
def test_wrong_sql_is_a_store_error_with_the_database_s_own_words(settings, sql, message):
    publish(settings)
    with pytest.raises(StoreError, match=message):
        query_rows(settings, sql)


def test_a_file_that_is_not_a_database_is_named(settings):
    settings.home.mkdir()
    settings.metrics_database.write_text("not a database, whatever its name says" * 200)
    with pytest.raises(StoreError, match="can't be opened"):
        query_rows(settings, "select 1")


def test_segments_can_be_asked_before_they_are_published(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    write_rows(settings, {"llm_calls": []}, run_id="other.tuned")
    assert query_segments(settings.tables, [RUN_ID], "select run_id from runs")[1] == [(RUN_ID,)]


def test_only_the_named_tables_are_filled_when_a_question_needs_few(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    counts = "select (select count(*) from runs), (select count(*) from llm_calls)"
    assert query_segments(settings.tables, [RUN_ID], counts, tables=("llm_calls",))[1] == [(0, 1)]


def test_a_segment_that_is_damaged_inside_is_named_with_what_to_do(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    path = settings.tables / "llm_calls" / f"{RUN_ID}.parquet"
    content = bytearray(path.read_bytes())
    content[4:60] = b"x" * 56
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"(?s){RUN_ID}.parquet can't be read .*docmind doctor --repair"):
        query_segments(settings.tables, [RUN_ID], "select count(distinct run_id) from llm_calls")


ENDLESS = "select count(*) from range(1000000000) as a, range(1000000000) as b where a.range * b.range % 7 = 8"


@pytest.mark.parametrize("sql", [ENDLESS, "select count(*) from (select md5(repeat('a', 900000000)) from range(9999))"])
def test_a_question_without_end_is_ended(settings, sql):
    publish(settings)
    with pytest.raises(StoreError, match=r"no answer within 0.2 s\. .*--timeout"):
        ask_within_bounds(settings, sql, max_rows=10, timeout_s=0.2)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("sql", ["select repeat('a', 3000000000)", "select repeat('ab', 2000000000) from range(9)"])
def test_a_value_larger_than_the_memory_limit_is_refused(settings, monkeypatch, sql):
    monkeypatch.setattr(reading, "ADDRESS_SPACE_MAX", 2**29)
    publish(settings)
    with pytest.raises(StoreError, match="more than 2GB of memory"):
        ask_within_bounds(settings, sql, max_rows=10, timeout_s=300)


def test_a_question_within_the_bounds_is_answered(settings):
    publish(settings)
    assert ask_within_bounds(settings, "select 1 as one from range(9)", max_rows=2, timeout_s=60) == (
        ["one"],
        [(1,), (1,)],
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("copy (select 1) to '{folder}/out.csv'", "disabled"),
        ("select * from read_text('/etc/hosts')", "disabled"),
        ("attach '{folder}/other.duckdb'", "disabled"),
        ("set enable_external_access = true", "locked|while database is running"),
        ("create table mine (x int)", "read-only"),
    ],
)
def test_a_question_of_someone_s_own_touches_no_other_file(settings, tmp_path, sql, message):
    publish(settings)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=message):
        ask_within_bounds(settings, sql.format(folder=tmp_path), max_rows=10, timeout_s=60)
    assert sorted(tmp_path.rglob("*")) == before
