"""One request of another client on its way to the engine and back, booked like a call of our own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic_ns

import aiohttp
from aiohttp import web

from docmind_core.errors import EngineUnreachable, OutputInvalid
from docmind_core.serving.attempt import Attempt
from docmind_core.serving.chat import AttemptBook, ChatReply
from docmind_core.serving.chat_client import DETAIL_BYTES_MAX, DETAIL_SHOWN, ChatClient
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.connection import unreachable
from docmind_core.serving.foreign_request import CHAT, ForeignRequest, with_usage_asked
from docmind_core.serving.relayed_stream import RelayedStream
from docmind_core.serving.reply_routes import read_other_reply
from docmind_core.serving.retrying import HTTP_CLIENT_ERROR, HTTP_REDIRECT, Retryable, computed_nothing, is_transient
from docmind_core.serving.token_usage import NO_TOKENS
from docmind_core.telemetry.loop_lag import Deadline

PASSED_ON = ("Content-Type", "Retry-After", "x-request-id")
"""Headers of the engine's response that the client is given."""
BAD_GATEWAY = 502
_WENT_AWAY = "the client disconnected before the reply ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """Where one request is booked."""

    book: AttemptBook
    attempt: int
    report: Callable[[Exception], None]
    """Called with what ends more than this request: the engine is not reached, or the attempt can't be booked."""
    replica: int = 0
    """Which of the engine's replicas it goes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The reply that the same request had in an interrupted process: the engine is not asked again."""

    content_type: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class Forwarding:
    """One request in progress."""

    client: ChatClient
    http: web.BaseRequest
    request: ForeignRequest
    payload: bytes
    call: OpenCall
    _streamed: StreamedReply = field(init=False)
    _attempt: Attempt = field(init=False)

    def __post_init__(self) -> None:
        """Prepare to read the reply."""
        connection = self.client.connection
        self._streamed = StreamedReply(
            request=self.request,
            window=connection.max_model_len,
            dialect=connection.dialect,
            redact=connection.redact_reply,
        )
        self._attempt = Attempt(
            number=self.call.attempt, connection=connection, book=self.call.book, streamed=self._streamed
        )

    async def answer(self) -> web.StreamResponse:
        """Send the request when it has its place among the calls in flight, and pass the reply on."""
        scheduled_ns = monotonic_ns()
        must_wait = self.client.slots.locked()
        async with self.client.slots:
            admitted_ns = monotonic_ns() if must_wait else scheduled_ns
            await self._attempt.begin(self.request, scheduled_ns, admitted_ns)
            try:
                async with Deadline(self.client.call_timeout_s):
                    return await self._exchange()
            except asyncio.CancelledError:
                self._attempt.cut("Cancelled", _WENT_AWAY)
                raise
            except _ClientGone as gone:
                self._attempt.cut("Cancelled", _WENT_AWAY)
                return _broken_off(self.http, gone.response)
            except TimeoutError:
                late = f"the engine did not finish a call within {self.client.call_timeout_s:g} s"
                self._attempt.cut("CallTimeout", late)
                return said(504, late)
            except aiohttp.ClientError as error:
                return self._lost(error)

    async def _exchange(self) -> web.StreamResponse:
        payload = with_usage_asked(self.request, self.payload)
        async with self.client.post(self.request.route, payload) as response:
            self._streamed.http_status = response.status
            if response.status >= HTTP_REDIRECT:
                return await self._refused(response)
            self.client.heard()
            is_stream = response.content_type == "text/event-stream"
            return await (self._pass_stream(response) if is_stream else self._pass_whole(response))

    async def _pass_whole(self, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass on a reply in one piece: booked before the client has it."""
        body = self._without_key(await response.read())
        await self._book_read(await self._read(_once(body)), (response.headers.get("Content-Type", ""), body))
        return web.Response(body=body, status=response.status, headers=_passed_on(response))

    async def _pass_stream(self, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass on a stream as it comes; its end, which lets the client continue, is sent when the attempt is booked."""
        relayed = RelayedStream(hides_usage=self.request.route == CHAT and not self.request.wants_usage)
        to_client = web.StreamResponse(status=response.status, headers=_passed_on(response))
        with _noticing_its_end(to_client):
            await to_client.prepare(self.http)

        async def pass_on() -> AsyncIterator[bytes]:
            async for data in response.content.iter_any():
                self.client.heard()
                if passed := self._without_key(relayed.feed(data)):
                    with _noticing_its_end(to_client):
                        await to_client.write(passed)
                yield data

        reads = pass_on()
        try:
            found = await self._read(reads)
            async for _ in reads:  # what follows the end of the reply, or what can't be read, is passed on too
                pass
        except aiohttp.ClientError as error:
            if not self._streamed.is_whole:
                self._lost(error)
                return _broken_off(self.http, to_client)
            found = self._streamed.reply()
        end = self._without_key(relayed.end())
        await self._book_read(found, (response.headers.get("Content-Type", ""), self._without_key(relayed.passed_on)))
        with suppress(ConnectionError, aiohttp.ClientError):  # booked: whether the client still waits is its own affair
            await to_client.write_eof(end)
        return to_client

    async def _read(self, reads: AsyncIterator[bytes]) -> ChatReply | Exception:
        """Read a reply, or return what is wrong with it: the client is given it all the same."""
        try:
            if self.request.route != CHAT:
                return read_other_reply(self.request, self._streamed, b"".join([data async for data in reads]))
            await self._streamed.read(reads)
            return self._streamed.reply()
        except (OutputInvalid, Retryable) as error:
            return error

    async def _book_read(self, found: ChatReply | Exception, sent_on: tuple[str, bytes]) -> None:
        if isinstance(found, ChatReply):
            await self._attempt.finished(self.request, found, sent_on=sent_on)
        elif isinstance(found, Retryable):
            self._attempt.cut("StreamFailed", f"the engine {found.what}")
        else:
            self._attempt.cut("OutputInvalid", str(found))

    async def _refused(self, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """Book a response that is not a reply, and pass it on; a redirect would lead the client past the proxy."""
        status, body = response.status, self._without_key(await response.content.read(DETAIL_BYTES_MAX))
        if status < HTTP_CLIENT_ERROR:
            body = b"a redirect"
        what = f"the engine answered with HTTP {status}: {body.decode('utf-8', 'replace')[:DETAIL_SHOWN]}"
        kind = "EngineUnreachable" if is_transient(status) else "RequestRejected"
        self._attempt.refused(NO_TOKENS if computed_nothing(status) else None, kind, what)
        if status < HTTP_CLIENT_ERROR:
            return said(BAD_GATEWAY, f"{what}. Give the URL of the engine itself")
        return web.Response(body=body, status=status, headers=_passed_on(response))

    def _lost(self, error: aiohttp.ClientError) -> web.StreamResponse:
        """Book a connection that broke."""
        connection = self.client.connection
        text = connection.redact(str(error)) or type(error).__name__
        never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        (self._attempt.never_sent if never_sent else self._attempt.cut)(type(error).__name__, text)
        gone: EngineUnreachable = unreachable(connection, f"can't be reached ({text})")
        self.call.report(gone)
        return said(BAD_GATEWAY, f"the engine can't be reached ({text})")

    def _without_key(self, body: bytes) -> bytes:
        key = self.client.connection.api_key
        return body.replace(key.encode(), b"[key]") if key and key.encode() in body else body


class _ClientGone(Exception):
    """The client has closed its connection."""

    def __init__(self, response: web.StreamResponse) -> None:
        """Keep what it was being sent."""
        super().__init__()
        self.response = response


@contextmanager
def _noticing_its_end(to_client: web.StreamResponse) -> Iterator[None]:
    """Tell a client that has gone from an engine that has: both are the same errors of aiohttp."""
    try:
        yield
    except (ConnectionError, aiohttp.ClientError) as error:
        raise _ClientGone(to_client) from error


def said(status: int, message: str) -> web.Response:
    """Return an error in the form of the API, with one sentence."""
    error = {"error": {"message": f"docmind: {message}.", "type": "docmind_proxy", "code": status}}
    return web.Response(text=json.dumps(error), status=status, content_type="application/json")


def _passed_on(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: response.headers[name] for name in PASSED_ON if name in response.headers}


def _broken_off(http: web.BaseRequest, to_client: web.StreamResponse) -> web.StreamResponse:
    """Close the connection in the middle, as the engine did: a stream that ends well would look like a whole reply."""
    if http.transport is not None:
        http.transport.abort()
    return to_client


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
