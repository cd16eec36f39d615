"""The web UI of a home with a long history: python -m benchmarks.history.web_ui --runs 1000.

Each benchmark run is a partition in which every asset is materialized, and a finished run of Dagster. The questions are
those that the pages of the UI ask by GraphQL. Memory is the sum over web server, daemon and code server.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import dagster as dg
import psutil

from dagster_project.definitions import defs
from dagster_project.instance import add_benchmark_run, open_instance
from docmind_core.settings import Settings, child_environment

_STARTED_WITHIN_S = 300.0
_QUESTIONS = {
    "partitions of an asset": """{ assetNodeOrError(assetKey: {path: ["agent_runs"]}) { ... on AssetNode {
        partitionKeysByDimension { name partitionKeys } } } }""",
    "state of every partition in every asset": """{ assetNodes { assetKey { path } assetPartitionStatuses {
        ... on DefaultPartitionStatuses { materializedPartitions failedPartitions unmaterializedPartitions } } } }""",
    "how many partitions are materialised": """{ assetNodes { assetKey { path }
        partitionStats { numMaterialized numFailed numPartitions numMaterializing } } }""",
    "the 30 newest runs": """{ runsOrError(limit: 30) { ... on Runs {
        results { runId status startTime endTime tags { key value } } } } }""",
    "the plots of an asset": """{ assetNodeOrError(assetKey: {path: ["metrics_database"]}) { ... on AssetNode {
        assetMaterializations(limit: 200) { partition timestamp
            metadataEntries { label ... on FloatMetadataEntry { floatValue } } } } } }""",
}


def main() -> None:
    """Make the history in Dagster, open the web UI, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="benchmark runs; each is a partition")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print_web_ui(options.runs, options.repetitions)


def print_web_ui(runs: int, repetitions: int) -> None:
    """Make a history of so many partitions, and print a table of what the UI's pages take."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        began = time.perf_counter()
        newest = _history(settings, runs)
        print(f"history made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        began = time.perf_counter()
        with _web_ui(settings) as (process, port):
            rows = [("`docmind ui` answers", time.perf_counter() - began)]
            for what, question in _QUESTIONS.items():
                rows.append((what, median(_asked(port, question) for _ in range(repetitions))))
            memory = _memory_mib(process)
    print(f"{runs:,} benchmark runs, the newest {newest}; {memory:,.0f} MiB;")
    load = ", ".join(f"{one:.0f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, Dagster {dg.__version__}, load {load}, median of {repetitions}\n")
    print("| what | wall s |\n|---|---|")
    for what, seconds in rows:
        print(f"| {what} | {seconds:.2f} |")


def _history(settings: Settings, runs: int) -> str:
    assets = sorted(defs.resolve_asset_graph().get_all_asset_keys())
    first, key = datetime(2026, 1, 1, tzinfo=UTC), ""
    with open_instance(settings, keeps_output=False) as instance:
        for place in range(runs):
            key = f"{first + timedelta(days=place):%Y%m%dT%H%M%SZ}-history-{place:04x}"
            (settings.benchmarks / key).mkdir(parents=True)
            add_benchmark_run(instance, key)
            tags = {"dagster/partition": key, "docmind/job": "benchmark", "docmind/launched_by": "schedule"}
            run = dg.DagsterRun(
                job_name="benchmark", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.SUCCESS, tags=tags
            )
            instance.add_run(run)
            for asset in assets:
                figures = {"tokens per query": float(place % 50), "passed": 0.5}
                event = dg.AssetMaterialization(asset_key=asset, partition=key, metadata=figures)
                instance.report_runless_asset_event(event)
    return key


@contextmanager
def _web_ui(settings: Settings) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_project.cli", "ui", "--port", str(port)]
    with subprocess.Popen(
        command, env=child_environment(DOCMIND_HOME=str(settings.home)), stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(port)
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            _asked(port, "{ version }")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the web UI did not start")


def _asked(port: int, question: str) -> float:
    body = json.dumps({"query": question}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as reply:  # noqa: S310 - this machine
        answer = json.load(reply)
    seconds = time.perf_counter() - began
    if "errors" in answer:
        raise SystemExit(f"{question}\n{answer['errors']}")
    return seconds


def _memory_mib(process: "subprocess.Popen[bytes]") -> float:
    parent = psutil.Process(process.pid)
    return sum(one.memory_full_info().uss for one in (parent, *parent.children(recursive=True))) / 2**20


if __name__ == "__main__":
    main()
