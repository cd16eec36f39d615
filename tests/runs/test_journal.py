"""The journal as a file: reading changes nothing, and equal calls are replayed one by one."""

import sqlite3

import pytest

from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.query_tools import finished_calls

KEY = QueryKey(run_id="k.tuned", query_id="q1", replicate=0)


def call(call_id, **changes):
    row = {"query_id": "q1", "replicate": 0, "agent": "query_router", "task": "route", "request_hash": "h"}
    return {**row, "call_id": call_id, "attempt": 1, "status": "finished", **changes}


def test_reading_a_journal_leaves_its_folder_as_it_is_and_writes_nothing(tmp_path):
    path = tmp_path / "a#journal?.sqlite"
    with Journal(path) as journal:
        journal.book_attempt(KEY, call("c1"), ended=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    with Journal(path, read_only=True) as journal:
        assert len(journal.attempts("k.tuned")) == 1
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before, "no log"
        with pytest.raises(Exception, match="readonly"):
            journal.book_attempt(KEY, call("c2"), ended=True)


def test_a_journal_that_is_being_written_shows_what_is_written(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as writer:
        writer.book_attempt(KEY, call("c1"), ended=True)
        with Journal(path, read_only=True) as reader:
            assert [row["call_id"] for row, _ in reader.attempts("k.tuned")] == ["c1"]


def test_a_journal_of_an_earlier_version_can_be_listed(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("create table finished_queries (run_id text, query_id text, replicate integer, rows text)")
    old.close()
    with Journal(path, read_only=True) as journal:
        assert journal.finished_keys("k.tuned") == set()


def test_equal_calls_of_one_query_are_kept_apart_in_their_order():
    attempts = [(call("c1", reply="first"), True), (call("c2", status="cut_off"), True)]
    attempts += [(call("c3", reply="second"), True), (call("c4", task="plan"), True)]
    calls = finished_calls(attempts)["q1", 0]
    assert {match[1]: [row["call_id"] for row in rows] for match, rows in calls.items()} == {
        "route": ["c1", "c3"],
        "plan": ["c4"],
    }
