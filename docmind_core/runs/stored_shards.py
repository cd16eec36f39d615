"""Shards by way of an object store, where nodes share no folder.

What a worker needs is put there. It answers on the disk of its node, puts its journal's log there on a steady beat and
the journal at the end; the main process brings back what is there. Nothing is locked: each try has a folder of its own.
"""

import asyncio
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from docmind_core.retrieval.index import PARTS_FILE
from docmind_core.runs.shard_journals import progress_file, stop_file, wind_down_file
from docmind_core.runs.shard_store import ENDED, LOG, Place, named_store_errors, place_file, within
from docmind_core.runs.shards import ShardReceipt, ShardSpec, run_shard

SECONDS_BETWEEN_BEATS = 2.0
"""How often progress is put to the store, and looked for what ends the shard."""
BEATS_A_LOG = 5
"""The journal's log is put there every so many beats, if it has grown: what is newer dies with the node."""
_BEGUN = "begun.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShard:
    """A shard whose files are in a store, in plain values."""

    spec: ShardSpec
    folder: str
    """URI of what belongs to the shard alone."""
    home: str
    """URI of what all shards of the benchmark run need of the home."""


@asynccontextmanager
async def in_store(storage: str, spec: ShardSpec) -> AsyncIterator[StoredShard]:
    """Put a shard into the store, and follow it for the block: what it has done is there when it is absorbed.

    Raises:
        RunError: If the store can't be reached.
    """
    own = f"{spec.journal.stem}-{uuid4().hex[:8]}"
    folder, home = (within(storage, spec.benchmark_run, name) for name in (own, "home"))
    stored = StoredShard(spec=spec, folder=folder, home=home)
    await asyncio.to_thread(_send, stored)
    following = asyncio.create_task(_follow(stored))
    try:
        yield stored
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def _send(stored: StoredShard) -> None:
    spec = stored.spec
    index = spec.home / "indexes" / spec.made_of[2]
    parts = index / PARTS_FILE
    indexes = [index, *(index.with_name(name) for name in (json.loads(parts.read_text()) if parts.is_file() else ()))]
    with named_store_errors(stored.folder):
        home = Place(stored.home)
        for folder in (*indexes, spec.home / "benchmarks" / spec.benchmark_run):
            home.put_folder(folder, str(folder.relative_to(spec.home)))
        Place(stored.folder).put(spec.journal, _BEGUN)
    place_file(spec.journal).write_text(stored.folder, "utf-8")


async def _follow(stored: StoredShard) -> None:
    place, journal, sent = Place(stored.folder), stored.spec.journal, set[str]()
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_BEATS)
        with suppress(OSError):
            await asyncio.to_thread(place.get, "progress.json", progress_file(journal))
        for order in (stop_file(journal), wind_down_file(journal)):
            if order.exists() and order.name not in sent:
                with suppress(OSError):  # the next beat tries again
                    await asyncio.to_thread(place.write, b"", order.name)
                    sent.add(order.name)


def run_stored_shard(stored: StoredShard) -> ShardReceipt:
    """Answer a shard on this machine's disk, and put what it did where the main process finds it.

    Raises:
        RunError: If the store can't be reached at its beginning or its end.
        DocMindError: As `run_shard`.
    """
    with tempfile.TemporaryDirectory(prefix="docmind-shard-") as name:
        home = Path(name)
        spec = replace(stored.spec, home=home, journal=home / "shard" / stored.spec.journal.name)
        with named_store_errors(stored.folder):
            place = Place(stored.folder)
            Place(stored.home).get_folder(home)
            place.get(_BEGUN, spec.journal)
        try:
            with _beating(place, spec.journal):
                return run_shard(spec)
        finally:
            with named_store_errors(stored.folder):
                place.put(spec.journal, ENDED)


def _beating(place: Place, journal: Path) -> AbstractContextManager[None]:
    def beat(ended: threading.Event) -> None:
        log, log_size, beats = journal.with_name(f"{journal.name}-wal"), 0, 0
        while not ended.wait(SECONDS_BETWEEN_BEATS):
            beats += 1
            with suppress(OSError):  # a store that is away for a while costs what a lost node costs, and no more
                place.put(progress_file(journal), "progress.json")
                if beats % BEATS_A_LOG == 0 and (size := log.stat().st_size) != log_size:
                    place.put(log, LOG)
                    log_size = size
                for order in (stop_file(journal), wind_down_file(journal)):
                    if place.has(order.name):
                        order.touch()

    return in_background(beat)


@contextmanager
def in_background(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` in a thread while the block runs; it should return once its event is set, at the end of the block."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
