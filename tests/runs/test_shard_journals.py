"""The journals of shards: what they begin with, and how they end in that of the run."""

import shutil

import pytest

from docmind_core.errors import RunError
from docmind_core.runs.fan_out import QUERIES_A_SHARD, cut_into_shards, divided
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.journal_entries import FailedCall
from docmind_core.runs.shard_journals import (
    ShardJournal,
    absorb_leftovers,
    absorb_shard,
    held_shard,
    seed_shard,
    shards_folder,
)
from docmind_core.settings import Settings


def _book(journal, query_id, status=None):
    key = QueryKey(run_id="run", query_id=query_id, replicate=0)
    row = {"agent": "a", "task": "t", "request_hash": "h", "attempt": 1, "query_id": query_id, "replicate": 0}
    row |= {"call_id": f"c-{query_id}", "status": status or "cut_off"}
    journal.book_attempt(key, row, ended=status is not None)
    return key


def test_a_shard_begins_with_what_is_known_of_its_queries_and_is_absorbed_once_however_often(tmp_path):
    path = tmp_path / "run.shards" / "arm.1.1.sqlite"
    with Journal(tmp_path / "run.sqlite") as main:
        ours, theirs = (_book(main, query_id) for query_id in ("q1", "q2"))
        error = {"error_type": "CallTimeout", "error_message": "late"}
        for key in (ours, theirs):
            main.note_failed(key, FailedCall(call_id=f"c-{key.query_id}", match=("a", "t", "h"), **error))
        main.note_late(ours, "a", "t")

        seed_shard(main, path, "run", [("q1", 0), ("q3", 1)], {("q1", 0): 7})
        with held_shard(path, wait_s=0), ShardJournal(path) as shard:
            assert shard.queries("run") == {("q1", 0): 7, ("q3", 1): None}
            assert [row["query_id"] for row in shard.unfinished_attempts("run")] == ["q1"]
            assert shard.late_calls(ours) == {("a", "t")}
            assert len(shard.failed_calls(ours)) == 1
            shard.forget_failed(ours)
            _book(shard, "q1", "finished")
            _book(shard, "q3", "finished")
            shard.finish_query(ours, {"query_runs": [{"query_id": "q1"}]})

        shutil.copytree(path.parent, tmp_path / "before")
        for _ in range(2):
            shutil.copytree(tmp_path / "before", path.parent, dirs_exist_ok=True)  # killed before the file was removed
            absorb_shard(main, path)
            assert [(row["call_id"], row["status"], ended) for row, ended in main.attempts("run")] == [
                ("c-q1", "finished", True),
                ("c-q2", "cut_off", False),
                ("c-q3", "finished", True),
            ]
            assert main.failed_calls(ours) == []
            assert len(main.failed_calls(theirs)) == 1
            assert main.finished_keys("run") == {("q1", 0)}
            assert not path.exists()


def test_a_shard_that_a_living_worker_writes_is_not_absorbed(tmp_path):
    settings, key = Settings(home=tmp_path), "20261130T000000Z-toy-0000"
    path = shards_folder(settings, key) / "arm.1.1.sqlite"
    with Journal(tmp_path / "run.sqlite") as main:
        seed_shard(main, path, "run", [("q1", 0)], {})
        with held_shard(path), pytest.raises(RunError, match=r"is still writing to .*arm\.1\.1\.sqlite"):
            absorb_leftovers(settings, key, main, wait_s=0)
        assert path.exists()
        path.with_name("arm.1.2.sqlite.part").touch()
        absorb_leftovers(settings, key, main, wait_s=0)
    assert not path.parent.exists()


def test_shards_are_of_one_size_and_as_many_for_each_worker():
    queries = [(f"q{number}", 0) for number in range(2 * QUERIES_A_SHARD + 1)]

    assert [len(shard) for shard in cut_into_shards(queries, 2)] == [1000, 1000, 1000, 1001]
    assert [len(shard) for shard in cut_into_shards(queries[:3], 8)] == [1, 1, 1]
    assert [query for shard in cut_into_shards(queries, 2) for query in shard] == queries
    assert divided(7, 3) == (3, 2, 2)
