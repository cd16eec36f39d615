"""Two Ray nodes on loopback addresses of this machine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from docmind_core.settings import child_environment

HEAD = "127.0.0.2:6399"
"""127.0.0.1 would be rewritten to the address of the network interface."""
_QUICK = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT": "240",
}
"""A node that is lost is noticed after seconds instead of minutes."""
_START_S = 300.0


@dataclass(slots=True, kw_only=True)
class Node:
    """One node and its processes."""

    address: str
    process: "subprocess.Popen[bytes]"

    def kill(self) -> int:
        """Kill all its processes with -9, its workers among them; return how many there were."""
        found = self._processes()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        return len(found)

    def memory_mib(self) -> float:
        """Return the memory that its processes share with no other."""
        return sum(process.memory_full_info().uss for process in self._processes()) / 2**20

    def _processes(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]


@contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[Node, Node]]:
    """Start a head and a second node, each with two places, and kill both in the end."""
    host, port = HEAD.split(":")
    common = ["--num-cpus=2", "--object-store-memory=100000000", "--block"]
    head = [
        *("--head", f"--node-ip-address={host}", f"--port={port}", "--include-dashboard=false"),
        *("--ray-client-server-port=26101", "--min-worker-port=21000", "--max-worker-port=21999"),
        f"--temp-dir={folder}",
    ]
    second = [
        *(f"--address={HEAD}", "--node-ip-address=127.0.0.3", "--min-worker-port=22000", "--max-worker-port=22999"),
        "--dashboard-agent-listen-port=26102",
    ]
    nodes: list[Node] = []
    try:
        for address, options in ((host, head), ("127.0.0.3", second)):
            nodes.append(_start(address, [*options, *common], folder))
        yield nodes[0], nodes[1]
    finally:
        for node in reversed(nodes):
            node.kill()


def _start(address: str, options: list[str], folder: Path) -> Node:
    command = [str(Path(sys.executable).with_name("ray")), "start", *options]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{address}.log").open("w+b") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=child_environment(**_QUICK))
        _wait_for(process, Path(log.name))
    return Node(address=address, process=process)


def _wait_for(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until `ray start` says that the node has started."""
    for _ in range(int(_START_S)):
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
            sys.exit(f"ray start ended: {log.read_text('utf-8', 'replace')}")
        if "Ray runtime started" in log.read_text("utf-8", "replace"):
            return
    process.kill()
    sys.exit(f"ray start took more than {_START_S:.0f} s: {log.read_text('utf-8', 'replace')}")
