"""Books calls as fast as the disk allows, then at 500 bookings per second while another process reads the journal.

Usage: python -m benchmarks.journal [--seconds 5] [--repetitions 3] [--folder /path/on/the/disk]
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from docmind_core.runs.journal import Journal, QueryKey

FSYNC_MS = (0.0, 5.0)
CALLS_AT_ONCE = 64
PACED_CALLS_PER_S = 250
"""Two bookings each: that it goes out, and how it ended."""
LAG_PERIOD_S = 0.01
READER = """
import sqlite3, sys, time
until, reads, failures = time.monotonic() + float(sys.argv[2]), 0, 0
while time.monotonic() < until:
    try:
        connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        connection.execute("select count(*), sum(ended) from attempts").fetchone()
        connection.close()
        reads += 1
    except sqlite3.Error:
        failures += 1
    time.sleep(0.02)
print(reads, failures)
"""
KEY = QueryKey(run_id="bench.single_pass", query_id="q", replicate=0)
ROW = {
    "run_id": "bench.single_pass",
    "query_id": "q",
    "replicate": 0,
    "agent": "result_synthesizer",
    "role": "agent",
    "task": "answer",
    "request_hash": "0" * 64,
    "model": "a-model",
    "status": "cut_off",
    "queue_wait_s": 0.001,
    "max_tokens": 64,
    "tokens_missing_because": "unreconciled",
    "error_type": None,
    "error_message": None,
}
END = {**ROW, "status": "finished", "prompt_tokens": 900, "completion_tokens": 60, "reply": "an answer of a line " * 16}


async def book_call(journal: Journal, number: int) -> None:
    """Book a call as a run does: durable before it goes out, and before its answer is used."""
    for row, ended in ((ROW, False), (END, True)):
        journal.book_attempt(KEY, {**row, "call_id": f"call-{number}", "attempt": 1}, ended=ended)
        await journal.kept()


async def as_fast_as_possible(journal: Journal, seconds: float) -> int:
    """Book calls from so many tasks at once; return how many."""
    until, count = time.monotonic() + seconds, 0

    async def work() -> None:
        nonlocal count
        while time.monotonic() < until:
            count += 1
            await book_call(journal, count)

    await asyncio.gather(*(work() for _ in range(CALLS_AT_ONCE)))
    return count


async def paced(journal: Journal | None, seconds: float) -> tuple[list[float], int]:
    """Book calls at an even pace, or none; return the lags of the event loop in ms, every 10 ms, and failures."""
    lags: list[float] = []
    began, total = time.monotonic(), int(seconds * PACED_CALLS_PER_S)

    async def look() -> None:
        while True:
            due = time.monotonic() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            lags.append(1000 * (time.monotonic() - due))

    looking = asyncio.create_task(look())
    calls = []
    for number in range(total):
        await asyncio.sleep(max(0.0, began + number / PACED_CALLS_PER_S - time.monotonic()))
        calls.append(asyncio.create_task(book_call(journal, number) if journal else asyncio.sleep(0)))
    ends = await asyncio.gather(*calls, return_exceptions=True)
    looking.cancel()
    return lags, sum(isinstance(end, BaseException) for end in ends)


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """Measure both in this process; times in ms."""
    with Journal(folder / "fast.sqlite") as journal:
        cpu, wall = time.process_time(), time.monotonic()
        count = asyncio.run(as_fast_as_possible(journal, seconds))
        found = {
            "calls per s": count / (time.monotonic() - wall),
            "CPU ms per call": 1000 * (time.process_time() - cpu) / count,
        }
    path = folder / "paced.sqlite"
    with Journal(path) as journal:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        began = time.monotonic()
        lags, failures = asyncio.run(paced(journal, seconds))
        took = time.monotonic() - began
        reads, failed_reads = map(int, reader.communicate()[0].split())
    idle_lags, _ = asyncio.run(paced(None, seconds))
    return found | {
        "records per s": 2 * int(seconds * PACED_CALLS_PER_S) / took,
        "failed writes": failures,
        "reads": reads,
        "failed reads": failed_reads,
        "loop lag p50, ms": statistics.median(lags),
        "loop lag p99, ms": statistics.quantiles(lags, n=100)[98],
        "loop lag max, ms": max(lags),
        "loop lag p99 without bookings, ms": statistics.quantiles(idle_lags, n=100)[98],
    }


def slow_disk(folder: Path) -> Path | None:
    """Build what makes `fsync` slow; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "slow_fsync.so"
    source = Path(__file__).with_name("slow_fsync.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def main() -> None:
    """Measure each disk in a process of its own, interleaved, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the journals lie; by default a temporary folder"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        if options.measure:
            print(json.dumps(measure(Path(name), options.seconds)))
            return
        library = slow_disk(Path(name))
        if library is None:
            sys.exit("no C compiler (cc): the slow disk can't be simulated. Install gcc.")
        found: dict[float, list[dict[str, float]]] = {ms: [] for ms in FSYNC_MS}
        for _ in range(options.repetitions):
            for ms, results in found.items():
                results.append(in_child(options, library, ms))
    print_table(found)


def in_child(options: argparse.Namespace, library: Path, fsync_ms: float) -> dict[str, float]:
    """Measure in a process whose `fsync` takes so much longer."""
    command = [sys.executable, "-m", "benchmarks.journal", "--measure", "--seconds", str(options.seconds)]
    command += ["--folder", str(options.folder)] if options.folder else []
    slowly = ["env", f"LD_PRELOAD={library}", f"FSYNC_MS={fsync_ms}"]
    done = subprocess.run([*slowly, *command], check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def print_table(found: dict[float, list[dict[str, float]]]) -> None:
    """Print the medians of all repetitions, a column per disk."""
    print(f"load {os.getloadavg()[0]:.1f}; medians of {len(found[FSYNC_MS[0]])} interleaved repetitions")
    print("| | " + " | ".join("disk as it is" if not ms else f"fsync + {ms:g} ms" for ms in found) + " |")
    print("|---|" + "---|" * len(found))
    for name in found[FSYNC_MS[0]][0]:
        medians = [statistics.median(result[name] for result in results) for results in found.values()]
        print(f"| {name} | " + " | ".join(f"{value:,.2f}".removesuffix(".00") for value in medians) + " |")


if __name__ == "__main__":
    main()
