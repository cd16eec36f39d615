import asyncio
from collections import deque
from time import monotonic_ns

import pytest
from pydantic import BaseModel, ConfigDict, Field

from docmind_core.errors import CallTimeout, EngineUnreachable, RequestRejected
from docmind_core.serving.chat import AttemptEnd, AttemptStart, ChatRequest
from docmind_core.serving.chat_client import ChatClient, RetryPolicy
from docmind_core.serving.connection import EngineConnection
from tests.fakes.engine_server import FakeEngine


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    supported: str = Field(min_length=2, max_length=3)


class Book:
    """Keeps what is booked, in order."""

    def __init__(self) -> None:
        self.starts: list[AttemptStart] = []
        self.ends: list[AttemptEnd] = []

    def begin(self, start: AttemptStart) -> None:
        self.starts.append(start)

    def end(self, end: AttemptEnd) -> None:
        self.ends.append(end)

    async def kept(self) -> None:
        return None


def make_request(**changes) -> ChatRequest:
    return ChatRequest(**{"system": "be brief", "user": "what is it", "max_tokens": 16, **changes})


def connect(engine: FakeEngine, api_key: str | None = None) -> EngineConnection:
    return EngineConnection(base_url=engine.url, model=engine.model, api_key=api_key, managed=False)


async def _no_sleep(seconds: float) -> None:
    return None


def make_client(engine: FakeEngine, **changes) -> ChatClient:
    key = changes.pop("api_key", None)
    return ChatClient(connect(engine, key), **{"in_flight": 4, "sleep": _no_sleep, **changes})


async def ask(engine: FakeEngine, request: ChatRequest | None = None, **changes):
    book = Book()
    async with make_client(engine, **changes) as client:
        reply = await client.complete(request or make_request(), book)
    return reply, book


async def test_a_reply_has_its_text_and_the_engine_s_own_count():
    """S13: integers from the engine's usage, cached tokens among them."""
    with FakeEngine(reply=lambda body: "Paris is it") as engine:
        reply, book = await ask(engine)

    assert (reply.text, reply.finish_reason) == ("Paris is it", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens) == (5, 3, 0)
    assert [end.status for end in book.ends] == ["finished"]


async def test_an_attempt_is_booked_before_it_is_sent_and_before_its_answer_is_used():
    with FakeEngine() as engine:
        _, book = await ask(engine)

    (start,), (end,) = book.starts, book.ends
    times = end.times
    assert start.sent_ns <= end.sent_ns <= times.first_token_ns <= times.last_token_ns <= end.ended_ns


async def test_a_stream_is_not_asked_for_in_compressed_form():
    """A proxy that compresses holds chunks back until it has enough of them."""
    seen = []

    class Noting(FakeEngine):
        async def _answer(self, streams, method, path, headers, payload):
            seen.append(headers["accept-encoding"])
            return await FakeEngine._answer(self, streams, method, path, headers, payload)

    with Noting() as engine:
        await ask(engine)

    assert seen == ["identity"]


async def test_every_request_streams_with_usage_in_each_chunk_and_one_completion():
    with FakeEngine() as engine:
        await ask(engine)
        (body,) = engine.requests

    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (body["stream"], body["n"], body["temperature"]) == (True, 1, 0.0)


@pytest.mark.parametrize("fault", [500, 503, 429, "drop", "cut"])
async def test_a_passing_fault_is_tried_again_and_both_attempts_are_booked(fault):
    """S13, S17: bounded retries, each with its status."""
    with FakeEngine(faults=deque([fault])) as engine:
        reply, book = await ask(engine)

    assert reply.text == "a short answer [1]"
    assert [start.attempt for start in book.starts] == [1, 2]
    assert book.ends[1].status == "finished"
    assert book.ends[0].status != "finished"


async def test_an_attempt_waits_from_when_it_could_go_out_and_not_from_the_call_s_beginning():
    """S13: what an earlier attempt and the pause after it took is no wait in a queue."""
    paused_until = []

    async def pause(seconds):
        paused_until.append(monotonic_ns())

    with FakeEngine(faults=deque([503])) as engine:
        _, book = await ask(engine, sleep=pause)

    first, second = book.starts
    assert first.scheduled_ns <= first.sent_ns <= paused_until[0] <= second.scheduled_ns <= second.sent_ns


async def test_a_refused_request_is_not_tried_again_and_counts_zero_tokens():
    with FakeEngine(faults=deque([400])) as engine:
        book = Book()
        async with make_client(engine) as client:
            with pytest.raises(RequestRejected, match="HTTP 400"):
                await client.complete(make_request(), book)

    (end,) = book.ends
    assert (end.status, end.http_status) == ("failed", 400)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (0, 0)


async def test_attempts_end_after_the_limit_and_say_what_to_do():
    with FakeEngine(faults=deque([500] * 9)) as engine:
        book = Book()
        async with make_client(engine, retry=RetryPolicy(attempts=3)) as client:
            with pytest.raises(EngineUnreachable, match="HTTP 500"):
                await client.complete(make_request(), book)

    assert len(book.ends) == 3
    assert all(end.usage is None for end in book.ends)  # after a 5xx nobody knows what was computed


async def test_an_engine_that_is_not_there_never_got_the_request():
    with FakeEngine() as engine:
        connection = connect(engine)
    book = Book()
    async with ChatClient(connection, in_flight=1, sleep=_no_sleep) as client:
        with pytest.raises(EngineUnreachable, match="--resume"):
            await client.complete(make_request(), book)

    assert {end.usage.prompt_tokens for end in book.ends} == {0}


async def test_a_stream_cut_in_the_middle_keeps_the_usage_seen_so_far():
    with FakeEngine(reply=lambda body: "one two three four", faults=deque(["cut"])) as engine:
        _, book = await ask(engine)

    assert (book.ends[0].status, book.ends[0].http_status) == ("cut_off", 200)
    assert (book.ends[0].usage.completion_tokens, book.ends[0].usage.cached_tokens) == (2, None)


async def test_the_last_usage_is_the_count_not_the_sum_of_chunks():
    with FakeEngine(reply=lambda body: "one two three four") as engine:
        reply, _ = await ask(engine)
        assert reply.usage.completion_tokens == engine.counters["generation_tokens"] == 4


async def test_a_call_without_end_is_cut_off_at_its_limit(deadlines):
    """S24: the call's own limit."""
    with FakeEngine(faults=deque(["hang"])) as engine:
        book = Book()
        async with make_client(engine, call_timeout_s=1.0) as client:
            with pytest.raises(CallTimeout):
                await client.complete(make_request(), book)

    assert [(end.status, end.error_type, end.usage) for end in book.ends] == [("cut_off", "CallTimeout", None)]


async def test_a_cancelled_call_is_booked_as_cut_off():
    """S24: cancellation."""
    with FakeEngine(faults=deque(["hang"])) as engine:
        book = Book()
        async with make_client(engine) as client:
            task = asyncio.create_task(client.complete(make_request(), book))
            await asyncio.to_thread(engine.wait_for_call)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    assert [end.error_type for end in book.ends] == ["Cancelled"]


async def test_usage_that_the_engine_does_not_send_is_unknown_not_zero():
    with FakeEngine(reports_usage=False) as engine:
        reply, book = await ask(engine)

    assert reply.usage is None
    assert book.ends[0].usage is None


async def test_a_form_is_parsed():
    with FakeEngine(reply=lambda body: '{"supported": "yes"}') as engine:
        reply, book = await ask(engine, make_request(output=Verdict))

    assert reply.output == Verdict(supported="yes")
    assert book.ends[0].output_valid is True


@pytest.mark.parametrize("text", ['{"supported": "perhaps not"}', '{"supported": "yes"', "yes", '{"other": "yes"}'])
async def test_a_reply_without_the_form_says_why(text):
    with FakeEngine(reply=lambda body: text) as engine:
        reply, book = await ask(engine, make_request(output=Verdict))

    assert reply.output is None
    assert reply.output_problem
    assert book.ends[0].output_valid is False


async def test_a_choice_that_was_not_offered_is_a_problem():
    with FakeEngine(reply=lambda body: "maybe") as engine:
        reply, _ = await ask(engine, make_request(choices=("yes", "no")))

    assert reply.output_problem == "not one of yes, no: 'maybe'"


async def test_no_more_calls_are_in_flight_than_allowed():
    with FakeEngine(latency_s=0.02) as engine:
        async with make_client(engine, in_flight=3) as client:
            await asyncio.gather(*(client.complete(make_request(user=f"q {i}"), Book()) for i in range(12)))
        assert engine.peak_running == 3


async def test_the_key_is_sent_and_never_shown():
    with FakeEngine(api_key="s3cret-key") as engine:
        reply, _ = await ask(engine, api_key="s3cret-key")
        assert reply.text
        book = Book()
        async with make_client(engine, api_key="wr0ng-key") as client:
            with pytest.raises(RequestRejected) as caught:
                await client.complete(make_request(), book)

    assert "wr0ng-key" not in str(caught.value) + str(book.ends)


def test_equal_requests_have_equal_hashes_and_any_change_another():
    assert make_request().digest("m") == make_request().digest("m")
    changes = [
        {"user": "x"},
        {"system": "x"},
        {"max_tokens": 17},
        {"output": Verdict},
        {"choices": ("a",)},
        {"seed": 1},
    ]
    digests = {make_request(**change).digest("m") for change in changes} | {make_request().digest("other")}
    assert len(digests | {make_request().digest("m")}) == len(changes) + 2
