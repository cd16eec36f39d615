"""Calls that have a deadline of their own, and what becomes of those that miss it."""

import asyncio
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest

from docmind_core.agents.context import ROUTER
from docmind_core.agents.levels import LEVEL_EFFORT, PerformanceLevel
from docmind_core.errors import CallTimeout, RunError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.clock import read_anchor
from docmind_core.runs.context_guard import ContextGuard
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.query_tools import EngineBinding, RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from tests.fakes.engine_server import Finish, Until
from tests.runs.running import select

KEY = QueryKey(run_id="r", query_id="q", replicate=0)
STRATEGIES = ["keyword_search", "semantic_search", "hybrid_search"]
REQUEST = ChatRequest(system="s", user="u", max_tokens=4)


@asynccontextmanager
async def asking(engine, folder, *, in_flight=2, **changes):
    """The tools of one query, whose router is at work, and its journal."""
    connection = EngineConnection(base_url=engine.url, model="fake-model", managed=False)
    with Journal(folder / "journal.sqlite") as journal:
        async with ChatClient(connection, in_flight=in_flight) as client:
            tools = RecordingTools(
                engine=EngineBinding(client=client, model="fake-model", session="s"),
                index=None,
                journal=journal,
                clock=read_anchor(),
                trace=QueryTrace(key=KEY, level="thorough"),
                guard=ContextGuard(window=None),
                recorded={},
                **changes,
            )
            with tools.agent_span(ROUTER, node=ROUTER, checkpoint_ns=""):
                yield tools, journal


async def miss(tools, task="route"):
    with pytest.raises(CallTimeout, match=rf"query_router got no reply to {task} within its 1 s"):
        await tools.ask(ROUTER, task, REQUEST, deadline_s=1.0)


def booked(journal):
    return {(row["task"], row["status"], row["tokens_missing_because"]) for row, _ in journal.attempts("r", KEY)}


async def test_a_reply_within_its_deadline_is_used(tmp_path, engine):
    async with asking(engine, tmp_path) as (tools, journal):
        assert (await tools.ask(ROUTER, "route", REQUEST, deadline_s=30.0)).text == "blue [1]"
        assert journal.late_calls(KEY) == frozenset()


async def test_a_call_past_its_deadline_continues_and_is_booked_with_its_usage(tmp_path, engine):
    engine.faults = deque([Until(2)])
    async with asking(engine, tmp_path) as (tools, journal):
        await miss(tools)
        await tools.ask(ROUTER, "other", REQUEST)
        await tools.late.settle(30.0)

        assert booked(journal) == {("route", "finished", None), ("other", "finished", None)}
        assert journal.late_calls(KEY) == {(ROUTER, "route")}


async def test_what_the_query_waited_for_ends_at_the_deadline(tmp_path, engine):
    engine.faults = deque(["hang"])
    async with asking(engine, tmp_path) as (tools, _):
        await miss(tools)
        (span,) = tools.trace.spans
        assert (span["op"], span["status"]) == ("chat", "error")
        await tools.late.cancel()


async def test_a_late_call_without_end_is_cut_off_when_the_query_s_time_is_over(tmp_path, engine):
    engine.faults = deque(["hang"])
    async with asking(engine, tmp_path) as (tools, journal):
        await miss(tools)
        await tools.late.settle(0.05)

        assert booked(journal) == {("route", "cut_off", "unreconciled")}


async def test_a_call_that_missed_its_deadline_before_its_turn_is_withdrawn(tmp_path, engine, deadlines):
    engine.faults = deque(["hang"])
    async with asking(engine, tmp_path, in_flight=1) as (tools, journal):
        holder = asyncio.create_task(tools.ask(ROUTER, "holder", REQUEST))
        await asyncio.to_thread(engine.wait_for_call)
        missed = asyncio.create_task(miss(tools))
        while not deadlines.running:  # noqa: ASYNC110 - nothing else tells that it has begun
            await asyncio.sleep(0)
        deadlines.pass_now()
        await missed
        holder.cancel()
        await tools.late.settle(30.0)

        assert {task for task, *_ in booked(journal)} == {"holder"}
    assert len(engine.requests) == 1


async def test_a_late_call_is_not_tried_again(tmp_path, engine):
    engine.faults = deque([Until(2, then=Finish("abort"))])
    async with asking(engine, tmp_path) as (tools, journal):
        await miss(tools)
        await tools.ask(ROUTER, "other", REQUEST)
        await tools.late.settle(30.0)

        assert booked(journal) == {("route", "cut_off", None), ("other", "finished", None)}
    assert len(engine.requests) == 2


async def test_after_an_interruption_what_was_decided_without_a_reply_stays(tmp_path, engine):
    async with asking(engine, tmp_path, late_before={(ROUTER, "route")}) as (tools, _):
        await miss(tools)
        assert tools.resumed
    assert engine.requests == []


async def test_a_late_call_that_cannot_be_booked_ends_the_run(tmp_path, engine, monkeypatch):
    engine.faults = deque(["hang"])
    async with asking(engine, tmp_path) as (tools, journal):
        await miss(tools)

        def fail(*_, **__):
            raise RunError("disk full")

        monkeypatch.setattr(journal, "book_attempt", fail)
        with pytest.raises(RunError, match="disk full"):
            await tools.ask(ROUTER, "other", REQUEST)
        with pytest.raises(RunError, match="disk full"):
            await tools.late.settle(0.05)


@contextmanager
def late_route(engine, monkeypatch, requests):
    """The router's call misses its deadline and is answered once so many requests have come."""
    thorough = LEVEL_EFFORT[PerformanceLevel.THOROUGH]
    monkeypatch.setitem(LEVEL_EFFORT, PerformanceLevel.THOROUGH, replace(thorough, max_analysis_s=1.0))
    engine.faults = deque([Until(requests)])
    yield


def thorough(make_suite):
    pytest.importorskip("torch", reason="with one open strategy the router asks nothing")
    return make_suite(
        arms=["tuned-parallel_tools-passage_choice-no_validation"], level="thorough", limit=1, strategies=STRATEGIES
    )


def execute(settings, key):
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())


def test_a_route_call_past_its_deadline_is_answered_by_the_rules_and_its_tokens_are_counted(
    home, make_suite, engine, monkeypatch
):
    """S39."""
    suite = thorough(make_suite)
    with late_route(engine, monkeypatch, requests=4):
        execute(home, freeze_benchmark_run(suite, home))

    assert select(home, "select status, fallback from query_runs") == [("answered", False)]
    decisions = select(home, "select decided_by, fell_back_because, agrees, confidence from route_decisions")
    assert decisions == [("rules", "deadline", None, 0.9)]
    assert select(home, "select status, role from llm_calls where task = 'route'") == [("finished", "agent")]
    sums = "select billed_tokens = (select sum(billed_tokens) from llm_calls), critical_path_tokens > 0 from query_runs"
    assert select(home, sums) == [(True, True)]
    assert select(home, "select state from ledger_balance") == [("balanced",)]


class Killed(BaseException):
    """Ends the platform in the middle of a query, as a signal would."""


def test_a_reply_that_came_late_changes_nothing_when_its_query_is_resumed(home, make_suite, engine, monkeypatch):
    suite = thorough(make_suite)
    key = freeze_benchmark_run(suite, home)
    finish = Journal.finish_query

    def die(*_):
        raise Killed

    monkeypatch.setattr(Journal, "finish_query", die)
    with late_route(engine, monkeypatch, requests=4), pytest.raises(Killed):
        execute(home, key)
    asked = len(engine.requests)
    monkeypatch.setattr(Journal, "finish_query", finish)
    execute(home, key)

    assert len(engine.requests) == asked, "every call is replayed"
    assert select(home, "select decided_by, fell_back_because from route_decisions") == [("rules", "deadline")]
    assert select(home, "select status, times_missing_because from query_runs") == [("answered", "resumed")]
