"""The little HTTP that the fake engine speaks."""

import asyncio
import json
from typing import Any


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    first = await reader.readline()
    if not first:
        return None
    method, path, _ = first.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", 0)))


def send(writer: asyncio.StreamWriter, status: int, content: Any, headers: dict[str, str] | None = None) -> bool:
    """Send a whole response; content that is no text goes out as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    kind = "text/plain" if isinstance(content, str) else "application/json"
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}Content-Length: {len(text.encode())}\r\n\r\n"
    writer.write(head.encode() + text.encode())
    return True


def begin_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")


def send_chunk(writer: asyncio.StreamWriter, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def end_stream(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"0\r\n\r\n")
    return True
