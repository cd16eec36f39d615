"""The journal as a file: reading changes nothing, writing holds up no event loop, equal calls are replayed singly."""

import asyncio
import sqlite3
import threading

import pytest

from docmind_core.errors import RunError
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.resuming import finished_calls

KEY = QueryKey(run_id="k.tuned", query_id="q1", replicate=0)


def call(call_id, **changes):
    row = {"query_id": "q1", "replicate": 0, "agent": "query_router", "task": "route", "request_hash": "h"}
    return {**row, "call_id": call_id, "attempt": 1, "status": "finished", "phase": "measured", **changes}


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


class SlowDisk(Journal):
    """A journal whose disk takes nothing until it is let."""

    def __init__(self, path):
        self.disk, self.transactions, self.writers = threading.Event(), [], []
        super().__init__(path)

    def _commit(self, statements, *, waits):
        self.disk.wait(60)
        super()._commit(statements, waits=waits)
        self.transactions.append(len(statements))
        self.writers.append(threading.current_thread())


async def test_bookings_that_come_while_the_disk_is_busy_share_one_transaction_and_the_loop_is_free(tmp_path):
    with SlowDisk(tmp_path / "journal.sqlite") as journal:

        async def book(number):
            journal.book_attempt(KEY, call(f"c{number}"), ended=True)
            await journal.kept()

        bookings = [asyncio.create_task(book(number)) for number in range(100)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(booking.done() for booking in bookings), "the loop ran on, and nothing is said to be kept"
        journal.disk.set()
        await asyncio.gather(*bookings)
        assert len(journal.transactions) <= 2, "the one in progress, and all others"
        assert [row["call_id"] for row, _ in journal.attempts("k.tuned")] == [f"c{number}" for number in range(100)]


async def test_what_does_not_wait_for_the_disk_is_written_by_its_caller_unless_something_is_before_it(tmp_path):
    with SlowDisk(tmp_path / "journal.sqlite") as journal:
        journal.disk.set()
        journal.book_attempt(KEY, call("c1"), ended=True, waits=False)
        assert journal.writers == [threading.current_thread()]
        journal.disk.clear()
        journal.book_attempt(KEY, call("c2", status="cut_off"), ended=False)
        journal.disk.set()
        journal.book_attempt(KEY, call("c2"), ended=True, waits=False)
        assert [(row["call_id"], ended) for row, ended in journal.attempts("k.tuned")] == [("c1", True), ("c2", True)]


async def test_an_attempt_keeps_its_place_when_its_end_is_booked_and_the_end_is_what_is_read(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as journal:
        for call_id, ended in (("c1", False), ("c2", True), ("c1", True)):
            journal.book_attempt(KEY, call(call_id, status="finished" if ended else "cut_off"), ended=ended)
        rows = [(row["call_id"], row["status"], ended) for row, ended in journal.attempts("k.tuned")]
    assert rows == [("c1", "finished", True), ("c2", "finished", True)]


async def test_after_a_transaction_that_failed_nothing_is_written_and_whoever_waits_hears_of_it(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        with sqlite3.connect(path) as other:
            other.execute("drop table ticks")
        other.close()
        journal.book_ticks("k.tuned", [])
        journal.book_attempt(KEY, call("c1"), ended=True)
        with pytest.raises(RunError, match="no such table: ticks"):
            await journal.kept()
        journal.book_attempt(KEY, call("c2"), ended=True)
        with pytest.raises(RunError, match="rerun with --resume"):
            await journal.kept()
        assert journal.attempts("k.tuned") == []


def test_equal_calls_of_one_query_are_kept_apart_in_their_order():
    attempts = [call("c1", reply="first"), call("c2", status="cut_off")]
    attempts += [call("c3", reply="second"), call("c4", task="plan")]
    calls = finished_calls(attempts)
    assert {match[1]: [row["call_id"] for row in rows] for match, rows in calls.items()} == {
        "route": ["c1", "c3"],
        "plan": ["c4"],
    }
