"""Where the time of a call goes: the work begins when the request is sent, waiting is a span of its own."""

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager, suppress

import pytest

from docmind_core.agents.context import ROUTER
from docmind_core.runs.clock import read_anchor
from docmind_core.runs.context_guard import ContextGuard
from docmind_core.runs.folding import overhead_of, path_of
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.query_tools import EngineBinding, RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.serving.chat_client import ChatClient
from tests.fakes.engine_server import FakeEngine
from tests.serving.test_chat_client import _no_sleep, connect, make_request

KEY = QueryKey(run_id="r", query_id="q", replicate=0)


@pytest.fixture
def engine():
    with FakeEngine(reply=lambda body: "blue") as server:
        yield server


@asynccontextmanager
async def asking(engine, folder, **changes):
    with Journal(folder / "journal.sqlite") as journal:
        async with ChatClient(connect(engine), **{"in_flight": 4, **changes}) as client:
            tools = RecordingTools(
                engine=EngineBinding(client=client, model=engine.model, session=None),
                index=None,
                journal=journal,
                clock=read_anchor(),
                trace=QueryTrace(key=KEY, level="fast"),
                guard=ContextGuard(window=None),
                recorded={},
            )
            yield tools


async def ask(tools, *tasks):
    """Ask for each task at once, within a query."""
    with tools.trace.root("arm"), tools.agent_span(ROUTER, node=ROUTER, checkpoint_ns=""):
        await asyncio.gather(*(tools.ask(ROUTER, task, make_request(user=task)) for task in tasks))


def leaves(tools):
    found = [span for span in tools.trace.spans if not span["op"].startswith("invoke")]
    return sorted(found, key=lambda span: span["t0"])


def seconds(span):
    return (span["t1"] - span["t0"]) / 1e9


def rows(tools):
    return [row for row, _ in tools.journal.attempts("r", KEY)]


async def test_a_call_alone_is_one_span_from_its_sending_on(engine, tmp_path):
    async with asking(engine, tmp_path) as tools:
        await ask(tools, "route")
        (span,), (row,) = leaves(tools), rows(tools)

    assert (span["op"], span["name"], span["status"], row["span_id"]) == ("chat", "route", "ok", span["span_id"])
    sent_at = tools.clock.utc(span["t0"])
    assert row["sent_at"] == sent_at
    assert row["e2e_latency_s"] <= seconds(span)
    attributes = json.loads(span["attributes"])
    assert (attributes["docmind.call_id"], attributes["gen_ai.usage.output_tokens"]) == (row["call_id"], 1)


async def test_waiting_for_a_place_is_a_span_queue_and_no_part_of_the_call(engine, tmp_path):
    async with asking(engine, tmp_path, in_flight=1) as tools:
        await ask(tools, "one", "two")
        first, second = [span for span in leaves(tools) if span["op"] == "chat"]
        (wait,) = [span for span in leaves(tools) if span["op"] == "queue"]
        calls = sorted(rows(tools), key=lambda row: row["sent_at"])

    assert wait["name"] == second["name"]
    assert first["t1"] <= wait["t1"] <= second["t0"]
    (waited,) = [call for call in calls if call["span_id"] == second["span_id"]]
    assert waited["queue_wait_s"] >= seconds(wait) > 0
    assert waited["ttft_s"] <= seconds(second)
    assert_only_calls_are_work(tools, calls)


async def test_the_pause_between_two_attempts_is_a_span_backoff_and_each_attempt_one_of_its_own(engine, tmp_path):
    engine.faults = deque([503])

    async with asking(engine, tmp_path, sleep=_no_sleep) as tools:
        await ask(tools, "route")
        first, wait, second = leaves(tools)
        calls = rows(tools)

    assert [span["op"] for span in (first, wait, second)] == ["chat", "backoff", "chat"]
    assert [span["status"] for span in (first, second)] == ["error", "ok"]
    assert first["t1"] == wait["t0"]
    assert wait["t1"] <= second["t0"]
    assert seconds(wait) > 0
    assert {call["span_id"] for call in calls} == {first["span_id"], second["span_id"]}
    assert_only_calls_are_work(tools, calls)


def assert_only_calls_are_work(tools, calls):
    """The calls of these tests come one after another, so that their sum is the busy time, and the critical path."""
    worked = sum(seconds(span) for span in leaves(tools) if span["op"] == "chat")
    found, path = overhead_of(tools.trace.spans), path_of(tools.trace.spans, calls)

    assert found.busy_s == pytest.approx(worked)
    assert path.critical_path_s == pytest.approx(worked)
    assert found.coordination_overhead_s == pytest.approx(found.wall_s - worked)


@pytest.mark.parametrize(("faults", "op"), [(deque(["hang"]), "queue"), (deque([503]), "backoff")])
async def test_a_wait_that_is_cut_short_is_there_as_far_as_it_went(engine, tmp_path, faults, op):
    engine.faults = faults
    waiting = asyncio.Event()

    async def never(seconds):
        waiting.set()
        await asyncio.Event().wait()

    async with asking(engine, tmp_path, in_flight=1, sleep=never) as tools:
        query = asyncio.create_task(ask(tools, "one", *(["two"] if op == "queue" else [])))
        await (asyncio.to_thread(engine.wait_for_call) if op == "queue" else waiting.wait())
        query.cancel()
        with suppress(asyncio.CancelledError):
            await query
        (wait,) = [span for span in leaves(tools) if span["op"] == op]

    root = next(span for span in tools.trace.spans if span["op"] == "invoke_workflow")
    assert root["t0"] <= wait["t0"] < wait["t1"] <= root["t1"]
