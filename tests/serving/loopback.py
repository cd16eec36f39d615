"""A small HTTP server on loopback that gives prepared answers and remembers what it was asked."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str]
DROP: Answer = (0, "")
"""No answer: the connection is closed."""


@dataclass
class Loopback:
    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def serve(answers: Mapping[str, Answer | Sequence[Answer]], *, key: str | None = None) -> Iterator[Loopback]:
    """Serve `answers` by path; of a sequence each answer once, the last one for ever. With `key`, ask for it."""
    queues = {path: list(given) if isinstance(given, list) else [given] for path, given in answers.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    loopback = Loopback(url=f"http://127.0.0.1:{server.server_port}")
    server.queues, server.loopback, server.key = queues, loopback, key
    # The poll interval is how long the end of a test waits for the server.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.loopback.requests.append(f"{self.command} {self.path}")
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._answer(401, "{}")
            return
        queue = self.server.queues.get(self.path, [(404, "")])
        self._answer(*(queue.pop(0) if len(queue) > 1 else queue[0]))

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def _answer(self, status, text):
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass
