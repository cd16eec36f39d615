"""Shards by way of a store: the same rows, and of a lost node all that it had put there."""

import asyncio
import shutil

import pytest

from docmind_core.errors import RunError
from docmind_core.runs.journal import Journal
from docmind_core.runs.shard_journals import ShardJournal, absorb_shard, held_shard, seed_shard
from docmind_core.runs.shard_store import LOG, Place, place_file, within
from docmind_core.runs.stored_shards import in_store, run_stored_shard
from docmind_core.settings import Settings
from tests.runs.running import run, select
from tests.runs.test_shard_journals import _book
from tests.runs.test_shards import LEDGER, ROWS, Threads


def test_nodes_that_share_a_store_alone_leave_the_rows_of_one_process(home, make_suite, tmp_path, monkeypatch):
    store, stored_shards = tmp_path / "store", []

    class InStore(Threads):
        async def run(self, worker, spec):
            async with in_store(store.as_uri(), spec) as stored:
                stored_shards.append(stored)
                return await asyncio.to_thread(run_stored_shard, stored)

    alone = Settings(home=tmp_path / "alone")
    run(alone, make_suite(arms=["single_pass", "tuned"]))
    monkeypatch.setattr("docmind_core.runs.workers.LocalWorkers", InStore)
    monkeypatch.setattr("docmind_core.runs.shards.SECONDS_BETWEEN_LOOKS", 0.01)
    run(home, make_suite(arms=["single_pass", "tuned"], workers=2))

    assert select(home, ROWS) == select(alone, ROWS)
    assert select(home, LEDGER) == [("balanced", None, True)] * 2
    assert len(stored_shards) == 4
    assert [path.name for path in (store / stored_shards[0].spec.benchmark_run).iterdir()] == ["home"]


def test_of_a_lost_node_what_it_had_put_there_is_absorbed_and_what_came_later_is_asked_again(tmp_path):
    path, node = tmp_path / "run.shards" / "arm.1.1.sqlite", tmp_path / "node.sqlite"
    place = Place((tmp_path / "store").as_uri())
    with Journal(tmp_path / "run.sqlite") as main:
        seed_shard(main, path, "run", [(f"q{number}", 0) for number in (1, 2, 3)], {})
        place_file(path).write_text((tmp_path / "store").as_uri())
        shutil.copy(path, node)
        with ShardJournal(node) as shard:
            for number in (1, 2):
                shard.finish_query(_book(shard, f"q{number}", "finished"), {"query_runs": [{"query_id": f"q{number}"}]})
            log = node.with_name(f"{node.name}-wal")
            content = log.read_bytes()
            place.write(content[:-7], LOG)  # the end of a copy may be torn
            shard.finish_query(_book(shard, "q3", "finished"), {"query_runs": [{"query_id": "q3"}]})
            assert log.read_bytes().startswith(content), "a log that is begun again would not belong to its file"

        with held_shard(path, wait_s=0):
            pass
        absorb_shard(main, path)
        assert main.finished_keys("run") == {("q1", 0)}, "the last transaction was torn"
    assert not (tmp_path / "store").exists()
    assert not place_file(path).exists()


def test_a_folder_within_a_store_keeps_the_options_of_its_uri():
    assert within("s3://bucket/runs/?scheme=http&region=x", "a", "b") == "s3://bucket/runs/a/b?scheme=http&region=x"
    assert within("file:///tmp/store", "a") == "file:///tmp/store/a"
    assert within("s3://bucket", "a") == "s3://bucket/a"


def test_a_store_that_can_not_be_reached_is_named(tmp_path):
    path = tmp_path / "arm.sqlite"
    path.touch()
    place_file(path).write_text("nowhere://bucket")
    with (
        Journal(tmp_path / "run.sqlite") as main,
        pytest.raises(RunError, match="storage nowhere://bucket can't be used"),
    ):
        absorb_shard(main, path)
