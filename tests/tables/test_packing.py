"""A benchmark run that has ended is one file per table; it can be read, scored, killed and damaged as before."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from docmind_core.settings import Settings
from docmind_core.tables.connecting import open_read_only
from docmind_core.tables.damage import damaged_runs
from docmind_core.tables.packing import pack
from docmind_core.tables.publish import publish
from docmind_core.tables.query_values import single_values
from docmind_core.tables.reading import query_rows, query_segments
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import (
    has_segment,
    read_columns,
    read_segment,
    remove_leftovers,
    segment_path,
    write_segment,
)
from tests.builders import make_call_row, make_score_row, write_rows
from tests.documents import PROJECT
from tests.tables.random_history import night


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A benchmark run of three arms, published arm by arm as it went and not packed."""
    settings = Settings(home=tmp_path_factory.mktemp("model"))
    for run_id, tables in night(0, queries=4):
        write_rows(settings, {**tables, "votes": []}, run_id)
    publish(settings)
    return settings


@pytest.fixture
def ended(model, settings):
    """A copy that a test may change."""
    shutil.copytree(model.home, settings.home)
    return settings


@pytest.fixture
def arms(model):
    return sorted(path.stem for path in (model.tables / "runs").glob("*.parquet"))


@pytest.fixture
def key(arms):
    return arms[0].partition(".")[0]


def files(settings):
    return sorted(str(path.relative_to(settings.tables)) for path in settings.tables.glob("*/*"))


def everything(settings, arms):
    return {(table, run_id): read_segment(settings.tables, table, run_id) for table in TABLES for run_id in arms}


def published(settings):
    with open_read_only(settings.metrics_database) as database:
        return {table: database.execute(f"from {table} order by all").fetchall() for table in TABLES}


def test_a_run_that_has_ended_is_one_file_per_table_and_empty_tables_are_none(ended, arms, key):
    rows, before = everything(ended, arms), published(ended)
    publish(ended, ended=key)
    tables = {table for (table, _), of_run in rows.items() if of_run and table != "runs"}
    assert "votes" not in tables
    assert files(ended) == sorted(
        [*(f"{table}/{key}.parquet" for table in tables), *(f"runs/{arm}.parquet" for arm in arms)]
    )
    assert (everything(ended, arms), published(ended)) == (rows, before)
    assert all(has_segment(ended.tables, "votes", arm) for arm in arms), "it was written, with no row"


def test_packed_rows_are_read_in_columns_in_sql_and_by_formula_as_those_of_one_arm(ended, arms, key):
    def read():
        columns = read_columns(ended.tables, "measurements", arms[1], ("value",), where=("metric", ("passed",)))
        asked = query_segments(
            ended.tables, arms[1:], "select run_id, count(*) from llm_calls group by all order by all"
        )
        halves = single_values(ended.tables, "llm_calls", arms[2], {"half": "billed_tokens / 2"})
        return columns, asked, list(halves["half"])

    before = read()
    pack(ended.tables, key, complete=True)
    assert read() == before


def test_what_is_written_again_counts_before_the_packed_rows_and_is_packed_when_it_is_published(ended, arms, key):
    publish(ended, ended=key)
    write_segment(ended.tables, "measurements", arms[1], [make_score_row("passed", 0.5, "new", arms[1])])
    others = [read_segment(ended.tables, "measurements", arm) for arm in (arms[0], arms[2])]
    query = "select query_id from measurements where run_id = $arm"
    assert query_segments(ended.tables, [arms[1]], query, {"arm": arms[1]})[1] == [("new",)]
    publish(ended)
    assert query_rows(ended, query, {"arm": arms[1]})[1] == [("new",)]
    assert not segment_path(ended.tables, "measurements", arms[1]).exists()
    assert [read_segment(ended.tables, "measurements", arm) for arm in (arms[0], arms[2])] == others
    for arm in arms:
        write_segment(ended.tables, "measurements", arm, [])
    publish(ended)
    assert list((ended.tables / "measurements").iterdir()) == []
    assert query_rows(ended, "select count(*) from measurements")[1] == [(0,)]


KILLED = """
import os, signal, sys
from pathlib import Path
from docmind_core.settings import Settings
from docmind_core.tables import packing
from docmind_core.tables.publish import publish
calls, wanted = 0, int(sys.argv[3])
def die_at(name):
    original = getattr(packing, name)
    def counted(*arguments):
        global calls
        calls += 1
        if calls == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    setattr(packing, name, counted)
for name in ("replace_durably", "forget_damage", "sync_folder"):
    die_at(name)
publish(Settings(home=Path(sys.argv[1])), ended=sys.argv[2])
"""


@pytest.mark.parametrize("moment", [1, 2, 3, 10])
def test_packing_that_was_killed_loses_nothing_and_is_finished_by_the_next(ended, arms, key, moment):
    rows = everything(ended, arms)
    command = [sys.executable, "-c", KILLED, str(ended.home), key, str(moment)]
    assert subprocess.run(command, cwd=PROJECT, check=False).returncode == -signal.SIGKILL
    assert everything(ended, arms) == rows
    publish(ended)
    before = published(ended)
    publish(ended, ended=key)
    assert (everything(ended, arms), published(ended)) == (rows, before)
    remove_leftovers(ended.tables)  # as the next benchmark run does
    assert not [name for name in files(ended) if name.count(".") > 1 and not name.startswith("runs/")]


def test_a_damaged_packed_file_leaves_its_run_out_until_every_arm_has_rows_again(ended, arms, key):
    write_rows(ended, {"llm_calls": [make_call_row()]}, "other.tuned")
    publish(ended, ended=key)
    calls = {arm: read_segment(ended.tables, "spans", arm) for arm in arms}
    path = segment_path(ended.tables, "spans", key)
    path.write_bytes(path.read_bytes()[:-9])
    publish(ended)
    assert query_rows(ended, "select run_id from runs")[1] == [("other.tuned",)]
    assert damaged_runs(ended.tables) == {arm: ["spans"] for arm in arms}
    assert not any(has_segment(ended.tables, "spans", arm) for arm in arms)

    for place, arm in enumerate(arms, start=1):
        write_segment(ended.tables, "spans", arm, calls[arm])
        publish(ended)
        assert query_rows(ended, "select count(*) from runs")[1] == [(1 + place,)]
    assert damaged_runs(ended.tables) == {}
    assert [path.name for path in (ended.tables / "spans").iterdir()] == [f"{key}.parquet"]
    assert {arm: read_segment(ended.tables, "spans", arm) for arm in arms} == calls


def test_a_packed_row_that_is_there_twice_is_named_with_its_file(ended, arms, key):
    write_segment(ended.tables, "llm_calls", arms[0], [make_call_row(run_id=arms[0]), make_call_row(run_id=arms[0])])
    with pytest.raises(Exception, match=rf"run {arms[0]}: the row .* is there twice.*llm_calls/{key}.parquet"):
        publish(ended, ended=key)


def test_rows_that_lack_a_column_are_packed_with_all_columns(ended, arms, key):
    path = segment_path(ended.tables, "spans", arms[0])
    old = pq.read_table(path).drop_columns(["semconv_version"])
    pq.write_table(old, path)
    pack(ended.tables, key, complete=True)
    rows = read_segment(ended.tables, "spans", arms[0])
    assert (len(rows), {row["semconv_version"] for row in rows}) == (len(old), {None})


READ = """
import sys
from pathlib import Path
from docmind_core.tables.reading import query_segments
from docmind_core.tables.segments import read_segment
folder, arm, stop = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
counts = set()
print("begun", flush=True)
while not stop.exists() or not counts:
    counts.add(len(read_segment(folder, "llm_calls", arm)))
    counts.add(query_segments(folder, [arm], "select count(*) from llm_calls")[1][0][0])
print(*counts)
"""


def test_a_reader_meanwhile_finds_each_row_once(ended, arms, key, tmp_path):
    rows, stop = read_segment(ended.tables, "llm_calls", arms[0]), Path(tmp_path, "stop")
    command = [sys.executable, "-c", READ, str(ended.tables), arms[0], str(stop)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "begun\n"
        for _ in range(20):
            pack(ended.tables, key, complete=True)
            for arm in arms:
                write_segment(ended.tables, "llm_calls", arm, [{**row, "run_id": arm} for row in map(aware, rows)])
        stop.touch()
        output = reader.communicate(timeout=60)[0]
    assert reader.returncode == 0
    assert output.split() == [str(len(rows))]


def aware(row):
    return {name: value for name, value in row.items() if not hasattr(value, "tzinfo")}
