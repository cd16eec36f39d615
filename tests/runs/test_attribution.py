"""Which agent a call is booked under: the one at work, or nothing is sent."""

import asyncio
import contextvars

import pytest

from docmind_core.agents.context import PLANNER, ROUTER
from docmind_core.errors import RunError
from docmind_core.runs.clock import read_anchor
from docmind_core.runs.context_guard import ContextGuard
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.runs.query_tools import EngineBinding, RecordingTools
from docmind_core.runs.query_trace import QueryTrace
from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection

KEY = QueryKey(run_id="r", query_id="q", replicate=0)
REQUEST = ChatRequest(system="s", user="u", max_tokens=8)


@pytest.fixture
async def tools(tmp_path, engine):
    connection = EngineConnection(base_url=engine.url, model="fake-model", managed=False)
    with Journal(tmp_path / "journal.sqlite") as journal:
        async with ChatClient(connection, in_flight=1) as client:
            yield RecordingTools(
                engine=EngineBinding(client=client, model="fake-model", session="s"),
                index=None,
                journal=journal,
                clock=read_anchor(),
                trace=QueryTrace(key=KEY, level="balanced"),
                guard=ContextGuard(window=None),
                recorded={},
            )


def booked(tools):
    return [(row["agent"], row["node"]) for row, _ in tools.journal.attempts("r", KEY)]


async def test_a_call_is_booked_under_the_agent_at_work(tools):
    with tools.agent_span(ROUTER, node="router_node", checkpoint_ns=""):
        await tools.ask(ROUTER, "route", REQUEST)

    assert booked(tools) == [(ROUTER, "router_node")]


async def test_a_call_under_another_agent_s_name_is_refused_and_nothing_is_sent(tools, engine):
    with (
        tools.agent_span(ROUTER, node=ROUTER, checkpoint_ns=""),
        pytest.raises(RunError, match="query_planner requested plan while query_router was running"),
    ):
        await tools.ask(PLANNER, "plan", REQUEST)

    assert (booked(tools), engine.begun) == ([], 0)


async def test_a_call_whose_context_was_lost_is_refused(tools):
    """As in a thread of a bare pool, which starts without the caller's context."""
    with tools.agent_span(ROUTER, node=ROUTER, checkpoint_ns=""):
        lost = asyncio.get_running_loop().create_task(
            tools.ask(ROUTER, "route", REQUEST), context=contextvars.Context()
        )
        with pytest.raises(RunError, match="while no agent was running"):
            await lost

    assert booked(tools) == []
