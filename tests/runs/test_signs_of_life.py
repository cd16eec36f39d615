"""An engine that is too busy for its health check is not gone."""

from collections import deque

import pytest

from docmind_core.errors import CallTimeout, EngineUnreachable, OutputInvalid
from tests.fakes.engine_server import FakeEngine
from tests.runs.running import run, select
from tests.serving.test_chat_client import Book, make_client, make_request


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture(autouse=True)
def impatient(monkeypatch, deadlines):
    """Nothing is waited for."""
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)


async def after_a_reply(seconds, error, *, fault=None, **answer):
    """Let an engine reply (or fail as `fault` says), and ask so many seconds later whether it is gone."""
    clock = Clock()
    with FakeEngine(faults=deque([fault]), **answer) as engine:
        async with make_client(engine, clock=clock) as client:
            try:
                await client.complete(make_request(), Book())
            except OutputInvalid as garbage:
                error = garbage
            clock.now_s += seconds
            return await client.engine_gone(error)


@pytest.mark.parametrize("error", [OutputInvalid("garbage"), CallTimeout("late")])
@pytest.mark.parametrize(("seconds", "is_gone"), [(0, False), (29, False), (31, True)])
async def test_a_reply_of_the_last_30_s_outweighs_a_health_check_that_is_not_answered(error, seconds, is_gone):
    gone = await after_a_reply(seconds, error, healthy=None)
    assert (gone is not None) is is_gone


async def test_garbage_is_a_sign_of_life_itself():
    assert await after_a_reply(0, None, fault="garbage", healthy=None) is None


@pytest.mark.parametrize("answer", [{"healthy": False}, {"dead": True}])
async def test_an_engine_that_says_that_it_is_ill_is_gone_whatever_it_sent_before(answer):
    with FakeEngine(**answer) as engine:
        async with make_client(engine, clock=Clock()) as client:
            client._heard_at_s = Clock.now_s
            assert await client.engine_gone(OutputInvalid("x")) is not None


async def test_an_engine_whose_port_is_closed_is_gone_whatever_it_sent_before():
    with FakeEngine() as engine:
        client = make_client(engine, clock=Clock())
    async with client:
        client._heard_at_s = Clock.now_s
        assert await client.engine_gone(OutputInvalid("x")) is not None


@pytest.mark.parametrize("others_had_replies", [False, True])
async def test_a_call_of_which_no_attempt_got_through_counts_replies_that_others_had_meanwhile(others_had_replies):
    error = EngineUnreachable("x")
    error.others_had_replies = others_had_replies
    gone = await after_a_reply(1, error, healthy=None)
    assert (gone is None) is others_had_replies


async def test_a_call_knows_whether_others_had_replies_while_it_failed():
    with FakeEngine(faults=deque(["drop"] * 4)) as engine:
        clock = Clock()
        async with make_client(engine, clock=clock) as client:
            client._heard_at_s = clock.now_s - 1
            with pytest.raises(EngineUnreachable) as alone:
                await client.complete(make_request(), Book())
            engine.faults.extend(["drop"] * 4)

            async def another_had_one(_seconds):
                client._heard_at_s = clock.now_s + 1

            client._sleep = another_had_one
            with pytest.raises(EngineUnreachable) as among_others:
                await client.complete(make_request(), Book())
    assert (alone.value.others_had_replies, among_others.value.others_had_replies) == (False, True)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_one_garbage_reply_of_an_engine_too_busy_for_its_health_check_costs_one_query(
    home, make_suite, engine, concurrency
):
    engine.healthy, engine.faults = None, deque([None, "garbage"])
    suite = make_suite(arms=["single_pass"], concurrency=concurrency)
    run(home, suite)
    statuses = "select status, count(*) from query_runs where phase <> 'warmup' group by all order by all"
    assert select(home, statuses) == [("answered", 5), ("failed", 1)]
