"""A stand-in for a vLLM server, as a script: python fake_engine.py MODEL_FOLDER --port N [--behave WORD] ...

It starts a child in its process group, as vLLM starts its EngineCore, that outlives it unless the group is ended.
Behaviours: dies (at start, with an error), silent (never healthy), stubborn (ignores SIGTERM), refuses (HTTP 500),
POST and GET (ends with an error at its first request of that kind after the health check).
"""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


BEHAVIOUR = option("--behave", "well")
MODEL = option("--served-model-name", "fake-model")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if BEHAVIOUR == "GET" and self.path != "/health":
            self.die()
        answers = {
            "/health": "",
            "/version": json.dumps({"version": "0.0.fake"}),
            "/v1/models": json.dumps({"data": [{"id": MODEL, "max_model_len": 512}]}),
        }
        self.answer(200 if self.path in answers else 404, answers.get(self.path, ""))

    def do_POST(self):
        if BEHAVIOUR == "POST":
            self.die()
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = {"success": True} if self.path == "/reset_prefix_cache" else {}
        self.answer(500 if BEHAVIOUR == "refuses" else 200, json.dumps(answer))

    def die(self):
        sys.stderr.write("ValueError: no memory left for the KV cache\n")
        sys.stderr.flush()
        os._exit(1)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


def main():
    if BEHAVIOUR == "dies":
        sys.exit("Traceback (most recent call last):\nValueError: no memory left for the KV cache")
    subprocess.Popen([sys.executable, "-c", SLEEPER])
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if BEHAVIOUR == "silent":
        sys.stdout.write("INFO 01-01 00:00:00 [core.py:1] Loading weights\n")
        sys.stdout.flush()
        threading.Event().wait()
    ThreadingHTTPServer(("127.0.0.1", int(option("--port", "0"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
