"""A shard: some queries of an arm's share of a block, answered by another process into a journal of their own."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from docmind_core.agents.context_window import CountsTokens
from docmind_core.errors import RunError
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.retrieval.index import RetrievalIndex, open_index
from docmind_core.runs.arm_run import ArmTally, open_tally, run_queries
from docmind_core.runs.bench import Bench, arm_setting
from docmind_core.runs.clock import ClockAnchor, read_anchor
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.runs.manifest import RunInputs
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.resuming import code_hash, read_earlier
from docmind_core.runs.shard_journals import ShardJournal, held_shard, progress_file, stop_file, wind_down_file
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.replicas import ReplicaClients
from docmind_core.serving.token_counts import open_token_counts
from docmind_core.settings import Settings, read_secret, turn_telemetry_off
from docmind_core.suites.suite import Suite
from docmind_core.telemetry.loop_lag import measured_loop, short_collections

SECONDS_BETWEEN_LOOKS = 0.5
"""How often a worker checks whether it is to stop, and writes how far it is."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpec:
    """What a shard is, in plain values; its queries are in its journal."""

    home: Path
    benchmark_run: str
    arm: str
    block: int
    journal: Path
    places: int
    """Its part of the suite's concurrency."""
    connection: EngineConnection
    """Without its key, which each worker reads from its own environment."""
    sessions: tuple[str | None, ...]
    """Of the engine's replicas, under which their calls are booked."""
    counts_tokens: bool
    """Whether the main process can count the model's tokens."""
    made_of: tuple[str, str, str]
    """Hashes of the code, the query set and the index; a worker with different ones refuses the shard."""
    clock: ClockAnchor
    host: str
    """Whose clock that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardCounts:
    """How far a shard is."""

    done: int = 0
    failed: int = 0
    calls: int = 0
    """Finished by this process of the shard."""
    completion_tokens: int | None = 0
    """Generated for these; None when the engine did not say it of one of them."""
    lag_s: float = 0.0
    """Largest lag of its event loop since it last said how far it is."""
    lag_max_s: float = 0.0
    """Largest lag of its event loop so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReceipt:
    """A worker's report at the end of a shard; everything else is in the shard's journal."""

    counts: ShardCounts
    requests_sent: tuple[int, ...] | None
    """To each replica, by its connection pool; None where an earlier process of the shard died with its count."""
    host: str


def run_shard(spec: ShardSpec) -> ShardReceipt:
    """Answer the remaining queries of a shard into its journal; safe to repeat, since finished queries are skipped.

    It ends early, and well, when the file `stop_file` names is there; with `wind_down_file` once the queries in
    progress have ended.

    Raises:
        EngineUnreachable: If the engine is gone; what is finished stays finished.
        RunError: If the journal can't be seen from here, or this machine has other code, queries or documents.
    """
    turn_telemetry_off()
    _refuse_unseen(spec.journal)
    with held_shard(spec.journal):
        _refuse_unseen(spec.journal)  # what lost its node may begin again when another has ended it
        suite, query_set, index = _loaded(spec.home, spec.benchmark_run)
        _refuse_others(spec, query_set, index)
        connection = spec.connection
        if suite.api_key_env:
            connection = replace(connection, api_key=read_secret(suite.api_key_env).strip())
        inputs = RunInputs(
            benchmark_run=spec.benchmark_run,
            suite=suite.model_copy(update={"concurrency": spec.places}),
            query_set=query_set,
            index_hash=index.index_hash,
            connection=connection,
            dagster_run_id=None,
        )
        with ShardJournal(spec.journal) as journal, open_token_counts(connection) as counts:
            bench = _bench(spec, inputs, index, journal, counts if spec.counts_tokens else None)
            return asyncio.run(_answer(spec, bench, journal))


def _refuse_unseen(journal: Path) -> None:
    if not journal.exists():
        raise RunError(
            f"{socket.gethostname()} can't find {journal}. With executor: ray, every node needs DOCMIND_HOME at "
            "the same path, on shared storage."
        )


@cache
def this_host() -> str:
    """Return the id of this machine's boot, which identifies its monotonic clock."""
    return _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else socket.gethostname()


def read_progress(shard: Path) -> ShardCounts | None:
    """Return how far a shard was a moment ago; None before it has said so."""
    try:
        return ShardCounts(**json.loads(progress_file(shard).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1)
def _loaded(home: Path, benchmark_run: str) -> tuple[Suite, QuerySet, RetrievalIndex]:
    settings = Settings(home=home)
    suite = read_frozen_suite(settings, benchmark_run)
    query_set = load_query_set(suite.query_set)
    index = open_index(
        query_set.documents,
        folder=settings.indexes,
        strategies=suite.searched_strategies,
        announce=lambda _: None,
        language=suite.language,
    )
    return suite, query_set, index


def _refuse_others(spec: ShardSpec, query_set: QuerySet, index: RetrievalIndex) -> None:
    found = (code_hash(), query_set.query_set_hash, index.index_hash)
    names = ("version of DocMind Eval", "query set", "document index")
    if other := [name for name, ours, wanted in zip(names, found, spec.made_of, strict=True) if ours != wanted]:
        raise RunError(
            f"{socket.gethostname()} has a different {' and a different '.join(other)} than the process that started "
            f"{spec.benchmark_run}. Install the same version on every node, and share the files."
        )


def _bench(
    spec: ShardSpec,
    inputs: RunInputs,
    index: RetrievalIndex,
    journal: ShardJournal,
    counts: CountsTokens | None,
) -> Bench:
    return Bench(
        settings=Settings(home=spec.home),
        inputs=inputs,
        index=index,
        journal=journal,
        observer=SilentObserver(),
        counts=counts,
        clock=spec.clock if spec.host == this_host() else read_anchor(),
    )


@dataclass(slots=True, kw_only=True)
class _Report:
    tally: ArmTally
    lag_peak: Callable[[], float]
    _lag_max_s: float = 0.0

    def take(self) -> ShardCounts:
        """Return how far the shard is now."""
        lag_s = self.lag_peak()
        self._lag_max_s = max(self._lag_max_s, lag_s)
        progress = self.tally.progress
        return ShardCounts(
            done=progress.done,
            failed=progress.failed,
            calls=progress.calls,
            completion_tokens=progress.completion_tokens,
            lag_s=lag_s,
            lag_max_s=self._lag_max_s,
        )


async def _answer(spec: ShardSpec, bench: Bench, journal: ShardJournal) -> ShardReceipt:
    run_id = bench.run_id(spec.arm)
    budgets, done = journal.queries(run_id), journal.finished_keys(run_id)
    starts = journal.begin_work(run_id)
    asked = bench.asked(_queries(bench, [query_id for query_id, _ in budgets]))
    pairs = zip(asked, budgets, strict=True)
    stopped = stop_file(spec.journal).exists()
    left = [(query, replicate) for query, (query_id, replicate) in pairs if (query_id, replicate) not in done]
    todo = [] if stopped else left
    tally = open_tally(journal, run_id, spec.arm, len(budgets))
    async with ReplicaClients(bench.inputs.connection, in_flight=spec.places) as replicas:
        setting = arm_setting(bench, spec.arm, replicas)
        setting = replace(
            setting.bound(lambda engine: replace(engine, session=spec.sessions[engine.replica])),
            block=spec.block,
            winds_down=wind_down_file(spec.journal).exists,
            budgets=budgets if setting.arm.spends_as else {},
        )
        with short_collections(), measured_loop() as lag:
            report = _Report(tally=tally, lag_peak=lag.peak_reader())
            work = run_queries(setting, todo, read_earlier(journal, run_id), tally=tally, observer=bench.observer)
            await _watched(asyncio.create_task(work), spec.journal, report)
            counts = report.take()
        # A process that died before has counted requests of its own.
        sent = replicas.requests_sent if starts == 1 else None
        return ShardReceipt(counts=counts, requests_sent=sent, host=this_host())


def _queries(bench: Bench, query_ids: Iterable[str]) -> list[Query]:
    by_id = {query.query_id: query for query in bench.inputs.query_set.queries}
    return [by_id[query_id] for query_id in query_ids]


async def _watched(work: "asyncio.Task[None]", journal: Path, report: _Report) -> None:
    """Wait for the work's end and write its progress; stopped from outside, calls in flight are booked as cut off."""
    part = progress_file(journal).with_suffix(".json.tmp")
    while not work.done():
        await asyncio.wait([work], timeout=SECONDS_BETWEEN_LOOKS)
        part.write_text(json.dumps(asdict(report.take())), "ascii")
        part.replace(progress_file(journal))
        if stop_file(journal).exists() and not work.done():
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            return
    await work
