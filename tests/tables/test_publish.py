import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import duckdb
import pytest

from docmind_core.errors import StoreError
from docmind_core.tables import publish as publish_module
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import segment_path, write_segment
from docmind_core.tables.views import VIEWS
from tests.builders import RUN_ID, make_call_row, make_query_run_row, make_run_row, make_score_row, write_rows
from tests.documents import PROJECT


def test_an_empty_home_publishes_every_table_and_view(settings, with_comments):
    publish(settings)
    _, rows = query_rows(settings, "select table_name from information_schema.tables where table_schema = 'main'")
    assert {row[0] for row in rows} == {*TABLES, *(view.name for view in VIEWS)}


def test_every_table_view_and_column_has_a_comment_in_the_database(settings, with_comments):
    publish(settings)
    for source in ("duckdb_tables()", "duckdb_views()", "duckdb_columns()"):
        _, rows = query_rows(settings, f"select * from {source} where not internal and coalesce(comment, '') = ''")
        assert rows == []


def test_no_write_ahead_log_and_no_temporary_file_remain(settings, with_comments):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    assert {path.name for path in settings.home.iterdir()} == {"metrics.duckdb", "summaries", "tables"}


def test_publishing_again_shows_the_new_rows(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    write_rows(settings, {"llm_calls": [make_call_row(), make_call_row("c2")]})
    publish(settings)
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(2,)]


def test_a_row_that_is_there_twice_is_named_with_table_run_and_key_and_the_old_file_stays(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    write_rows(settings, {"llm_calls": [make_call_row(), make_call_row()]})
    with pytest.raises(
        StoreError, match=rf"table llm_calls, run {RUN_ID}: the row .*call_id=c1, attempt=1 is there twice"
    ):
        publish(settings)
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(1,)]
    assert {path.name for path in settings.home.iterdir()} == {"metrics.duckdb", "summaries", "tables"}


def test_a_null_in_a_key_is_named(settings):
    write_rows(settings, {"llm_calls": [make_call_row(call_id=None)]})
    with pytest.raises(StoreError, match=rf"table llm_calls, run {RUN_ID}: .*call_id=None.* has a NULL in its key"):
        publish(settings)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("measurements", make_score_row("exact_match", 1.0, missing_because="no_gold")),
        ("measurements", make_score_row("exact_match", None, missing_because=None)),
        ("llm_calls", make_call_row(prompt_tokens=None)),
    ],
)
def test_a_value_without_reason_or_a_reason_next_to_a_value_is_refused(settings, table, row):
    write_rows(settings, {table: [row]})
    with pytest.raises(StoreError, match=rf"table {table}, run {RUN_ID}: .* breaks the rule"):
        publish(settings)


def test_an_arm_whose_tables_are_not_all_written_is_not_published(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]}, "whole.tuned")
    write_segment(settings.tables, "llm_calls", "torn.tuned", [{**make_call_row(), "run_id": "torn.tuned"}])
    publish(settings)
    assert query_rows(settings, "select run_id from llm_calls")[1] == [("whole.tuned",)]


def test_a_segment_that_lacks_a_column_gets_null(settings):
    settings.tables.joinpath("runs").mkdir(parents=True)
    path = segment_path(settings.tables, "runs", "old.tuned")
    duckdb.execute(f"copy (select 'old.tuned' as run_id, 'old' as benchmark_run) to '{path}' (format parquet)")
    write_rows(settings, {})
    publish(settings)
    _, rows = query_rows(settings, "select run_id, arm from runs order by run_id desc")
    assert rows == [("old.tuned", None), (RUN_ID, "naive_supervisor")]


def test_a_segment_of_a_newer_version_is_named(settings):
    settings.tables.joinpath("runs").mkdir(parents=True)
    path = segment_path(settings.tables, "runs", "new.tuned")
    duckdb.execute(f"copy (select 'new.tuned' as run_id, 1 as colour) to '{path}' (format parquet)")
    with pytest.raises(StoreError, match="colour"):
        publish(settings)


def test_the_file_of_a_dead_publisher_goes_and_that_of_a_living_one_stays(settings):
    settings.home.mkdir()
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = settings.home / f"metrics.duckdb.{int(child.stdout)}.tmp"
    living = settings.home / f"metrics.duckdb.{os.getppid()}.tmp"
    dead.touch()
    living.touch()
    publish(settings)
    assert (dead.exists(), living.exists()) == (False, True)


def test_a_path_with_quotes_and_spaces_works(tmp_path):
    from docmind_core.settings import Settings

    settings = Settings(home=tmp_path / "o'hara's home")
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(1,)]


POLL = """
import os, sys, duckdb
stop, path, reads, last = sys.argv[2], sys.argv[1], 0, 0
while not os.path.exists(stop):
    connection = duckdb.connect(path, read_only=True)
    connection.execute("set enable_progress_bar = false")
    (count,) = connection.execute("select count(*) from llm_calls").fetchall()[0]
    connection.close()
    assert count >= last, (count, last)
    last, reads = count, reads + 1
print(reads)
"""


def test_readers_never_fail_and_counts_never_go_back_while_ten_versions_are_published(settings, tmp_path):
    write_rows(settings, {"llm_calls": []})
    publish(settings)
    stop = tmp_path / "stop"
    poller = subprocess.Popen(
        [sys.executable, "-c", POLL, str(settings.metrics_database), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    counts = []
    try:
        for count in range(1, 11):
            write_rows(settings, {"llm_calls": [make_call_row(f"c{place}") for place in range(count)]})
            publish(settings)
            counts += query_rows(settings, "select count(*) from llm_calls")[1]
    finally:
        stop.touch()
        output, trouble = poller.communicate(timeout=60)
    assert poller.returncode == 0, trouble
    assert int(output) > 0
    assert counts == [(count,) for count in range(1, 11)]


PUBLISH = """
import fcntl, sys
from pathlib import Path
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish

flock = fcntl.flock

def flock_and_tell(file, operation):
    try:
        flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waits", flush=True)
        flock(file, operation)

fcntl.flock = flock_and_tell
publish(Settings(home=Path(sys.argv[1])))
print("published", flush=True)
"""


def test_of_two_processes_that_publish_the_later_waits_and_shows_the_segments_of_both(settings, monkeypatch):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    create, shown = publish_module.create, []
    command = [sys.executable, "-c", PUBLISH, str(settings.home)]
    with ExitStack() as stack:

        def create_while_another_publishes(connection, **options):
            create(connection, **options)
            write_rows(settings, {"llm_calls": [make_call_row(), make_call_row("c2")]})
            other = stack.enter_context(subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True))
            shown.append(other.stdout.readline().strip())

        monkeypatch.setattr(publish_module, "create", create_while_another_publishes)
        publish(settings)

    assert shown == ["waits"]
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(2,)]


@pytest.fixture
def read(monkeypatch):
    """The tables and runs that are read from segments, in order."""
    read, insert = [], publish_module.insert

    def insert_noted(connection, folder, table, run_ids):
        read.extend((table.name, run_id) for run_id in run_ids)
        insert(connection, folder, table, run_ids)

    monkeypatch.setattr(publish_module, "insert", insert_noted)
    return read


def test_only_segments_written_since_are_read(settings, read):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    write_rows(settings, {"llm_calls": [make_call_row(), make_call_row("c2")]}, "key.tuned")
    read.clear()
    publish(settings)
    assert read == [("runs", "key.tuned"), ("llm_calls", "key.tuned")]
    write_segment(settings.tables, "llm_calls", RUN_ID, [make_call_row("c3")])
    read.clear()
    publish(settings)
    assert read == [("llm_calls", RUN_ID)]
    _, rows = query_rows(settings, "select run_id, call_id from llm_calls order by all")
    assert rows == [(RUN_ID, "c3"), ("key.tuned", "c1"), ("key.tuned", "c2")]


def test_a_database_that_nothing_would_change_is_not_replaced(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    before = publish(settings).stat().st_ino
    assert publish(settings).stat().st_ino == before


def test_the_rows_of_a_removed_segment_go(settings, read):
    for run_id in ("a.tuned", "b.tuned", "c.tuned"):
        write_rows(settings, {"llm_calls": [make_call_row()]}, run_id)
    publish(settings)
    for table in ("runs", "llm_calls"):
        segment_path(settings.tables, table, "b.tuned").unlink()
    read.clear()
    publish(settings)
    _, rows = query_rows(settings, "select run_id from runs join llm_calls using (run_id) order by 1")
    assert (rows, read) == ([("a.tuned",), ("c.tuned",)], [])


@pytest.mark.parametrize("trouble", ["of another version", "damaged", "rebuild asked for"])
def test_a_file_that_is_not_a_beginning_is_built_from_all_segments(settings, read, monkeypatch, trouble):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    if trouble == "of another version":
        monkeypatch.setattr(publish_module, "definitions", lambda: "another")
    elif trouble == "damaged":
        settings.metrics_database.write_bytes(b"no database")
    read.clear()
    publish(settings, rebuild=trouble == "rebuild asked for")
    assert read == [("runs", RUN_ID), ("llm_calls", RUN_ID)]
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(1,)]


KILLED = """
import os, signal, sys
from pathlib import Path
from docmind_core.settings import Settings
from docmind_core.tables import publish
publish.replace_durably = lambda part, target: os.kill(os.getpid(), signal.SIGKILL)
publish.publish(Settings(home=Path(sys.argv[1])))
"""


def test_a_publisher_killed_before_the_rename_leaves_the_old_file_and_the_next_one_publishes(settings):
    write_rows(settings, {"llm_calls": [make_call_row()]})
    publish(settings)
    write_rows(settings, {"llm_calls": [make_call_row()]}, "key.tuned")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(settings.home)], cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert query_rows(settings, "select run_id from llm_calls")[1] == [(RUN_ID,)]
    publish(settings)
    assert query_rows(settings, "select count(*) from llm_calls")[1] == [(2,)]
    assert {path.name for path in settings.home.iterdir()} == {"metrics.duckdb", "summaries", "tables"}


def test_many_runs_are_distinguished(settings):
    """S19."""
    for arm in ("single_pass", "tuned"):
        run_id = f"key.{arm}"
        write_segment(settings.tables, "runs", run_id, [make_run_row(run_id)])
        write_segment(settings.tables, "query_runs", run_id, [make_query_run_row(run_id=run_id)])
    publish(settings)
    _, rows = query_rows(
        settings, "select arm, count(*) from query_runs join runs using (run_id) group by arm order by arm"
    )
    assert rows == [("single_pass", 1), ("tuned", 1)]
