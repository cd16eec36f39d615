"""One damaged file of a home stops nothing else: it is set aside, named, and written again where a journal allows."""

import sqlite3

import pytest

from docmind_core.alerts.evaluating import evaluate_alerts
from docmind_core.alerts.listing import open_alerts
from docmind_core.errors import RunError, SuiteError
from docmind_core.measurements.grades import write_limits
from docmind_core.reports.benchmark_document import damaged_sentence
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.changed_suite import resume_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.health import examine
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.repair import repair
from docmind_core.settings import Settings
from docmind_core.tables.damage import damaged_files, damaged_runs
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows


@pytest.fixture
def suite(make_suite):
    return make_suite(arms=["single_pass"], limit=1, warmup=0)


def bench(home, suite):
    key = freeze_benchmark_run(suite, home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    return key


def evaluate(home, key, suite):
    write_limits(home.tables, key, suite)
    evaluate_alerts(home, key, suite)


def published_runs(home):
    return {run_id for (run_id,) in query_rows(home, "select run_id from runs")[1]}


def problems(home):
    return " ".join(f"{found.text} {found.advice}" for found in examine(home) if found.advice)


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("table", ["llm_calls", "query_runs", "runs"])
def test_a_damaged_segment_leaves_its_run_out_whole_and_stops_no_other(home, suite, table):
    old = bench(home, suite)
    cut_off(home.tables / table / f"{old}.single_pass.parquet")
    new = bench(home, suite)

    publish(home)
    assert published_runs(home) == {f"{new}.single_pass"}
    assert query_rows(home, "select count(*) from llm_calls") == query_rows(
        home, f"select count(*) from llm_calls where run_id = '{new}.single_pass'"
    )
    assert damaged_runs(home.tables) == {f"{old}.single_pass": [table]}
    assert f"{old}.single_pass" in damaged_sentence(home)
    assert "docmind doctor --repair" in problems(home)


def test_the_repair_writes_from_the_journal_what_was_there_before(home, suite):
    key = bench(home, suite)
    before = query_rows(home, "from llm_calls")
    cut_off(home.tables / "llm_calls" / f"{key}.single_pass.parquet")

    done = " ".join(repair(home))

    assert f"{key}.single_pass: rebuilt llm_calls from its journal" in done
    assert query_rows(home, "from llm_calls") == before
    assert damaged_files(home) == ()
    assert damaged_sentence(home) is None
    assert list(repair(home)) == [f"published {home.metrics_database}"]


def test_a_derived_table_comes_back_by_resuming_and_the_repair_says_so(home, suite):
    key = bench(home, suite)
    path = home.tables / "measurements" / f"{key}.single_pass.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PAR1")
    assert f"to recompute measurements without model calls, run: docmind bench toy --resume {key}" in " ".join(
        repair(home)
    )


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_database_of_alerts_is_set_aside_and_the_evaluation_goes_through(home, suite, content):
    key = bench(home, suite)
    evaluate(home, key, suite)
    for suffix in ("-wal", "-shm"):
        home.alerts_database.with_name(f"alerts.sqlite{suffix}").unlink(missing_ok=True)
    home.alerts_database.write_bytes(content)

    new = bench(home, suite)
    evaluate(home, new, suite)

    if content:  # SQLite takes an empty file for a new database
        assert [row["rule_id"] for row in open_alerts(home)] == ["file_damaged"]
        assert "alerts.sqlite" in problems(home)
        list(repair(home))
        evaluate(home, bench(home, suite), suite)
        evaluate(home, bench(home, suite), suite)
        assert open_alerts(home) == []


def test_a_flipped_byte_in_a_frozen_suite_is_one_line_that_names_the_file(home, suite):
    key = bench(home, suite)
    path = home.benchmarks / key / "source.yaml"
    path.write_bytes(path.read_bytes().replace(b"name", b"na\xffe", 1))

    evaluate(home, key, suite)
    bench(home, suite)
    with pytest.raises(SuiteError, match=r"source.yaml: damaged \(byte \d+ is not UTF-8\)"):
        resume_benchmark_run(home, key, suite, anyway=False)
    assert str(path) in problems(home)

    done = "\n".join(repair(home))
    assert f"benchmarks/{key}/source.yaml was set aside as source.yaml." in done
    assert str(path) not in problems(home)
    resume_benchmark_run(home, key, suite, anyway=False)


def test_a_damaged_journal_is_named_by_the_doctor(home, suite):
    key = bench(home, suite)
    path = journal_path(home, key)
    with sqlite3.connect(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    assert str(path) in problems(home)


def test_a_finished_run_whose_journal_is_gone_is_refused_instead_of_being_asked_again(home, suite, engine):
    key = bench(home, suite)
    asked = len(engine.requests)
    for path in home.journals.glob(f"{key}*"):
        path.unlink()

    with pytest.raises(RunError, match=r"sqlite is missing, but the tables of .* exist"):
        execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())
    assert len(engine.requests) == asked


def test_a_new_home_belongs_to_its_owner_alone(tmp_path, suite):
    home = Settings(home=tmp_path / "a" / "home")
    bench(home, suite)
    assert home.home.stat().st_mode & 0o777 == 0o700
