"""Bounds on what is read of responses other than chat completions: /metrics, /v1/models, /tokenize and their like."""

from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic
from typing import Any

import httpx

BODY_BYTES_MAX = 2**23
"""vLLM's /metrics takes 0.2 MiB, the token ids of a prompt of 131,072 tokens about 1 MiB."""
PACKED_BYTES_MAX = 2**16
"""Of a compressed body: unpacked it is at most 1,032 times as long."""
BODY_SECONDS_MAX = 60.0
"""A timeout of httpx is for one read: a server that sends a byte now and then never runs into it."""


class BodyTooLong(httpx.TransportError):
    """A server sent more data, or took longer, than any valid answer to this request."""


def body_limit() -> dict[str, list[Callable[..., Any]]]:
    """Return the `event_hooks` of an `httpx.Client` that reads bodies up to the limits.

    More than that raises `BodyTooLong`, an `httpx.HTTPError`.
    """

    def bound(response: httpx.Response) -> None:
        response.stream = _BoundedBody(response)

    return {"response": [bound]}


def async_body_limit() -> dict[str, list[Callable[..., Any]]]:
    """Return the same for an `httpx.AsyncClient`."""

    async def bound(response: httpx.Response) -> None:
        response.stream = _BoundedBody(response)

    return {"response": [bound]}


class _BoundedBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of one response, for whichever client reads it."""

    def __init__(self, response: httpx.Response) -> None:
        packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        self._stream: Any = response.stream
        self._url = response.request.url
        self._bytes_left = PACKED_BYTES_MAX if packed else BODY_BYTES_MAX
        self._until_s = monotonic() + BODY_SECONDS_MAX

    def __iter__(self) -> Iterator[bytes]:
        for data in self._stream:
            self._count(data)
            yield data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._count(data)
            yield data

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _count(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise BodyTooLong(f"{self._url.path} sends more than {BODY_BYTES_MAX:,} bytes")
        if monotonic() > self._until_s:
            raise BodyTooLong(f"{self._url.path} is not complete after {BODY_SECONDS_MAX:g} s")
