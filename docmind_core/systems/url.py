"""A user's service: each question is a POST of JSON, with the base URL of the model in it."""

import json
from typing import Any

import aiohttp

from docmind_core.errors import SystemFailed
from docmind_core.serving.connection import way_to
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemAnswer, answer_in

BODY_BYTES_MAX = 2**23
CONNECT_S = 10.0
_SHOWN = 300
_OK = 200


class UrlSystem:
    """Asks a service that runs already."""

    def __init__(self, spec: SystemSpec) -> None:
        """Prepare to ask it."""
        self._spec = spec
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        assert self._spec.url is not None
        proxy, context = way_to(self._spec.url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),  # the query's own deadline ends the rest
            proxy=proxy,
        )

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, question: Question) -> SystemAnswer:
        """Post the question and read the answer.

        Raises:
            SystemFailed: It is not reached, answers another status than 200, or something that is not JSON.
            NoAnswer: There is no answer in what it sent.
        """
        assert self._session is not None
        assert self._spec.url is not None
        token = question.address.api_key
        headers = {"traceparent": f"00-{token}-{token[:16]}-01"}
        try:
            async with self._session.post(
                self._spec.url, json=question.as_json(with_address=True), headers=headers, allow_redirects=False
            ) as response:
                body = await _read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            said = str(error) or type(error).__name__
            raise SystemFailed(f"{self._spec.url} can't be reached ({said}). Start the service first.") from error
        text = body.decode("utf-8", "replace")
        if response.status != _OK:
            raise SystemFailed(f"{self._spec.url} answered with HTTP {response.status}: {text[:_SHOWN]}")
        return answer_in(self._parsed(text), self._spec)

    def _parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SystemFailed(f"{self._spec.url} did not answer with JSON: {text[:_SHOWN]!r}") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise SystemFailed(f"{response.url} sends more than {BODY_BYTES_MAX:,} bytes.")
    return body
