"""A server on loopback that remembers what was posted to it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = "tok-9f8e7d6c5b4a"


class Webhook:
    """Answers each request with `status`."""

    def __init__(self):
        self.status = 200
        self.posted = []
        self.asked = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                webhook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(webhook.status)
                self.end_headers()

            def do_GET(self):
                webhook.asked.append(self.path)
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self):
        return f"json://user:{SECRET}@127.0.0.1:{self.server.server_port}/hooks/{SECRET}/"

    @property
    def heartbeat_url(self):
        return f"http://user:{SECRET}@127.0.0.1:{self.server.server_port}/{SECRET}?token={SECRET}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
