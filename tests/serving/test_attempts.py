"""An attempt is durable before it is sent; a connection is given up by time that the event loop kept."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest

from docmind_core.serving.chat_client import _Connector
from docmind_core.telemetry.loop_lag import measured_loop
from tests.fakes.engine_server import FakeEngine
from tests.fakes.skipping_loop import busy, run_skipping
from tests.serving.test_chat_client import Book, make_client, make_request


async def test_nothing_is_sent_and_no_answer_is_used_before_its_booking_is_durable():
    seen = []

    class Watching(Book):
        async def kept(self):
            seen.append((len(engine.requests), [end.status for end in self.ends], call.done()))

    with FakeEngine() as engine:
        async with make_client(engine) as client:
            call = asyncio.create_task(client.complete(make_request(), Watching()))
            await call

    assert seen == [(0, [], False), (1, ["finished"], False)]


async def test_a_call_that_is_cancelled_while_its_beginning_is_written_was_never_sent():
    class Cancelled(Book):
        async def kept(self):
            call.cancel()
            await asyncio.sleep(0)

    with FakeEngine() as engine:
        async with make_client(engine) as client:
            book = Cancelled()
            call = asyncio.create_task(client.complete(make_request(), book))
            with pytest.raises(asyncio.CancelledError):
                await call

        assert engine.requests == []
    assert [(end.status, end.usage.prompt_tokens) for end in book.ends] == [("failed", 0)]


def test_a_connection_is_given_up_after_ten_seconds_that_the_event_loop_kept(monkeypatch):
    async def connect(*steps):
        async def slow(*_):
            for step in steps:
                if step < 0:
                    busy(-step)
                else:
                    await asyncio.sleep(step)
            return "connected"

        monkeypatch.setattr(aiohttp.TCPConnector, "connect", slow)
        with measured_loop():
            return await _Connector().connect(SimpleNamespace(method="GET"), [], aiohttp.ClientTimeout())

    assert run_skipping(connect(4, -60, 4)) == "connected"
    with pytest.raises(TimeoutError):
        run_skipping(connect(6, 6))
