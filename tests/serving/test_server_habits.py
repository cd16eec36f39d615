"""Every row of server_habits.py, over HTTP and byte by byte."""

import pytest

from docmind_core.runs.call_booking import token_counts
from docmind_core.serving import chat_stream
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.event_stream import EventStream
from docmind_core.serving.retrying import Retryable
from tests.fakes.engine_server import FakeEngine, Stream
from tests.serving.server_habits import HABITS, PARIS
from tests.serving.test_chat_client import Book, make_client, make_request

STREAMS = {name: (sent, right) for name, (sent, right) in HABITS.items() if isinstance(sent, bytes)}


def counted(row):
    tokens = row["tokens_missing_because"] or (row["prompt_tokens"], row["completion_tokens"])
    return tokens, row["cached_missing_because"] or row["cached_tokens"]


@pytest.mark.parametrize("habit", HABITS)
async def test_a_reply_is_what_the_table_says(habit, monkeypatch):
    sent, right = HABITS[habit]
    if isinstance(sent, Stream) and right.error is None:
        monkeypatch.setattr(chat_stream, "TAIL_S", 0.05)  # the answer is there: nothing has to arrive within it
    fault = Stream((sent,)) if isinstance(sent, bytes) else sent
    with FakeEngine(fault_of=lambda body: fault) as engine:
        found, book = await ask(engine)

    assert (found if right.error is None else type(found)) == (right.error or found)
    assert len(book.ends) == right.attempts
    if right.error is None:
        assert (found.text, found.ended_because, found.reasoning) == (right.text, right.ended, right.reasoning)
    for end in book.ends:
        assert end.ended_because == right.ended
        expected = right.cached if isinstance(right.tokens, tuple) else right.tokens
        if right.error is None:
            assert counted(token_counts(end)) == (right.tokens, expected)
        else:
            assert counted(token_counts(end))[0] == right.tokens


async def ask(engine):
    """Return the reply or the error, and what was booked."""
    book = Book()
    async with make_client(engine) as client:
        try:
            return await client.complete(make_request(), book), book
        except Exception as error:  # noqa: BLE001 - which one is compared
            return error, book


@pytest.mark.parametrize("habit", STREAMS)
async def test_it_does_not_matter_where_a_stream_is_cut(habit):
    sent, right = STREAMS[habit]

    assert await outcome([sent[place : place + 1] for place in range(len(sent))]) == await outcome([sent])
    if right.error is None:
        assert (await outcome([sent]))[:2] == (right.text, right.ended)


async def outcome(reads):
    async def arriving():
        for read in reads:
            yield read

    streamed = StreamedReply(request=make_request(), clock_ns=lambda: 1)
    try:
        await streamed.read(arriving())
    except Exception as error:  # noqa: BLE001 - which one is compared
        return type(error), isinstance(error, Retryable), streamed.text, streamed.usage
    reply = streamed.reply()
    return reply.text, reply.ended_because, reply.reasoning, reply.usage, reply.usage_missing_because


def test_the_events_are_those_of_the_standards_own_examples():
    """From the standard: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    feed = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    feed += b"data\n\ndata\ndata\n\ndata:"
    stream = EventStream()

    events = [event.data for event in stream.feed(feed)]

    # The two events of the second example, without text or with a line feed alone, can't be chunks: left out here.
    assert events == ["first event", "second event", " third event"]
    assert stream.feed(b"") == []


async def test_the_size_of_a_reply_is_bounded_by_its_max_tokens():
    sent = HABITS["plain"][0]
    filler = b": " + b"x" * 1_000 + b"\n\n"
    assert (await outcome([filler] * 60 + [sent]))[0] == PARIS
    assert (await outcome([filler] * 200 + [sent]))[0].__name__ == "OutputInvalid"
