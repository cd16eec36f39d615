"""What an engine may send in place of a reply: each attempt is booked, whatever it was."""

import asyncio
import json
import sqlite3
from collections import deque

import pytest

from docmind_core.errors import EngineUnreachable, OutputInvalid, RequestRejected
from docmind_core.serving.chat import read_reply
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.telemetry.loop_lag import measured_loop
from tests.fakes.engine_server import ENGINE_DIED, FakeEngine, Finish, Raw, Refusal
from tests.fakes.skipping_loop import busy, run_skipping
from tests.serving.test_chat_client import Book, Verdict, ask, make_client, make_request

DONE = "data: [DONE]\n\n"
KEY = "sk-planted-7c1e5f0b9a"


def event(content, *, finish_reason=None, **more) -> str:
    chunk = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}], **more}
    return f"data: {json.dumps(chunk)}\n\n"


async def fail(engine, error, **changes):
    """Make a call that must fail in this way; return what was booked and the text of the error."""
    book = Book()
    async with make_client(engine, **changes) as client:
        with pytest.raises(error) as caught:
            await client.complete(make_request(), book)
    return book, str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ENGINE_DIED,
        'data: {"error": {"message": "busy", "type": "ServiceUnavailableError", "code": 503}}',
        'data: {"error": {"message": "dead", "type": "EngineDeadError"}}',
        'data: {"object": "error", "message": "dead", "code": 500}',
    ],
)
async def test_an_engine_that_fails_inside_the_stream_is_asked_again(error):
    """S17: after its first byte vLLM can't send a status any more."""
    with FakeEngine(faults=deque([Raw(f"{error}\n\n{DONE}")])) as engine:
        reply, book = await ask(engine)

    assert reply.text == "a short answer [1]"
    assert [(end.status, end.error_type, end.usage is None) for end in book.ends] == [
        ("cut_off", "StreamFailed", True),
        ("finished", None, False),
    ]


async def test_an_engine_that_keeps_failing_inside_its_streams_is_unreachable():
    with FakeEngine(dead=True) as engine:
        book, text = await fail(engine, EngineUnreachable)

    assert len(book.ends) == 4
    assert "reported an error in the stream: EngineCore" in text


async def test_an_error_that_another_attempt_would_meet_again_is_not_repeated():
    with FakeEngine(faults=deque([Raw('data: {"error": {"message": "no", "code": 400}}\n\n')])) as engine:
        book, text = await fail(engine, OutputInvalid)

    assert len(book.ends) == 1
    assert text == "the engine reported an error in the stream: no"


@pytest.mark.parametrize(
    "stream",
    [
        event(7),
        event(["a", "b"]),
        event({"text": "a"}),
        event("a", finish_reason=3),
        'data: {"choices": "none"}\n\n',
        'data: ["choices"]\n\n',
        "data: 7\n\n",
        f"data: {'[' * 50_000}\n\n",
        f"data: {'x' * 300_000}\n\n",
        f"{'x' * 300_000}\n\n",
        'data: {"error": {"message": "half \\ud83d"}}\n\n',
    ],
    ids=lambda stream: stream[:60],
)
async def test_whatever_is_not_a_reply_is_booked_as_cut_off(stream, tmp_path):
    with FakeEngine(faults=deque([Raw(stream)])) as engine:
        book, text = await fail(engine, OutputInvalid)

    assert [(end.status, end.error_type) for end in book.ends] == [("cut_off", "OutputInvalid")]
    assert len(text) < 400
    assert_storable(book.ends[0].error_message)


async def test_half_a_surrogate_pair_becomes_a_sign_that_can_be_stored_and_sent_back():
    stream = event("smile \ud83d") + event("\ude00 and \ud800 half", finish_reason="stop") + DONE
    with FakeEngine(faults=deque([Raw(stream)])) as engine:
        reply, book = await ask(engine)

    assert reply.text == book.ends[0].reply == "smile \U0001f600 and \ufffd half"
    assert_storable(reply.text)
    assert make_request(user=reply.text).digest("m")


def test_a_request_with_half_a_surrogate_pair_has_a_hash():
    assert make_request(user="\ud800").digest("m") != make_request(user="\ud801").digest("m")


def assert_storable(text):
    with sqlite3.connect(":memory:") as connection:
        assert connection.execute("select ?", (text,)).fetchone() == (text,)
    connection.close()


@pytest.mark.parametrize("reason", ["abort", "error"])
async def test_a_reply_that_did_not_end_by_itself_is_asked_for_again(reason):
    with FakeEngine(faults=deque([Finish(reason)])) as engine:
        _, book = await ask(engine)

    assert [(end.status, end.usage.completion_tokens) for end in book.ends] == [("cut_off", 4), ("finished", 4)]


@pytest.mark.parametrize("reason", ["length", "abort", "error", None, "content_filter"])
@pytest.mark.parametrize("form", [{"output": Verdict}, {"choices": ("no", "yes")}])
def test_a_form_counts_only_when_its_reply_ended_by_itself(reason, form):
    """What is left of a cut reply may have the form by chance: one choice may be the beginning of another."""
    text = '{"supported": "yes"}' if "output" in form else "yes"
    reply = read_reply(make_request(**form), text, reason, None)

    assert reply.output is None
    assert reply.output_problem
    assert read_reply(make_request(**form), text, "stop", None).output_problem is None


async def test_a_wait_that_the_engine_asks_for_is_waited_out():
    waits = []

    async def note(seconds):
        waits.append(seconds)

    with FakeEngine(faults=deque([Refusal(429, {"Retry-After": "60"})])) as engine:
        await ask(engine, sleep=note)

    assert len(waits) == 1
    assert 60.0 <= waits[0] <= 75.0


async def test_an_engine_that_asks_for_an_hour_is_not_waited_for():
    with FakeEngine(faults=deque([Refusal(429, {"Retry-After": "3600"})])) as engine:
        book, text = await fail(engine, EngineUnreachable)

    assert len(book.ends) == 1
    assert "HTTP 429" in text
    assert "asked us to wait 3,600 s; the maximum is 300 s" in text


async def test_a_redirect_is_refused_and_not_followed():
    """It would carry the key away."""
    with FakeEngine() as elsewhere:
        target = f"{elsewhere.url}/v1/chat/completions"
        with FakeEngine(faults=deque([Refusal(307, {"Location": target})])) as engine:
            book, text = await fail(engine, RequestRejected, api_key=KEY)
        assert elsewhere.requests == []

    assert f"a redirect to {target}" in text
    assert [(end.status, end.http_status) for end in book.ends] == [("failed", 307)]


@pytest.mark.parametrize(
    "stream",
    [
        f"<html>{KEY}</html>\n\n",
        f"<html>{'x' * 190}{KEY}</html>\n\n",
        f"data: {KEY}\n\n",
        f'data: {{"error": {{"message": "{KEY}"}}}}\n\n',
        f'data: {{"error": "{KEY}"}}\n\n',
        f"data: {'x' * 131_060}{KEY}\n\n",
        event(KEY, finish_reason=7),
    ],
    ids=lambda stream: stream[:20],
)
async def test_the_key_is_taken_out_of_what_the_engine_sends_back(stream):
    with FakeEngine(faults=deque([Raw(stream)])) as engine:
        book, text = await fail(engine, OutputInvalid, api_key=KEY)

    assert KEY[:8] not in text + str(book.ends)


async def test_the_key_is_taken_out_of_a_reply_that_repeats_it_in_pieces():
    stream = event(f"it is {KEY[:9]}") + event(f"{KEY[9:]} so", finish_reason="stop") + DONE
    with FakeEngine(faults=deque([Raw(stream)])) as engine:
        reply, book = await ask(engine, api_key=KEY)

    assert reply.text == book.ends[0].reply == "it is [key] so"


async def test_a_placeholder_for_a_key_may_be_a_word_of_an_answer():
    with FakeEngine(reply=lambda body: "the list is EMPTY") as engine:
        reply, _ = await ask(engine, api_key="EMPTY")

    assert reply.text == "the list is EMPTY"


async def test_of_a_long_refusal_the_beginning_is_read():
    with FakeEngine(faults=deque([Refusal(400, {}, "x" * 10_000_000)])) as engine:
        book, text = await fail(engine, RequestRejected)

    assert len(text) < 400
    assert [(end.status, end.http_status) for end in book.ends] == [("failed", 400)]


@pytest.mark.parametrize(
    ("answer", "answers"), [({"healthy": True}, True), ({"healthy": False}, False), ({"dead": True}, False)]
)
async def test_an_engine_is_gone_when_its_health_check_says_so(answer, answers):
    with FakeEngine(**answer) as engine:
        async with make_client(engine) as client:
            assert await client.engine_answers() is answers
            gone = await client.engine_gone(OutputInvalid("planted"))

    assert (gone is None) is answers
    if gone is not None:
        assert "stopped answering; the last error was: planted" in str(gone)
        assert "--resume" in str(gone)


async def test_an_engine_that_hangs_is_gone(deadlines):
    with FakeEngine(healthy=None) as engine:
        async with make_client(engine) as client:
            assert not await client.engine_answers()


async def test_an_engine_without_a_health_check_answers_all_the_same():
    with FakeEngine(offers_health=False) as engine:
        async with make_client(engine) as client:
            assert await client.engine_answers()


def test_a_usage_that_the_platform_is_late_to_read_is_the_reply_s():
    async def reads():
        yield event("Paris", finish_reason="stop").encode()
        await asyncio.sleep(1)
        busy(60)
        await asyncio.sleep(1)
        yield event("", usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}).encode()

    async def read():
        streamed = StreamedReply(request=make_request())
        with measured_loop():
            await streamed.read(reads())
        return streamed.reply().usage

    assert run_skipping(read()).prompt_tokens == 3
