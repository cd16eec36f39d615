"""The one client through which every call of the model goes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic, monotonic_ns
from types import TracebackType
from typing import Any, Self

import aiohttp

from docmind_core.errors import CallTimeout, EngineUnreachable, OutputInvalid, RequestRejected
from docmind_core.serving.attempt import Attempt
from docmind_core.serving.chat import AttemptBook, ChatReply, ChatRequest
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.connection import EngineConnection, unreachable, way_to
from docmind_core.serving.places import Places
from docmind_core.serving.retrying import (
    HTTP_CLIENT_ERROR,
    HTTP_REDIRECT,
    HTTP_SERVER_ERROR,
    Retryable,
    RetryPolicy,
    computed_nothing,
    is_transient,
    retry_after_s,
    status_advice,
)
from docmind_core.serving.token_usage import NO_TOKENS, UNRECONCILED
from docmind_core.telemetry.loop_lag import Deadline

CONNECT_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S, HEALTH_TRIES = 5.0, 2
LIFE_SIGN_S = 30.0
"""A reply within so many seconds before a health check that is not answered shows that the engine is only busy."""
DETAIL_BYTES_MAX, DETAIL_SHOWN = 64 * 1024, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A response that is not a reply."""

    status: int
    detail: str
    asked_for_s: float | None


class _Connector(aiohttp.TCPConnector):
    """Gives up on a connection after `CONNECT_TIMEOUT_S` that the event loop kept: its lag is not the engine's."""

    posts = 0
    """Chat requests that were given to the pool."""

    async def connect(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> aiohttp.connector.Connection:
        self.posts += req.method == "POST"
        async with Deadline(CONNECT_TIMEOUT_S):
            return await super().connect(req, traces, timeout)


class ChatClient:
    """Streams chat completions from one engine, at most `in_flight` at a time.

    What happens after each HTTP status is in docs/operations.md.

    Each attempt is booked before it is sent and when it has ended, also when it is cancelled in the middle.
    """

    def __init__(
        self,
        connection: EngineConnection,
        *,
        in_flight: int | Places,
        call_timeout_s: float = 600.0,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.connection = connection
        self.slots = Places(in_flight) if isinstance(in_flight, int) else in_flight
        """Places among the calls in flight, which clients of other replicas may share."""
        self.call_timeout_s = call_timeout_s
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._clock = clock
        self._heard_at_s = float("-inf")
        """When something of a reply came last, by the clock."""
        self._session: aiohttp.ClientSession | None = None
        self._connector: _Connector | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        # vLLM closes idle connections after 5 s: ours go first, so that no request is sent into a closing one.
        proxy, context = way_to(self.connection.base_url)
        self._connector = _Connector(limit=0, keepalive_timeout=2.0, ssl=context)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            # Whatever compresses a stream holds its chunks back: their times would be its own.
            headers={**self.connection.headers, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
            proxy=proxy,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        await self._pool.close()

    @property
    def requests_sent(self) -> int:
        """Chat requests that the connection pool was given, counted there: the bookings must be as many."""
        return self._connector.posts if self._connector else 0

    @property
    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the chat client in an `async with` block")
        return self._session

    async def engine_answers(self, *, earlier_replies_count: bool = True) -> bool:
        """Return whether the engine is alive: healthy unless `/health` fails; a missing `/health` counts as healthy.

        A health check without an answer says little under load: a reply during the check says more, and so does one
        of the last 30 seconds.

        Args:
            earlier_replies_count: False where calls fail that were made after those replies.
        """
        asked_at_s, refused = self._clock(), False
        for _ in range(HEALTH_TRIES):
            try:
                async with (
                    Deadline(HEALTH_TIMEOUT_S),
                    self._pool.get(f"{self.connection.base_url}/health", allow_redirects=False) as response,
                ):
                    return response.status < HTTP_SERVER_ERROR
            except (aiohttp.ClientError, TimeoutError) as error:
                refused = isinstance(getattr(error, "os_error", None), ConnectionRefusedError)
        counts_since_s = asked_at_s - LIFE_SIGN_S if earlier_replies_count else asked_at_s
        return not refused and self._heard_at_s >= counts_since_s

    async def engine_gone(self, error: Exception) -> EngineUnreachable | None:
        """Return the error that ends the run if the engine is gone; None if it answers: then only one query failed."""
        no_reply = isinstance(error, EngineUnreachable) and not error.others_had_replies
        if await self.engine_answers(earlier_replies_count=not no_reply):
            return None
        if isinstance(error, EngineUnreachable):
            return error
        return unreachable(self.connection, f"stopped answering; the last error was: {error}")

    def heard(self) -> None:
        """Record that part of a reply just arrived."""
        self._heard_at_s = self._clock()

    def post(self, route: str, payload: bytes) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a body as it is; a redirect is not followed: it would carry the key and the questions elsewhere."""
        return self._pool.post(
            f"{self.connection.base_url}/v1/{route}",
            data=payload,
            headers={"Content-Type": "application/json"},
            allow_redirects=False,
        )

    def get(self, route: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask for what is at a route of the API."""
        return self._pool.get(f"{self.connection.base_url}/v1/{route}", allow_redirects=False)

    async def complete(self, request: ChatRequest, book: AttemptBook) -> ChatReply:
        """Return the model's reply.

        Raises:
            RequestRejected: A redirect, or an HTTP status that a retry would not change.
            EngineUnreachable: No attempt got through.
            CallTimeout: An attempt took longer than the client's limit for one call.
            OutputInvalid: The engine answered with something that is not a chat completion.
        """
        number, began_s = 0, self._clock()
        while True:
            number += 1
            scheduled_ns = monotonic_ns()
            must_wait = self.slots.locked()
            try:
                async with self.slots:
                    admitted_ns = monotonic_ns() if must_wait else scheduled_ns
                    return await self._attempt(request, book, number, (scheduled_ns, admitted_ns))
            except Retryable as failure:
                asked_for_s = failure.asked_for_s
                if self._retry.gives_up(number, asked_for_s):
                    gone = unreachable(self.connection, failure.what + self._retry.objection(asked_for_s))
                    gone.others_had_replies = self._heard_at_s > began_s
                    raise gone from failure
            await self._sleep(self._retry.wait_s(number, asked_for_s))

    async def _attempt(
        self, request: ChatRequest, book: AttemptBook, number: int, waited_ns: tuple[int, int]
    ) -> ChatReply:
        connection = self.connection
        streamed = StreamedReply(
            request=request,
            window=connection.max_model_len,
            dialect=connection.dialect,
            redact=connection.redact_reply,
            heard=self.heard,
        )
        attempt = Attempt(number=number, connection=connection, book=book, streamed=streamed)
        await attempt.begin(request, *waited_ns)
        try:
            async with Deadline(self.call_timeout_s):
                outcome = await self._exchange(request, streamed)
        except aiohttp.ClientError as error:
            raise self._lost(attempt, error) from error
        except TimeoutError as error:
            late = (
                f"the engine at {self.connection.base_url} did not finish a call within {self.call_timeout_s:g} s. "
                "Lower answer_max_tokens or concurrency, or check the engine's log."
            )
            attempt.cut("CallTimeout", late)
            raise CallTimeout(late) from error
        except asyncio.CancelledError:
            attempt.cut("Cancelled", "cancelled: a deadline passed, or the run ended")
            raise
        except Retryable as failure:
            attempt.cut("StreamFailed", f"the engine {failure.what}")
            raise
        except Exception as error:
            raise self._garbled(attempt, error) from error
        # Booked out here: what the journal raises is not the engine's doing.
        if isinstance(outcome, _Refusal):
            raise self._refused(attempt, outcome)
        await attempt.finished(request, outcome)
        return outcome

    async def _exchange(self, request: ChatRequest, streamed: StreamedReply) -> ChatReply | _Refusal:
        connection = self.connection
        body, url = connection.dialect.body(request, connection.model), f"{connection.base_url}/v1/chat/completions"
        # A redirect is not followed: it would carry the key and the questions to another server.
        async with self._pool.post(url, json=body, allow_redirects=False) as response:
            streamed.http_status = response.status
            if response.status >= HTTP_REDIRECT:
                return await self._read_refusal(response)
            try:
                await streamed.read(response.content.iter_any())
            except aiohttp.ClientError:
                if not streamed.is_whole:
                    raise
                return streamed.reply(lost=UNRECONCILED)  # all of the answer is here: asking again would cost it twice
        return streamed.reply()

    async def _read_refusal(self, response: aiohttp.ClientResponse) -> _Refusal:
        body = b""
        while len(body) < DETAIL_BYTES_MAX and not response.content.at_eof():
            body += await response.content.read(DETAIL_BYTES_MAX - len(body))
        detail = body.decode("utf-8", "replace")
        if response.status < HTTP_CLIENT_ERROR:
            detail = f"a redirect to {response.headers.get('Location')}"
        return _Refusal(
            status=response.status,
            detail=self.connection.redact(detail)[:DETAIL_SHOWN],
            asked_for_s=retry_after_s(response.headers),
        )

    def _refused(self, attempt: Attempt, refusal: _Refusal) -> RequestRejected | Retryable:
        """Book a response that is not a reply and return the error to raise or retry."""
        what = f"answered with HTTP {refusal.status}: {refusal.detail}"
        if refusal.status < HTTP_SERVER_ERROR:
            self.heard()
        transient = is_transient(refusal.status)
        advice = "" if transient else status_advice(refusal.status)
        message = f"the engine at {self.connection.base_url} {what.rstrip('. ')}.{advice}"
        usage = NO_TOKENS if computed_nothing(refusal.status) else None
        attempt.refused(usage, "EngineUnreachable" if transient else "RequestRejected", message)
        return Retryable(what, asked_for_s=refusal.asked_for_s) if transient else RequestRejected(message)

    def _lost(self, attempt: Attempt, error: aiohttp.ClientError) -> Retryable:
        """Book a connection that broke and return the retryable failure."""
        text = self.connection.redact(str(error)) or type(error).__name__
        never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        (attempt.never_sent if never_sent else attempt.cut)(type(error).__name__, text)
        return Retryable(f"can't be reached ({text})")

    def _garbled(self, attempt: Attempt, error: Exception) -> OutputInvalid:
        """Book something that is not a reply, and return the error to raise."""
        # Of an unforeseen error only the name: its text may hold a piece of the reply that ends within the key.
        shown = (
            str(error)
            if isinstance(error, OutputInvalid)
            else f"the engine's reply can't be read ({type(error).__name__})"
        )
        attempt.cut("OutputInvalid", shown)
        return OutputInvalid(shown)
