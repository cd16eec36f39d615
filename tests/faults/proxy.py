"""A TCP proxy in front of an engine that breaks chat requests on demand, and lets everything else through.

Faults, one per chat request in the order of arrival:

- `drop`: the connection is closed before the engine sees the request.
- `lose`: the engine answers in full, and its answer is thrown away.
- `500`, `503`: an error of the server; `429` with `Retry-After`, by default 0.
- `cut`: half of the engine's answer arrives, then the connection is closed.
- `slow`: the answer arrives in pieces of 16 bytes with a pause after each.
- `garbage`: bytes that are no HTTP arrive.
- `hang`: nothing arrives until the client gives up.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat

from tests.fakes.engine_server import PROBE_SYSTEM
from tests.fakes.loop_server import LoopServer

Faults = Iterable[str | None]
PIECE_BYTES = 16


@dataclass(slots=True, kw_only=True)
class FaultProxy(LoopServer):
    """One proxy on loopback, in a thread of its own; `faults` run out into none."""

    upstream_port: int
    faults: Faults = ()
    retry_after_s: int = 0
    when_waiting: Callable[[], None] = lambda: None
    """Called when a client is kept waiting by the fault `hang`."""
    piece_s: float = 0.002
    """Pause after each piece of a slow answer."""
    chat_requests: int = 0
    broken: list[str] = field(default_factory=list)
    """The faults that were dealt so far."""
    _next: Iterator[str | None] = field(init=False)

    def __post_init__(self) -> None:
        self._next = chain(self.faults, repeat(None))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                if not await self._pass(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _pass(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request on, or break it; False closes the connection."""
        fault = self._fault(request)
        if fault == "drop":
            return False
        if fault == "hang":
            self.when_waiting()
            return bool(await reader.read(1))
        if fault == "garbage":
            writer.write(b"\x16\x03\x01 what is this\r\n\xff\xfe\r\n\r\n")
            await writer.drain()
            return False
        if fault in ("429", "500", "503"):
            writer.write(_refusal(fault, self.retry_after_s))
            return True
        return await self._relay(request, writer, fault)

    def _fault(self, request: bytes) -> str | None:
        if not request.startswith(b"POST /v1/chat/completions ") or PROBE_SYSTEM.encode() in request:
            return None
        self.chat_requests += 1
        fault = next(self._next)
        if fault is not None:
            self.broken.append(fault)
        return fault

    async def _relay(self, request: bytes, writer: asyncio.StreamWriter, fault: str | None) -> bool:
        reply = await self._ask(request)
        if fault == "lose":
            return False
        size = PIECE_BYTES if fault == "slow" else max(1, len(reply))
        reply = reply[: len(reply) // 2] if fault == "cut" else reply
        for start in range(0, len(reply), size):
            writer.write(reply[start : start + size])
            await writer.drain()
            # The other side gets its turn after each piece.
            await asyncio.sleep(self.piece_s if fault == "slow" else 0)
        return fault != "cut"

    async def _ask(self, request: bytes) -> bytes:
        """Return the engine's whole answer; the end of its connection is the end of the answer."""
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        try:
            upstream_writer.write(request)
            upstream_writer.write_eof()
            return await upstream_reader.read()
        finally:
            upstream_writer.close()


def _refusal(status: str, retry_after_s: int) -> bytes:
    text = b'{"error": "planted"}'
    extra = b"Retry-After: %d\r\n" % retry_after_s if status == "429" else b""
    head = b"HTTP/1.1 " + status.encode() + b" Planted\r\nContent-Type: application/json\r\n" + extra
    return head + b"Content-Length: " + str(len(text)).encode() + b"\r\n\r\n" + text


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
