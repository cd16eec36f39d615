"""Who may ask Dagster's web UI, and what: the rules that Dagster itself does not have.

Dagster's GraphQL takes mutations by GET, from any Origin and for any Host, so any page that a user visits could start
a run here. The guard refuses that before Dagster sees it.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECURITY_HEADERS: Mapping[str, str] = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_FRAMES = "frame-ancestors 'none'"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN = "cross-site"


class Guard:
    """An ASGI app in front of another: checks Host and Origin, refuses mutations by GET, and forbids framing."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        """Guard `app`.

        Args:
            app: What is served to those who may ask.
            hosts: Values of the header `Host` that are answered, port included where it is not the default one.
        """
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request or one WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await _refuse(refusal, scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return _text(421, f"This web UI answers only to {known}. Behind a proxy: docmind ui --allow-host NAME")
        if not self._is_own_page(scope, headers):
            return _text(403, "Refused: this request came from a page of another origin.")
        return _graphql_refusal(scope)

    def _is_own_page(self, scope: Scope, headers: Headers) -> bool:
        """Whether the request comes from a page of this UI or from a client other than a browser."""
        origins = headers.getlist("origin")
        if any(urlsplit(origin).netloc.lower() not in self._hosts for origin in origins):
            return False
        if headers.get("sec-fetch-site", "") != _FOREIGN:
            return True
        # A link on another site may open a page of the UI. Anything else that another site asks for is refused.
        is_navigation = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return scope["type"] == "http" and scope["method"] == "GET" and is_navigation


def _graphql_refusal(scope: Scope) -> PlainTextResponse | None:
    """Refuse what changes something without being sent in the body of a POST."""
    if scope["type"] != "http" or not str(scope["path"]).rstrip("/").endswith("/graphql"):
        return None
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get("query", [])
    if scope["method"] in _SAFE_METHODS:
        if all(map(_only_reads, asked)):
            return None
        return _text(405, "Refused: a mutation must be sent with POST.", allow="POST")
    # Dagster reads the query from the address where it does not know the type of the body, as of a plain HTML form.
    return _text(400, "Send the query in the body of the POST, as JSON.") if asked else None


def _only_reads(query: str) -> bool:
    try:
        definitions = parse(query).definitions
    except (GraphQLError, RecursionError):
        return False
    operations = [definition for definition in definitions if isinstance(definition, OperationDefinitionNode)]
    return all(operation.operation is OperationType.QUERY for operation in operations)


def _text(status: int, text: str, **headers: str) -> PlainTextResponse:
    return PlainTextResponse(f"{text}\n", status_code=status, headers={**_SECURITY_HEADERS, **headers})


async def _refuse(response: PlainTextResponse, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _with_headers(send: Send) -> Send:
    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers[name] = value
            headers.append("Content-Security-Policy", _NO_FRAMES)
        await send(message)

    return send_guarded
