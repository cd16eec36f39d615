"""The recording proxy: a server on loopback through which a user's system reaches the engine.

The path says whose a request is: `/<run token>/q/<query token>/v1/...`, or `/<run token>/v1/...` for a client that was
built once for all questions. The engine's key stays in here.
"""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import ClientError, web

from docmind_core.errors import RunError
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.foreign_request import ROUTES, ForeignRequest, read_foreign_request
from docmind_core.serving.forwarding import BAD_GATEWAY, Forwarding, OpenCall, Replay, said

LOOPBACK = "127.0.0.1"
BODY_BYTES_MAX = 2**26
SEARCH_HITS_MAX = 100
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class CallDesk(Protocol):
    """Where the calls of one arm are booked while it is at work."""

    def knows(self, query: str) -> bool:
        """Whether a query token is one of this arm's."""
        ...

    def call(self, query: str | None, request: ForeignRequest) -> AbstractContextManager[OpenCall | Replay]:
        """Open a call; of which question, None says that nothing in the request tells."""
        ...

    def turned_away(self, what: str) -> None:
        """Note a request for something that is not served, such as `POST /v1/messages`: it reached no engine."""
        ...

    async def quiet(self, within_s: float) -> None:
        """Wait for calls in flight, and cut off those that take longer than `within_s` seconds."""
        ...

    async def search(self, query: str, text: str, k: int) -> Sequence[Mapping[str, Any]] | None:
        """Return the `k` best passages for a text, best first; None where the system has no search tool."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a system reaches the model while it works on one question."""

    base_url: str
    api_key: str
    """The query's token: no secret."""
    run_url: str
    """Base URL of a client that is built once: its calls say themselves whose they are, or are unattributed."""
    search_url: str


class RecordingProxy:
    """One server for a whole benchmark run."""

    def __init__(self, *replicas: ChatClient) -> None:
        """Prepare to pass calls on to an engine, through a client for each of its replicas."""
        self._clients = replicas
        self._desks: dict[str, CallDesk] = {}
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        # A client that goes away ends its call at the engine, too, as it would without a proxy.
        server = web.Server(self._answer, request_factory=_make_request, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it and all its connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    def open(self, desk: CallDesk) -> str:
        """Accept the calls of an arm; return its run token."""
        token = secrets.token_hex(16)
        self._desks[token] = desk
        return token

    def close(self, run_token: str) -> None:
        """Stop accepting the calls of an arm."""
        self._desks.pop(run_token, None)

    def address(self, run_token: str, query_token: str | None = None) -> Address:
        """Return where the model is for one question, or for whatever is built before the first one."""
        run = f"http://{LOOPBACK}:{self.port}/{run_token}"
        place = f"{run}/q/{query_token}" if query_token else run
        return Address(
            base_url=f"{place}/v1",
            api_key=query_token or run_token,
            run_url=f"{run}/v1",
            search_url=f"{place}/search",
        )

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        run_token, _, rest = http.path.lstrip("/").partition("/")
        desk = self._desks.get(run_token)
        if desk is None:
            return said(404, "no running arm has this address; use the base URL set by the run")
        query: str | None = None
        if rest.startswith("q/"):
            query, _, rest = rest[2:].partition("/")
            if not desk.knows(query):
                return said(404, "no question of the running arm has this address")
        if rest == "search" and query is not None and http.method == "GET":
            return await _search(desk, query, http)
        route = rest.removeprefix("v1/")
        if http.method == "GET" and (route == "models" or route.startswith("models/")):
            return await self._models(route)
        if http.method != "POST" or route not in ROUTES or route == rest:
            desk.turned_away(f"{http.method} /{rest}")
            return said(404, f"the proxy only supports POST to /v1/{', /v1/'.join(ROUTES)} and GET of /v1/models")
        return await self._call(desk, query or _query_of(http, desk), route, http)

    async def _call(self, desk: CallDesk, query: str | None, route: str, http: web.BaseRequest) -> web.StreamResponse:
        payload = await http.read()
        window = self._clients[0].connection.max_model_len
        try:
            request = read_foreign_request(route, payload, http.headers, window=window)
        except ValueError as error:
            return said(400, str(error))
        with desk.call(query, request) as call:
            if isinstance(call, Replay):
                return web.Response(body=call.body, headers={"Content-Type": call.content_type})
            client = self._clients[call.replica]
            forwarding = Forwarding(client=client, http=http, request=request, payload=payload, call=call)
            try:
                return await forwarding.answer()
            except RunError as error:  # what can't be booked ends the run, not this request alone
                call.report(error)
                return said(500, "the call can't be recorded")

    async def _models(self, route: str) -> web.StreamResponse:
        try:
            async with self._clients[0].get(route) as response:
                kind = response.headers.get("Content-Type", "application/json")
                return web.Response(body=await response.read(), status=response.status, headers={"Content-Type": kind})
        except (ClientError, TimeoutError):
            return said(BAD_GATEWAY, "the engine does not list its models")


def _query_of(http: web.BaseRequest, desk: CallDesk) -> str | None:
    """Return the question that a request to the run's own address names: its trace, or its key."""
    trace = _TRACEPARENT.fullmatch(http.headers.get("traceparent", "").strip())
    if trace is not None and desk.knows(trace[1]):
        return trace[1]
    scheme, _, key = http.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and desk.knows(key.strip()) else None


async def _search(desk: CallDesk, query: str, http: web.BaseRequest) -> web.StreamResponse:
    text, wanted = http.query.get("q", ""), http.query.get("k", "5")
    if not text.strip() or not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= SEARCH_HITS_MAX):
        return said(400, f"use ?q=TEXT&k=N, with N from 1 to {SEARCH_HITS_MAX}")
    found = await desk.search(query, text, int(wanted))
    if found is None:
        return said(404, "this system has no search tool; set search_tool: true in the suite")
    return web.json_response({"results": list(found)})


def _make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_BYTES_MAX)
