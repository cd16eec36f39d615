"""The recording proxy by itself: whose a request is, and what reaches the engine and the client."""

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import aiohttp.web
import pytest

from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.forwarding import OpenCall, Replay
from docmind_core.serving.recording_proxy import RecordingProxy
from tests.fakes.engine_faults import Refusal
from tests.fakes.openai_engine import OpenaiEngine
from tests.fakes.plain_http import send

KEY = "the-engine-s-own-key"
TOKEN = "a" * 32
BODY = {"model": "fake-model", "messages": [{"role": "user", "content": "Hello there"}], "temperature": 0.7, "top_k": 3}


class Desk:
    """Books in memory."""

    def __init__(self):
        self.queries, self.requests, self.ended, self.replay, self.refused = [], [], [], None, []

    def knows(self, query):
        return query == TOKEN

    @contextmanager
    def call(self, query, request):
        self.queries.append(query)
        self.requests.append(request)
        yield self.replay or OpenCall(book=self, attempt=1, report=self.ended.append)

    def turned_away(self, what):
        self.refused.append(what)

    async def search(self, query, text, k):
        return None

    async def quiet(self, within_s):
        pass

    def begin(self, start):
        self.begun = start

    def end(self, end):
        self.ended.append(end)

    async def kept(self):
        pass


class SwitchedEngine(OpenaiEngine):
    """Also answers the routes that are not chat completions."""

    async def _answer(self, streams, method, path, headers, payload):
        usage = {"input_tokens": 4, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}
        said = [{"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}]
        replies = {
            "/v1/embeddings": {"data": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}},
            "/v1/responses": {"status": "completed", "output": said, "usage": usage},
        }
        if path in replies:
            return send(streams[1], 200, replies[path])
        return await super()._answer(streams, method, path, headers, payload)


@pytest.fixture(scope="module")
def engine():
    with SwitchedEngine(reply=lambda body: f"said {KEY}", api_key=KEY) as server:
        yield server


@asynccontextmanager
async def proxied(engine):
    connection = EngineConnection(
        base_url=engine.url, model="fake-model", managed=False, api_key=KEY, max_model_len=4096
    )
    desk = Desk()
    async with (
        ChatClient(connection, in_flight=4) as client,
        RecordingProxy(client) as proxy,
        aiohttp.ClientSession() as session,
    ):
        yield desk, session, proxy.address(proxy.open(desk), TOKEN)


async def post(session, url, body=BODY, headers=None):
    async with session.post(url, json=body, headers=headers or {}) as response:
        return response.status, await response.read(), response.headers


@pytest.mark.parametrize(
    ("in_path", "headers", "query"),
    [
        (True, {}, TOKEN),
        (True, {"traceparent": f"00-{'b' * 32}-{'c' * 16}-01"}, TOKEN),
        (False, {"traceparent": f"00-{TOKEN}-{'c' * 16}-01"}, TOKEN),
        (False, {"Authorization": f"Bearer {TOKEN}"}, TOKEN),
        (False, {"traceparent": f"00-{'b' * 32}-{'c' * 16}-01", "Authorization": "Bearer other"}, None),
        (False, {}, None),
    ],
)
async def test_a_request_is_of_the_question_in_its_path_then_its_trace_then_its_key(engine, in_path, headers, query):
    async with proxied(engine) as (desk, session, address):
        base = address.base_url if in_path else address.run_url
        status, _, _ = await post(session, f"{base}/chat/completions", headers=headers)

    assert (status, desk.queries) == (200, [query])


async def test_the_engine_gets_what_the_client_sent_and_the_client_never_the_key(engine):
    engine.requests.clear()
    async with proxied(engine) as (desk, session, address):
        _, body, _ = await post(session, f"{address.base_url}/chat/completions")

    assert engine.requests == [BODY]
    assert json.loads(body)["choices"][0]["message"]["content"] == "said [key]"
    (end,) = desk.ended
    assert (end.status, end.reply, end.sent_on) == ("finished", "said [key]", ("application/json", body))
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (2, 2)
    assert desk.requests[0].parameters == {"temperature": 0.7, "top_k": 3}


@pytest.mark.parametrize("asks", [False, True], ids=["not asked for", "asked for"])
async def test_of_a_stream_the_usage_is_asked_for_and_shown_to_a_client_that_asked_alone(engine, asks):
    engine.requests.clear()
    body = {**BODY, "stream": True, **({"stream_options": {"include_usage": True}} if asks else {})}
    async with proxied(engine) as (desk, session, address):
        _, sent, headers = await post(session, f"{address.base_url}/chat/completions", body)

    assert engine.requests == [{**body, "stream_options": {"include_usage": True}}]
    assert headers["Content-Type"] == "text/event-stream"
    assert (b'"usage"' in sent) == asks
    assert sent.endswith(b"data: [DONE]\n\n")
    assert KEY.encode() not in sent
    (end,) = desk.ended
    assert (end.status, end.usage.completion_tokens, end.sent_on[1]) == ("finished", 2, sent)
    assert end.times.first_token_ns is not None


@pytest.mark.parametrize(
    ("fault", "status", "booked", "tokens"),
    [
        (Refusal(429, {"Retry-After": "7"}), 429, "failed", 0),
        (Refusal(500), 500, "cut_off", None),
        (Refusal(400, text=f"bad: {KEY}"), 400, "failed", 0),
        (Refusal(307, {"Location": "http://127.0.0.1:9/"}), 502, "failed", 0),
        ("drop", 502, "cut_off", None),
    ],
    ids=["busy", "broken", "refused", "redirect", "dropped"],
)
async def test_what_is_not_a_reply_is_passed_on_and_booked(engine, fault, status, booked, tokens):
    engine.faults = deque([fault])
    async with proxied(engine) as (desk, session, address):
        found, body, headers = await post(session, f"{address.base_url}/chat/completions")

    end = next(entry for entry in desk.ended if not isinstance(entry, Exception))
    assert (found, end.status, end.usage.prompt_tokens if end.usage else None) == (status, booked, tokens)
    assert headers.get("Retry-After") == ("7" if status == 429 else None)
    assert KEY.encode() not in body
    assert KEY not in end.error_message


async def test_a_stream_that_breaks_is_broken_for_the_client_too(engine):
    engine.faults = deque(["cut"])
    async with proxied(engine) as (desk, session, address):
        with pytest.raises(aiohttp.ClientError):
            await post(session, f"{address.base_url}/chat/completions", {**BODY, "stream": True})
        while not desk.ended:  # noqa: ASYNC110 - the proxy ends it in this loop, by itself
            await asyncio.sleep(0)

    assert desk.ended[0].status == "cut_off"


async def test_a_call_that_the_client_gives_up_is_given_up_at_the_engine_and_booked(engine):
    engine.faults = deque(["hang"])
    began = engine.begun
    async with proxied(engine) as (desk, session, address):
        asked = asyncio.create_task(post(session, f"{address.base_url}/chat/completions"))
        await asyncio.to_thread(engine.wait_for_call, began + 1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        while not desk.ended or engine.running:  # noqa: ASYNC110 - the engine runs in a thread
            await asyncio.sleep(0)

    assert (desk.ended[0].status, desk.ended[0].error_type) == ("cut_off", "Cancelled")


@pytest.mark.parametrize(
    ("route", "tokens", "text"), [("embeddings", (5, 0, None), None), ("responses", (4, 2, 1), "Hi.")]
)
async def test_embeddings_and_responses_are_booked_too(engine, route, tokens, text):
    async with proxied(engine) as (desk, session, address):
        status, _, _ = await post(session, f"{address.base_url}/{route}", {"model": "fake-model", "input": "Hello"})

    (end,) = desk.ended
    assert status == 200
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.cached_tokens) == tokens
    assert (end.reply or None) == text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/models", 200), ("/v1/files", 404), ("/v2/x", 404), ("/search?q=a", 404), ("/v1/chat/completions", 404)],
)
async def test_of_what_is_read_models_are_served_and_nothing_else(engine, path, status):
    async with proxied(engine) as (desk, session, address):
        async with session.get(f"{address.base_url.removesuffix('/v1')}{path}") as response:
            assert response.status == status
            assert "docmind" in await response.text() or status == 200
        async with session.get(address.base_url.replace("/q/", "/elsewhere/")) as response:
            assert response.status == 404
    assert desk.requests == []
    assert (f"GET {path}" in desk.refused) == (status == 404 and "search" not in path)


async def test_a_body_that_is_not_json_is_refused_and_sent_nowhere(engine):
    engine.requests.clear()
    async with (
        proxied(engine) as (desk, session, address),
        session.post(f"{address.base_url}/chat/completions", data=b"{garbage") as response,
    ):
        assert response.status == 400
        assert "the body of the request is not JSON" in await response.text()
    assert (desk.requests, engine.requests) == ([], [])


async def test_a_reply_from_before_an_interruption_is_sent_as_it_was(engine):
    engine.requests.clear()
    async with proxied(engine) as (desk, session, address):
        desk.replay = Replay(content_type="text/event-stream", body=b"data: before\n\n")
        _, sent, headers = await post(session, f"{address.base_url}/chat/completions")
    assert (sent, headers["Content-Type"], engine.requests) == (b"data: before\n\n", "text/event-stream", [])


@pytest.mark.parametrize("at", ["prepare", "write", "write_eof"])
async def test_a_client_that_has_gone_is_not_taken_for_an_engine_that_has(engine, monkeypatch, at):
    """Whether aiohttp cancels the handler or fails the write is a matter of microseconds."""
    send = getattr(aiohttp.web.StreamResponse, at)

    async def fail(self, *arguments):
        if isinstance(self, aiohttp.web.Response):  # of the search for the models, not of the stream
            return await send(self, *arguments)
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(aiohttp.web.StreamResponse, at, fail)
    if at == "write":  # of a stream whose end has come, all is sent at once when it is booked
        engine.faults = deque(["cut"])
    async with proxied(engine) as (desk, session, address):
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(post(session, f"{address.base_url}/chat/completions", {**BODY, "stream": True}), 5)

    (end,) = desk.ended
    assert (end.status, end.error_type) == (("finished", None) if at == "write_eof" else ("cut_off", "Cancelled"))
