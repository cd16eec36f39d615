"""What a query costs in processor time, next to other ways of asking the same, and the time of one query at a time.

Usage: python -m benchmarks.framework_overhead [--queries 92] [--repetitions 3] [--arms single_pass,tuned]
       [--inspect /path/to/a/venv/bin/python] [--alone]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docmind_core.runs import benchmark
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows
from tests.fakes.engine_server import FakeEngine

LATENCY_S = 0.05
CONCURRENCY = 50
CALLS = 300
"""About so many calls of an arm are measured, or more: they share what is done once for an arm."""
OURS, SDK, STREAMED, RAW, INSPECT = "docmind", "sdk", "sdk_streamed", "aiohttp", "inspect"
NAMES = {
    OURS: "docmind: asking and folding",
    SDK: "openai SDK in a loop",
    STREAMED: "openai SDK in a loop, streamed with usage",
    RAW: "aiohttp, streamed",
    INSPECT: "Inspect AI",
}
MS = """
select arm, count(*), sum(calls) / count(*),
    1000 * quantile_cont(wall_s, 0.5), 1000 * quantile_cont(wall_s, 0.95),
    1000 * quantile_cont(coordination_overhead_s, 0.5), 1000 * quantile_cont(coordination_overhead_s, 0.95)
from query_runs join runs using (run_id) where phase = 'measured' group by arm order by arm
"""


def run_arms(url: str, arms: list[str], home: Path, *, queries: int, replicates: int, concurrency: int) -> Settings:
    """Run the arms on python-reference with keyword search."""
    settings = Settings(home=home)
    suite = Suite(
        name="overhead",
        query_set="python-reference",
        arms=tuple(arms),
        limit=queries,
        replicates=replicates,
        concurrency=concurrency,
        warmup=1,
        engine=url,
    )
    key = freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=Watch.observer)
    return settings


class Watch(SilentObserver):
    """Takes the processor time from the beginning of the arm until it is folded."""

    observer: "Watch"

    def __init__(self) -> None:
        self.began_s = self.asked_s = self.folded_s = 0.0

    def arm_started(self, arm: str, *, done: int, total: int) -> None:
        """Begin."""
        self.began_s = time.process_time()


Watch.observer = Watch()


def watched_fold(*arguments: object, **options: object) -> None:
    """Fold, and note when that began and ended."""
    Watch.observer.asked_s = time.process_time()
    _fold(*arguments, **options)  # type: ignore[arg-type]
    Watch.observer.folded_s = time.process_time()


_fold = benchmark.fold_arm


def measure_arm(url: str, arm: str, *, queries: int, replicates: int) -> dict[str, float]:
    """Return the seconds of processor time of an arm in this process."""
    benchmark.fold_arm = watched_fold  # type: ignore[attr-defined]
    with home_in_memory() as home:
        run_arms(url, [arm], home, queries=queries, replicates=replicates, concurrency=CONCURRENCY)
    watch = Watch.observer
    return {"cpu_s": watch.folded_s - watch.began_s, "folding_s": watch.folded_s - watch.asked_s}


@contextmanager
def home_in_memory() -> Iterator[Path]:
    """Yield a home that no disk slows down, where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def recorded(arm: str, folder: Path, *, queries: int) -> tuple[Path, int]:
    """Return the requests that an arm sends, a line each, and how many it sends a query, rounded."""
    with FakeEngine() as engine, home_in_memory() as home:
        run_arms(engine.url, [arm], home, queries=queries, replicates=1, concurrency=1)
        bodies = engine.requests[:]
    path = folder / f"{arm}.jsonl"
    path.write_text("".join(json.dumps(body) + "\n" for body in bodies), "utf-8")
    return path, max(1, round(len(bodies) / (queries + 1)))


@contextmanager
def engine_process(latency_s: float) -> Iterator[str]:
    """Yield the URL of a stand-in engine in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.framework_overhead.engine", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def alone(arms: list[str], *, queries: int) -> None:
    """Print the time of one query at a time, with an engine that answers at once."""
    with engine_process(0.0) as url, tempfile.TemporaryDirectory() as home:
        settings = run_arms(url, arms, Path(home), queries=queries, replicates=2, concurrency=1)
        rows = query_rows(settings, MS)[1]
    print(f"{queries} queries, twice each, concurrency 1, load {os.getloadavg()[0]:.1f}; ms")
    print("| arm | query runs | calls/query | wall p50 | wall p95 | outside calls and searches p50 | p95 |")
    print("|---|---|---|---|---|---|---|")
    for arm, n, calls, *times in rows:
        print(f"| {arm} | {n} | {calls:.1f} | " + " | ".join(f"{value:.1f}" for value in times) + " |")


def compare(arms: list[str], *, queries: int, repetitions: int, inspect: str | None) -> None:
    """Print the processor time of a query, each arm next to its peers, medians of interleaved repetitions."""
    peers = [SDK, STREAMED, RAW, *([INSPECT] if inspect else [])]
    found: dict[tuple[str, str], list[float]] = {}
    with engine_process(LATENCY_S) as url, tempfile.TemporaryDirectory() as name:
        requests = {arm: recorded(arm, Path(name), queries=queries) for arm in arms}
        for _ in range(repetitions):
            for arm, (path, calls) in requests.items():
                for kind in (OURS, *peers):
                    python = inspect if kind == INSPECT else sys.executable
                    command = (
                        [sys.executable, "-m", "benchmarks.framework_overhead", "--measure", arm, "--url", url]
                        if kind == OURS
                        else [str(python), str(Path(__file__).with_name("peers.py")), kind, url, str(path), str(calls)]
                    )
                    replicates = max(1, round(CALLS / (calls * queries)))
                    command += (
                        ["--queries", str(queries), "--replicates", str(replicates)]
                        if kind == OURS
                        else [str(CONCURRENCY)]
                    )
                    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                    result = json.loads(said.splitlines()[-1])
                    asked = result["queries"] if kind == OURS else queries + 1  # the warm-up is recorded too
                    found.setdefault((kind, arm), []).append(1000 * result["cpu_s"] / asked)
    print(f"CPU ms a query, median of {repetitions} interleaved repetitions, load {os.getloadavg()[0]:.1f}")
    print("| | " + " | ".join(f"{arm} ({requests[arm][1]} calls)" for arm in arms) + " |")
    print("|---|" + "---|" * len(arms))
    for kind in (OURS, *peers):
        values = [statistics.median(found[kind, arm]) for arm in arms]
        print(f"| {NAMES[kind]} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    ratios = [statistics.median(found[OURS, arm]) / statistics.median(found[SDK, arm]) for arm in arms]
    print("| ÷ the plain loop | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    if not inspect:
        print(f"\n{NAMES[INSPECT]} was left out: inspect_ai is not installed. Name a Python that has it: --inspect")


def inspect_python(given: str | None) -> str | None:
    """Return a Python that has inspect_ai; None without one."""
    for python in (given, sys.executable):
        if python and shutil.which(python):
            done = subprocess.run([python, "-c", "import inspect_ai, openai"], capture_output=True, check=False)
            if done.returncode == 0:
                return python
    return None


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=92)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--arms", default="single_pass,tuned,naive_supervisor")
    parser.add_argument("--inspect", help="Python of an environment that has inspect_ai and openai")
    parser.add_argument("--alone", action="store_true", help="only the time of one query at a time")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--replicates", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    arms = options.arms.split(",")
    if options.measure:
        result = measure_arm(options.url, options.measure, queries=options.queries, replicates=options.replicates)
        print(json.dumps({**result, "queries": options.queries * options.replicates}))
        return
    if not options.alone:
        inspect = inspect_python(options.inspect)
        compare(arms, queries=options.queries, repetitions=options.repetitions, inspect=inspect)
        print()
    alone(arms, queries=options.queries)


if __name__ == "__main__":
    main()
