"""An arm's share of one block: warm up, empty the prefix cache, and answer between two readings of the counters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from docmind_core.errors import EngineUnreachable
from docmind_core.runs.arm_run import EarlierQueries, open_tally, run_queries, unanswered, warm_up
from docmind_core.runs.arm_switches import is_shared_out
from docmind_core.runs.bench import Bench, OpenArm, adaptive_limit, arm_setting
from docmind_core.runs.blocks import Share, look_sizes
from docmind_core.runs.device_samples import sampled_devices
from docmind_core.runs.engine_readings import Readings, book_counters, following, with_lost_bookings
from docmind_core.runs.fan_out import answer_in_shards
from docmind_core.runs.journal import Journal
from docmind_core.runs.manifest import run_facts
from docmind_core.runs.query_row import AskedQuery
from docmind_core.runs.query_run import ArmSetting
from docmind_core.runs.result_caches import ArmCaches
from docmind_core.runs.resuming import read_earlier
from docmind_core.runs.system_arm import SETTLE_S, SystemGraph, system_at_work, system_place
from docmind_core.runs.system_calls import SystemDesk
from docmind_core.serving.counters import read_settled_counters
from docmind_core.serving.engine_preparation import reset_prefix_cache
from docmind_core.serving.places import adapting
from docmind_core.serving.replicas import ReplicaClients
from docmind_core.suites.plain_values import AUTO
from docmind_core.tables.definitions import WARM_UP_BLOCK
from docmind_core.telemetry.loop_lag import lag_peak_reader

WORKER_TRIES = 3
"""So many workers in turn may be lost without any query finished in between."""
REST_WAIT_S = 30.0
"""So long a reading waits for an engine to end the calls of a worker that was lost."""
PAUSE_S = 0.02
"""Between the scrapes at a change of arm. vLLM counts a request in the loop that answers the scrape, so that both hold
it; the two are compared all the same."""


async def run_share(bench: Bench, replicas: ReplicaClients, arm: str, block: int, caches: ArmCaches | None) -> None:
    """Answer the remaining queries of an arm's share of a block and write their rows to the journal.

    Raises:
        EngineUnreachable: If the engine is gone; what is finished stays finished.
    """
    journal, connection, run_id = bench.journal, bench.inputs.connection, bench.run_id(arm)
    before = bench.last_reading or await bench.read_counters(replicas, read_settled_counters)
    sessions = [reading.session for reading in before]
    opened = _open(bench, replicas, arm, sessions[0], caches)
    setting = replace(
        opened.setting.bound(lambda engine: replace(engine, session=sessions[engine.replica])),
        block=block,
        caches=caches,
        budgets=_budgets(bench, opened.setting.arm.spends_as),
    )
    share = bench.shares[block - 1]
    async with AsyncExitStack() as at_work:
        if bench.inputs.suite.concurrency == AUTO:
            limit = bench.limits.setdefault(arm, adaptive_limit(bench))
            gate = await at_work.enter_async_context(adapting(connection, limit, replicas.slots))
            setting = replace(setting, gate=gate)
        if unanswered(journal, run_id, bench.asked(share.queries), share.replicates):
            setting = replace(setting, graph=await at_work.enter_async_context(_graph_at_work(bench, setting)))
            before = await _warmed_up(bench, replicas, opened, setting, before)
        for session, replica in zip(sessions, connection.replicas, strict=True):
            journal.begin_block(run_id, block, session, was_reset=await reset_prefix_cache(replica))
        bench.interval = journal.next_interval(run_id, block)
        book_counters(journal, run_id, block, "before", bench.counted(before))
        lag: Callable[[], float | None] | None = bench.take_lag if _in_shards(bench, setting) else lag_peak_reader()
        with sampled_devices(
            journal, run_id, connection, bench.clock, in_flight_limit=lambda: replicas.slots.limit, lag=lag
        ) as keep_samples:
            work = _answer(bench, replicas, opened, setting, share, keep_samples)
            work = _then(work, at_work.aclose)  # a user's system asks nothing more when the counters are read
            after = await _with_last_reading(work, bench, replicas, (run_id, block), before)
    known = not bench.requests_lost and all(reading.snapshot for reading in after)
    bench.last_reading, bench.requests_lost, bench.interval = after if known else (), False, 0
    for session in sessions:
        journal.end_block(run_id, block, session)


async def _answer(
    bench: Bench,
    replicas: ReplicaClients,
    opened: OpenArm,
    setting: ArmSetting,
    share: Share,
    after_query: Callable[[], None],
) -> None:
    """Answer what is left of a share, its queries in their order; a look in between may end the arm."""
    queries, start = bench.asked(share.queries), 0
    looks = bench.looks if share.block == 1 else None  # replicates that are added later are asked as they are
    for end in look_sizes(len(queries), looks.fractions) if looks else (len(queries),):
        if looks and (because := looks.decide(bench.journal, setting.run_id, start)):
            bench.observer.announce(because)
            bench.decided[setting.arm.name] = start, because
            return
        if _in_shards(bench, setting):
            part = replace(share, queries=tuple(share.queries[start:end]))
            await _answer_in_shards(bench, replicas, opened, setting, part, after_query)
        else:
            todo = unanswered(bench.journal, setting.run_id, queries[start:end], share.replicates)
            await run_queries(
                setting, todo, opened.earlier, tally=opened.tally, observer=bench.observer, after_query=after_query
            )
        start = end


async def _answer_in_shards(
    bench: Bench,
    replicas: ReplicaClients,
    opened: OpenArm,
    setting: ArmSetting,
    share: Share,
    after_look: Callable[[], None],
) -> None:
    """Answer what is left of a share in the workers; where one is lost, others are given what it had not finished."""
    queries, tries, left_before = bench.asked(share.queries), WORKER_TRIES, 0
    while left := unanswered(bench.journal, setting.run_id, queries, share.replicates):
        tries = tries if len(left) == left_before else WORKER_TRIES
        places = [(query.query_id, replicate) for query, replicate in left]
        lost = await answer_in_shards(bench, setting, places, opened.tally, after_look)
        if lost is None:
            return
        tries, left_before = tries - 1, len(left)
        if not tries:
            raise lost
        begun = await _begin_next_session(bench, replicas, setting, share.block)
        bench.observer.announce(
            "a worker was lost; others continue with its queries"
            + (", in an engine session of their own in the ledger" if begun else "")
        )


async def _begin_next_session(bench: Bench, replicas: ReplicaClients, setting: ArmSetting, block: int) -> bool:
    """Read the counters after a worker was lost: only what was counted until here holds tokens of its cut-off calls.

    Returns:
        False, with nothing booked, where the engine is not at rest: then no reading parts the two.
    """
    bench.requests_lost, was_lost = False, bench.requests_lost
    readings = await bench.read_counters(replicas, partial(read_settled_counters, timeout_s=REST_WAIT_S))
    expected = tuple(placed.engine.session for placed in setting.at_each_replica())
    at_rest = all(reading.snapshot and reading.snapshot.idle for reading in readings)
    if not at_rest or tuple(reading.session for reading in readings) != expected:
        bench.requests_lost = was_lost
        return False
    uncounted = tuple(replace(reading, requests_sent=None) for reading in readings)
    _book_closing(bench, (setting.run_id, block), uncounted)
    bench.interval += 1
    book_counters(bench.journal, setting.run_id, block, "before", bench.counted(readings))
    return True


def _in_shards(bench: Bench, setting: ArmSetting) -> bool:
    return bench.workers is not None and is_shared_out(bench.inputs.suite, setting.arm.name)


@asynccontextmanager
async def _graph_at_work(bench: Bench, setting: ArmSetting) -> AsyncIterator[Any]:
    """Yield what is invoked for each query: a compiled graph, or a user's system, started and ended in here."""
    name, suite = setting.arm.name, bench.inputs.suite
    if (spec := suite.system(name)) is None:
        yield setting.graph
        return
    desk = SystemDesk(
        spec=spec, run_id=setting.run_id, journal=setting.journal, clock=setting.clock, engine=setting.engine
    )
    place = system_place(bench.settings, suite, setting.run_id)
    assert bench.proxy is not None
    async with system_at_work(desk, bench.proxy, bench.index, place=place) as graph:
        yield graph


async def _then(work: Awaitable[None], end: Callable[[], Awaitable[None]]) -> None:
    try:
        await work
    finally:
        await end()


async def _with_last_reading(
    work: Awaitable[None], bench: Bench, replicas: ReplicaClients, place: tuple[str, int], before: Readings
) -> Readings:
    """Do `work`, then read and book the counters, also when a person stops it: the engine is stopped next."""
    try:
        await work
    except asyncio.CancelledError:
        with suppress(EngineUnreachable):
            await _book_after(bench, replicas, place, before)
        raise
    return await _book_after(bench, replicas, place, before)


async def _book_after(bench: Bench, replicas: ReplicaClients, place: tuple[str, int], before: Readings) -> Readings:
    # Whether a balancer answers at the URL is checked once for each arm, after its last block.
    quick: dict[str, Any] = {"pause_s": PAUSE_S, "looks": 0} if place[1] < len(bench.shares) else {}
    after = following(before, await bench.read_counters(replicas, partial(read_settled_counters, **quick)))
    urls = {reading.url for reading in before}
    _book_closing(bench, place, tuple(reading for reading in after if reading.url in urls))
    return after


def _book_closing(bench: Bench, place: tuple[str, int], readings: Readings) -> None:
    said, bench.bookings_lost = with_lost_bookings(readings) if bench.bookings_lost else readings, False
    book_counters(bench.journal, *place, "after", bench.counted(said))


def _open(bench: Bench, replicas: ReplicaClients, arm: str, session: str, caches: ArmCaches | None) -> OpenArm:
    journal, run_id, again = bench.journal, bench.run_id(arm), arm in bench.open_arms
    facts = run_facts(bench.inputs, arm, engine_session=session)
    known = journal.facts(run_id).get("concurrency_missing_because")
    facts |= {"concurrency_missing_because": known} if known else {}
    facts |= {"expected_queries": bench.expected, "cache_state": _cache_state(journal, run_id, caches)}
    if not again:
        tally = open_tally(journal, run_id, arm, bench.expected)
        tally.by_query = bench.inputs.suite.system(arm) is not None
        earlier = read_earlier(journal, run_id)
        bench.open_arms[arm] = OpenArm(setting=arm_setting(bench, arm, replicas), tally=tally, earlier=earlier)
        bench.observer.arm_started(arm, done=tally.done_before, total=tally.total)
    journal.start_arm(run_id, bench.clock.now(), facts, again=again)
    return bench.open_arms[arm]


async def _warmed_up(
    bench: Bench, replicas: ReplicaClients, opened: OpenArm, setting: ArmSetting, before: Readings
) -> Readings:
    """Warm an arm up once per engine session; return the readings of the counters that are the latest then.

    Another engine is cold again, so that its warm-up runs again, with rows of its own; what an ended process left
    unfinished on the same engine is finished.
    """
    journal, run_id = bench.journal, setting.run_id
    queries, ended = bench.asked(bench.plan.warm_up), journal.warm_ups(run_id)
    cold = tuple(reading for reading in before if not ended.get(reading.session))
    if not queries or not cold:
        return before
    for reading in cold:
        journal.begin_block(run_id, WARM_UP_BLOCK, reading.session, was_reset=False)
    book_counters(journal, run_id, WARM_UP_BLOCK, "before", cold)
    work = _warm_up_at(setting, {reading.session for reading in cold}, queries, opened.earlier)
    after = await _with_last_reading(work, bench, replicas, (run_id, WARM_UP_BLOCK), cold)
    if isinstance(setting.graph, SystemGraph):
        setting.graph.desk.replicate, setting.graph.desk.engine = 0, setting.engine
    for reading in cold:
        journal.end_block(run_id, WARM_UP_BLOCK, reading.session)
    return after


async def _warm_up_at(
    setting: ArmSetting, sessions: Set[str], queries: Sequence[AskedQuery], earlier: EarlierQueries
) -> None:
    """Warm up the replicas of these sessions, one after the other."""
    begun = list(setting.journal.warm_ups(setting.run_id))
    for placed in setting.at_each_replica():
        session = placed.engine.session
        if session is None or session not in sessions:
            continue
        replicate = -1 - begun.index(session)
        work = warm_up(placed, queries, replicate, earlier)
        if isinstance(placed.graph, SystemGraph):
            placed.graph.desk.replicate, placed.graph.desk.engine = replicate, placed.engine
            work = _then(work, partial(placed.graph.desk.quiet, SETTLE_S))
        await work


def _budgets(bench: Bench, arm: str) -> dict[tuple[str, int], int | None]:
    """Return what an arm has spent so far, by query and replicate; None for unknown tokens."""
    return bench.journal.billed_tokens(bench.run_id(arm)) if arm else {}


def _cache_state(journal: Journal, run_id: str, caches: ArmCaches | None) -> str | None:
    """Return what an arm found in its caches when it first began; what it left there itself doesn't warm it."""
    begun = journal.arm(run_id)
    if begun is not None:
        return begun.facts.get("cache_state")
    return caches.state if caches else None
