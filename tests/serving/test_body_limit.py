"""Servers that never stop answering, on every route that is read."""

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from docmind_core.errors import EngineUnreachable
from docmind_core.serving import body_limit
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.counters import kv_cache_gauge, read_settled_counters
from docmind_core.serving.engine_preparation import reset_prefix_cache
from docmind_core.serving.managed import is_healthy
from docmind_core.serving.remote import ask_engine
from docmind_core.serving.token_counts import RemoteTokenCounts, open_token_counts


class Endless(BaseHTTPRequestHandler):
    """Sends its server's `piece` until the client leaves."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        for name, value in self.server.headers_sent:
            self.send_header(name, value)
        self.end_headers()
        try:
            while True:
                self.wfile.write(self.server.piece)
        except OSError:
            self.close_connection = True

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(piece=b"x" * 65_536, headers=()):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.piece, server.headers_sent = piece, headers
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield EngineConnection(
            base_url=f"http://127.0.0.1:{server.server_port}", model="m", managed=True, prefix_cache_resettable=True
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_no_route_is_read_for_ever():
    with serving() as connection:
        with pytest.raises(EngineUnreachable, match=r"/v1/models sends more than 8,388,608 bytes. Check the URL"):
            ask_engine(connection.base_url, model=None, api_key=None, api_key_env=None)
        with pytest.raises(EngineUnreachable, match=r"/metrics sends more than"):
            await read_settled_counters(connection)
        with pytest.raises(EngineUnreachable, match=r"/reset_prefix_cache sends more than"):
            await reset_prefix_cache(connection)
        with kv_cache_gauge(connection) as read:
            assert read() is None
        with open_token_counts(connection) as counts:
            assert counts is None
        async with ChatClient(connection, in_flight=1) as client:
            assert await client.engine_answers()  # its status is an answer, its body is not read
        assert is_healthy(connection.base_url)


def test_a_count_that_never_ends_is_not_asked_for_again():
    with serving() as connection, httpx.Client(event_hooks=body_limit.body_limit()) as client:
        counts = RemoteTokenCounts(connection, client, sleep=lambda seconds: pytest.fail("asked again"))
        with pytest.raises(EngineUnreachable, match="BodyTooLong"):
            counts.text("how long")


def get_metrics(connection):
    with httpx.Client(event_hooks=body_limit.body_limit()) as client:
        client.get(f"{connection.base_url}/metrics")


def test_a_body_that_grows_when_it_is_unpacked_is_bounded_as_well():
    packed = gzip.compress(b"\0" * 50_000_000)
    headers = [("Content-Encoding", "gzip")]
    with serving(packed * 3, headers) as connection, pytest.raises(body_limit.BodyTooLong):
        get_metrics(connection)


def test_a_body_that_drips_ends_as_well(monkeypatch):
    monkeypatch.setattr(body_limit, "BODY_SECONDS_MAX", 0.0)
    with serving(b"x") as connection, pytest.raises(body_limit.BodyTooLong, match="/metrics is not complete after 0 s"):
        get_metrics(connection)
