"""The run of a damaged segment is resumed: the journal has what it held, and the engine isn't asked again."""

import sqlite3

import pytest

from docmind_core.runs import folding
from docmind_core.runs.folding import FOLDED
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.run_states import list_benchmark_runs
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import read_segment, segment_path
from tests.builders import make_toy_suite
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.runs.running import run, select


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run that each test damages and must leave as it was: its home, suite, engine and key."""
    folder = tmp_path_factory.mktemp("finished")
    queries = [
        {"query_id": one, "query": "What is the capital?", "answers": ["Paris"], "gold_doc_ids": ["d1"]}
        for one in ("q1", "q2")
    ]
    with FakeEngine() as engine:
        home = Settings(home=folder / "home")
        suite = make_toy_suite(str(write_query_set(folder / "set", queries=queries)), engine.url, arms=["single_pass"])
        yield home, suite, engine, run(home, suite)


@pytest.mark.parametrize("table", FOLDED)
def test_a_damaged_segment_is_rebuilt_when_the_run_is_resumed(finished, table):
    home, suite, engine, key = finished
    path, requests = segment_path(home.tables, table, f"{key}.single_pass"), len(engine.requests)
    before = read_segment(home.tables, table, f"{key}.single_pass")
    path.write_bytes(b"torn")
    publish(home)
    assert select(home, "select count(*) from runs") == [(0,)]
    run(home, suite, key)

    assert path.exists()
    assert read_segment(home.tables, table, f"{key}.single_pass") == before
    assert select(home, f"select count(*) from {table}") == [(len(before),)]
    assert len(engine.requests) == requests


def test_a_segment_that_is_there_is_not_written_again(home, make_suite):
    """The segment keeps what the journal has lost."""
    suite = make_suite(arms=["single_pass"], limit=2)
    key = run(home, suite)
    run_id = f"{key}.single_pass"
    samples = read_segment(home.tables, "device_samples", run_id)
    with sqlite3.connect(journal_path(home, key)) as journal:
        journal.execute("delete from ticks")
    journal.close()
    segment_path(home.tables, "spans", run_id).unlink()
    segment_path(home.tables, "runs", run_id).unlink()
    run(home, suite, key)

    assert samples
    assert read_segment(home.tables, "device_samples", run_id) == samples
    assert select(home, "select count(*) from runs") == [(1,)]


def test_a_finished_run_that_lacks_nothing_is_left_as_it_is(home, make_suite, monkeypatch):
    suite = make_suite(arms=["single_pass"], limit=2)
    key = run(home, suite)
    monkeypatch.delattr(folding, "fold_arm")
    run(home, suite, key)


def test_an_arm_without_its_tables_is_not_finished(home, make_suite):
    suite = make_suite(arms=["single_pass"], limit=2)
    key = run(home, suite)
    path = segment_path(home.tables, "runs", f"{key}.single_pass")
    path.unlink()
    assert [(state.finished, state.queries_done) for state in list_benchmark_runs(home)] == [(False, 2)]
    run(home, suite, key)
    assert [state.finished for state in list_benchmark_runs(home)] == [True]


def test_a_damaged_packed_file_is_rebuilt_for_every_arm_when_the_run_is_resumed(home, make_suite, engine):
    suite = make_suite(arms=["single_pass", "single_agent"], limit=2)
    key = run(home, suite)
    publish(home, ended=key)
    before, requests = select(home, "from llm_calls order by all"), len(engine.requests)
    segment_path(home.tables, "llm_calls", key).write_bytes(b"torn")
    publish(home)
    assert select(home, "select count(*) from runs") == [(0,)]
    run(home, suite, key)

    assert select(home, "from llm_calls order by all") == before
    assert [path.name for path in (home.tables / "llm_calls").iterdir()] == [f"{key}.parquet"]
    assert len(engine.requests) == requests
