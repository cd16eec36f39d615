"""The one client through which every call of the model goes."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic_ns
from types import TracebackType
from typing import Self

import aiohttp

from docmind_core.errors import CallTimeout, EngineError, EngineUnreachable, OutputInvalid, RequestRejected
from docmind_core.serving.chat import (
    NO_TOKENS,
    AttemptBook,
    AttemptEnd,
    AttemptStart,
    ChatReply,
    ChatRequest,
    read_reply,
)
from docmind_core.serving.chat_stream import StreamedReply
from docmind_core.serving.connection import EngineConnection

HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500
HTTP_CLIENT_ERROR = 400
CONNECT_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try again: lost connections, HTTP 5xx and 429; never another 4xx."""

    attempts: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0

    def wait_s(self, attempt: int, asked_for_s: float | None) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (from 1), jittered by up to a quarter."""
        backoff = self.first_wait_s * 2.0 ** (attempt - 1)
        wanted = max(backoff, asked_for_s or 0.0)
        return min(wanted, self.longest_wait_s) * random.uniform(0.75, 1.0)


class _Retryable(Exception):
    """An attempt failed in a way that another may not; carries what to raise when none is left."""

    def __init__(self, error: EngineError, *, asked_for_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked_for_s = asked_for_s


class ChatClient:
    """Streams chat completions from one engine, at most `in_flight` at a time.

    Each attempt is booked before it is sent and when it has ended, also when it is cancelled in the middle.
    """

    def __init__(
        self,
        connection: EngineConnection,
        *,
        in_flight: int,
        call_timeout_s: float = 600.0,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._slots = asyncio.Semaphore(in_flight)
        self._call_timeout_s = call_timeout_s
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        # vLLM closes idle connections after 5 s: ours go first, so that no request is sent into a closing one.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=self._connection.headers,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            trust_env=self._connection.uses_proxies,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        await self._pool.close()

    @property
    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the chat client in an `async with` block")
        return self._session

    async def engine_answers(self) -> bool:
        """Return whether the engine says that it is healthy."""
        timeout = aiohttp.ClientTimeout(total=HEALTH_TIMEOUT_S)
        try:
            async with self._pool.get(f"{self._connection.base_url}/health", timeout=timeout) as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def complete(self, request: ChatRequest, book: AttemptBook) -> ChatReply:
        """Return the model's reply.

        Raises:
            RequestRejected: HTTP 4xx other than 429; never retried.
            EngineUnreachable: No attempt got through.
            CallTimeout: An attempt took longer than the client's limit for one call.
            OutputInvalid: The engine answered with something that is no chat completion.
        """
        scheduled_ns = monotonic_ns()
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._slots:
                    return await self._attempt(request, book, attempt, scheduled_ns)
            except _Retryable as failure:
                if attempt >= self._retry.attempts:
                    raise failure.error from failure
                await self._sleep(self._retry.wait_s(attempt, failure.asked_for_s))

    async def _attempt(self, request: ChatRequest, book: AttemptBook, attempt: int, scheduled_ns: int) -> ChatReply:
        model = self._connection.model
        book.begin(
            AttemptStart(
                attempt=attempt,
                request_hash=request.digest(model),
                max_tokens=request.max_tokens,
                model=model,
                scheduled_ns=scheduled_ns,
                sent_ns=monotonic_ns(),
            )
        )
        streamed = StreamedReply()
        try:
            async with asyncio.timeout(self._call_timeout_s):
                return await self._stream(request, book, attempt, streamed)
        except aiohttp.ClientError as error:
            raise self._lost(book, attempt, streamed, error) from error
        except TimeoutError as error:
            self._book_cut(book, attempt, streamed, "CallTimeout", f"no end within {self._call_timeout_s:g} s")
            raise CallTimeout(
                f"the engine at {self._connection.base_url} did not finish a call within {self._call_timeout_s:g} s. "
                "Lower answer_max_tokens or concurrency, or look at the engine's log."
            ) from error
        except asyncio.CancelledError:
            self._book_cut(book, attempt, streamed, "Cancelled", "cancelled: a deadline, or end of the run")
            raise
        except OutputInvalid as error:
            self._book_cut(book, attempt, streamed, "OutputInvalid", str(error))
            raise

    async def _stream(
        self, request: ChatRequest, book: AttemptBook, attempt: int, streamed: StreamedReply
    ) -> ChatReply:
        body = request.body(self._connection.model)
        async with self._pool.post(f"{self._connection.base_url}/v1/chat/completions", json=body) as response:
            if response.status >= HTTP_CLIENT_ERROR:
                await self._refused(book, attempt, response)
            await streamed.read(response.content)
            if not streamed.ended:
                raise aiohttp.ClientPayloadError("the stream ended before [DONE]")
        reply = read_reply(request, streamed.text, streamed.finish_reason, streamed.usage)
        wants_form = request.output is not None or bool(request.choices)
        book.end(
            AttemptEnd(
                attempt=attempt,
                status="finished",
                ended_ns=monotonic_ns(),
                first_token_ns=streamed.first_token_ns,
                last_token_ns=streamed.last_token_ns,
                usage=streamed.usage,
                http_status=response.status,
                finish_reason=streamed.finish_reason,
                output_valid=reply.output_problem is None if wants_form else None,
                error_message=reply.output_problem,
                reply=reply.text,
            )
        )
        return reply

    async def _refused(self, book: AttemptBook, attempt: int, response: aiohttp.ClientResponse) -> None:
        """Book a response that is no reply and raise what follows from it."""
        status = response.status
        detail = self._redact((await response.read()).decode("utf-8", "replace"))[:300]
        message = f"the engine at {self._connection.base_url} answered HTTP {status}: {detail}"
        transient = status == HTTP_TOO_MANY_REQUESTS or status >= HTTP_SERVER_ERROR
        error: EngineError = EngineUnreachable(message) if transient else RequestRejected(message)
        # A refusal (4xx) computed nothing; after a 5xx nobody knows.
        usage = NO_TOKENS if status < HTTP_SERVER_ERROR else None
        book.end(
            AttemptEnd(
                attempt=attempt,
                status="failed" if usage else "cut_off",
                ended_ns=monotonic_ns(),
                usage=usage,
                http_status=status,
                error_type=type(error).__name__,
                error_message=message,
            )
        )
        if transient:
            raise _Retryable(error, asked_for_s=_retry_after_s(response.headers.get("retry-after")))
        raise error

    def _lost(self, book: AttemptBook, attempt: int, streamed: StreamedReply, error: aiohttp.ClientError) -> _Retryable:
        """Book a connection that broke and return the retryable failure."""
        never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        text = self._redact(str(error)) or type(error).__name__
        if never_sent:
            book.end(
                AttemptEnd(
                    attempt=attempt,
                    status="failed",
                    ended_ns=monotonic_ns(),
                    usage=NO_TOKENS,
                    error_type=type(error).__name__,
                    error_message=text,
                )
            )
        else:
            self._book_cut(book, attempt, streamed, type(error).__name__, text)
        return _Retryable(
            EngineUnreachable(
                f"the engine at {self._connection.base_url} can't be reached ({text}). "
                "Check that it runs (docmind engine status), then go on with --resume."
            )
        )

    @staticmethod
    def _book_cut(book: AttemptBook, attempt: int, streamed: StreamedReply, kind: str, message: str) -> None:
        book.end(
            AttemptEnd(
                attempt=attempt,
                status="cut_off",
                ended_ns=monotonic_ns(),
                first_token_ns=streamed.first_token_ns,
                last_token_ns=streamed.last_token_ns,
                usage=streamed.usage,
                error_type=kind,
                error_message=message,
                reply=streamed.text or None,
            )
        )

    def _redact(self, text: str) -> str:
        key = self._connection.api_key
        return text.replace(key, "[key]") if key else text


def _retry_after_s(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date or garbage counts as absent."""
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:
        return None
