"""A network namespace whose only way out ends in this process: each packet for elsewhere is seen, and none arrives.

`python -m tests.security.one_way_out FOLDER` enters none itself: run it below `unshare --net`. It plays a benchmark
with every kind of arm, its report, and an alert to a webhook on loopback, and prints what it saw as JSON.
"""

import contextlib
import fcntl
import io
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from dagster_project.cli.main import run
from docmind_core.tables import publish
from tests.alerts.webhook import Webhook
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine

ARMS = ("single_pass", "single_agent", "guide_dag", "naive_supervisor", "tuned", "tuned+result_cache")
SET_INTERFACE, POINT_TO_POINT, NO_HEADER = 0x400454CA, 0x0001, 0x1000
ELSEWHERE = "203.0.113.9"
# What people have in their environments for other projects.
TALKATIVE = {
    **dict.fromkeys(("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2"), "true"),
    **dict.fromkeys(("LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"), "true"),
    "LANGSMITH_API_KEY": "lsv2_planted",
}


class WayOut:
    """The default route of this namespace."""

    def __init__(self):
        self._descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._descriptor, SET_INTERFACE, struct.pack("16sH", b"out0", POINT_TO_POINT | NO_HEADER))
        for line in (
            *("link set lo up", "addr add 198.51.100.1/24 dev out0", "link set out0 up"),
            *("route add default via 198.51.100.2 dev out0", "-6 route add default dev out0"),
        ):
            subprocess.run(["ip", *line.split()], check=True, capture_output=True)

    def taken_by(self):
        """Return the addresses that packets were sent to since the last look, but for what the kernel tells all."""
        seen = []
        while True:
            try:
                packet = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return seen
            address = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
            if not (destination := ipaddress.ip_address(address)).is_multicast:
                seen.append(str(destination))


def docmind(*arguments):
    """Run a command in this process, which began in a talkative environment; return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        code = run(list(arguments))
    if code != 0:
        sys.exit(f"{arguments}: exit code {code}")
    return shown.getvalue()


def main(folder):
    publish.describe = lambda connection: None  # as in tests/conftest.py
    way_out, webhook = WayOut(), Webhook()
    os.environ |= {"DOCMIND_HOME": str(folder / "home"), "DOCMIND_CHANNEL_OPS": webhook.url}  # noqa: TID251
    try:
        with FakeEngine() as engine:
            suite = {"name": "toy", "query_set": str(write_query_set(folder / "set")), "engine": engine.url}
            suite["warmup"] = 0
            (folder / "toy.yaml").write_text(json.dumps({**suite, "arms": ARMS, "channels": ["ops"]}))
            docmind("bench", str(folder / "toy.yaml"))
            docmind("report", "--hours", "24")
            docmind("alerts", "test", "ops")
            answered = docmind("sql", "--json", "select count(*) as n from query_runs where status = 'answered'")
    finally:
        webhook.close()
    sent = way_out.taken_by()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"seen?", (ELSEWHERE, 9))
    found = {"answered": json.loads(answered), "posted": len(webhook.posted), "sent": sent, "probe": way_out.taken_by()}
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
