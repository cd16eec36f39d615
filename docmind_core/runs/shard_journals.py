"""The journal of a shard: it starts with the main journal's entries for its queries, and is merged back at the end.

Only one process writes it at a time: the worker that holds its lock, or the main process before and after that.
"""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from docmind_core.errors import RunError
from docmind_core.runs.journal import Journal
from docmind_core.runs.shard_store import bring_back, forget
from docmind_core.settings import Settings
from docmind_core.tables.segments import replace_durably, sync_folder

LOCK_WAIT_S = 60.0
"""A worker whose main process died ends within a second; one on another node when the cluster has noticed."""
SECONDS_BETWEEN_TRIES = 0.05
_PART = ".part"
_STOP, _WIND_DOWN = "stop", "wind-down"

_QUERIES = """
create table if not exists shard.shard_queries (
    run_id text not null, query_id text not null, replicate integer not null, budget_tokens integer,
    primary key (run_id, query_id, replicate)
)
"""
_OF_SHARD = "(run_id, query_id, replicate) in (select run_id, query_id, replicate from shard.shard_queries)"
_SEED = (
    f"insert into shard.attempts select * from main.attempts where query_id <> '' and {_OF_SHARD} order by rowid",
    f"insert into shard.late_calls select * from main.late_calls where {_OF_SHARD}",
    f"insert into shard.failed_calls select * from main.failed_calls where {_OF_SHARD} order by rowid",
)
# Each of them changes nothing when it is done again.
_ABSORB = (
    "insert into main.attempts select * from shard.attempts where true order by rowid "
    "on conflict (call_id, attempt) do update set ended = excluded.ended, row = excluded.row",
    "insert or ignore into main.late_calls select * from shard.late_calls",
    f"delete from main.failed_calls where {_OF_SHARD}",
    "insert into main.failed_calls select * from shard.failed_calls order by rowid",
    "insert or ignore into main.finished_queries select * from shard.finished_queries order by rowid",
)


class ShardJournal(Journal):
    """The journal of one shard, as its worker has it.

    Its lock is kept from the first access to the last, so that SQLite needs no memory shared by processes, which a
    network file system does not have.
    """

    LOCKING: ClassVar = "exclusive"
    CHECKPOINT_PAGES: ClassVar = 0
    """Its log only grows: a copy of it, wherever it ends, makes a journal with a copy of the file it began with."""

    def begin_work(self, run_id: str) -> int:
        """Note that a process begins to work on the shard; return how many have, this one among them."""
        self._write("insert into starts values (?, ?)", (run_id, datetime.now(UTC).isoformat()))
        return self.starts(run_id)

    def queries(self, run_id: str) -> dict[tuple[str, int], int | None]:
        """Return what the shard asks, in its order: (query_id, replicate), and the tokens that may be spent on each."""
        rows = self._read(
            "select query_id, replicate, budget_tokens from shard_queries where run_id = ? order by rowid", (run_id,)
        )
        return {(query_id, replicate): budget for query_id, replicate, budget in rows}


def shards_folder(settings: Settings, benchmark_run: str) -> Path:
    """Return where the journals of a benchmark run's shards are while they are at work."""
    return settings.journals / f"{benchmark_run}.shards"


def stop_file(shard: Path) -> Path:
    """Return the file whose existence stops all shards of a benchmark run."""
    return shard.with_name(_STOP)


def wind_down_file(shard: Path) -> Path:
    """Return the file whose existence lets no shard of a benchmark run begin another query."""
    return shard.with_name(_WIND_DOWN)


def progress_file(shard: Path) -> Path:
    """Return where a shard writes how far it is."""
    return shard.with_suffix(".json")


def answered_in_shards(settings: Settings, benchmark_run: str) -> int:
    """Return how many queries the shards at work have answered, which the journal of the run doesn't have yet."""
    found = shards_folder(settings, benchmark_run).glob("*.json")
    return sum(_answered(path) for path in found)


def _answered(progress: Path) -> int:
    try:
        return int(json.loads(progress.read_text("utf-8"))["done"])
    except (OSError, ValueError, KeyError):  # absorbed meanwhile
        return 0


def seed_shard(
    journal: Journal,
    path: Path,
    run_id: str,
    queries: Sequence[tuple[str, int]],
    budgets: Mapping[tuple[str, int], int | None],
) -> None:
    """Create the journal of a shard with the main journal's entries for its queries.

    Args:
        journal: Of the benchmark run.
        path: Where the shard's is to be; it has this name once it is whole.
        run_id: Of the arm.
        queries: What the shard asks: query_id and replicate.
        budgets: Tokens that may be spent on each; empty for an arm without a budget.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}{_PART}")
    part.unlink(missing_ok=True)
    with Journal(part):
        pass
    rows = json.dumps([(query_id, replicate, budgets.get((query_id, replicate))) for query_id, replicate in queries])
    with journal.attached(part, "shard") as write:
        write(_QUERIES, ())
        write(
            "insert into shard.shard_queries select ?, value ->> 0, value ->> 1, value ->> 2 from json_each(?)",
            (run_id, rows),
        )
        for sql in _SEED:
            write(sql, ())
    replace_durably(part, path)
    sync_folder(path.parent.parent)  # which has the folder


def absorb_shard(journal: Journal, path: Path, *, wait_s: float = LOCK_WAIT_S) -> None:
    """Move what a shard's journal has into that of the benchmark run, and remove the file.

    Killed between the two, it is absorbed again by the next process, which changes nothing.

    Raises:
        RunError: If a worker still writes it.
    """
    with held_shard(path, wait_s=wait_s):
        if not path.exists():
            return
        progress_file(path).unlink(missing_ok=True)  # first: nothing is ever counted here and there
        bring_back(path)
        with journal.attached(path, "shard") as write:
            for sql in _ABSORB:
                write(sql, ())
        forget(path)
        path.unlink(missing_ok=True)
        _lock_file(path).unlink(missing_ok=True)


def absorb_leftovers(settings: Settings, benchmark_run: str, journal: Journal, *, wait_s: float = LOCK_WAIT_S) -> None:
    """Absorb the journals of shards that an ended process left.

    Raises:
        RunError: If a worker of it still writes one.
    """
    folder = shards_folder(settings, benchmark_run)
    for path in sorted(folder.glob("*.sqlite")):
        absorb_shard(journal, path, wait_s=wait_s)
    for path in folder.glob("*"):  # half-made journals, locks, the file that stops
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


@contextmanager
def held_shard(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the journal of a shard while the block runs; the kernel frees it when the process ends, however it ends.

    Raises:
        RunError: If another process has held it all the time.
    """
    until_s = time.monotonic() + wait_s
    with _lock_file(path).open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until_s:
                    raise RunError(
                        f"A worker of an earlier process is still writing to {path}. Stop it, then resume the run."
                    ) from error
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def _lock_file(path: Path) -> Path:
    return path.with_suffix(".lock")
