"""How many calls are in flight of those that a suite asks for, with one process and with several.

Usage: python -m benchmarks.in_flight [--concurrency 256] [--latency-s 2] [--workers 1,2] [--arms single_pass,tuned]
       [--rounds 12] [--repetitions 3] [--memory]
"""

import argparse
import os
import resource
import statistics
import tempfile
from pathlib import Path

import psutil

from benchmarks.framework_overhead.__main__ import engine_process, home_in_memory
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows

QUERIES = 92
"""Of python-reference."""
FOUND = "select achieved_concurrency, loop_lag_max_s, duration_s from runs"
FAILED = "select count(*) filter (where status <> 'finished'), count(*) from llm_calls"
LEDGER = "select state from ledger_balance"


def measure(url: str, arm: str, workers: int, options: argparse.Namespace, home: Path) -> dict[str, float | str]:
    """Run one arm and return what was in flight."""
    settings = Settings(home=home)
    suite = Suite(
        name="in-flight",
        query_set="python-reference",
        arms=(arm,),
        replicates=max(1, round(options.rounds * options.concurrency / QUERIES)),
        concurrency=options.concurrency,
        workers=workers,
        warmup=1,
        engine=url,
    )
    key = freeze_benchmark_run(suite, settings)
    psutil.cpu_times_percent()
    began_s = cpu_s()
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    busy = psutil.cpu_times_percent()
    ((achieved, lag_s, duration_s),) = query_rows(settings, FOUND)[1]
    ((failed, calls),) = query_rows(settings, FAILED)[1]
    ((state,),) = query_rows(settings, LEDGER)[1]
    return {
        "achieved": achieved,
        "lag_s": lag_s,
        "calls_per_s": calls / duration_s,
        "failed": failed,
        "state": state,
        "idle": busy.idle,
        "cpu_ms": 1000 * (cpu_s() - began_s) / calls,
    }


def cpu_s() -> float:
    """Return the processor time of this process and of workers that have ended, start-up included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Print one line a run, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latency-s", type=float, default=2.0)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--arms", default="single_pass,tuned")
    parser.add_argument("--rounds", type=int, default=12, help="queries, as a multiple of the concurrency")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="the home is in memory, not on a disk")
    options = parser.parse_args()
    found: dict[tuple[str, int], list[float]] = {}
    print("arm | workers | in flight | share | calls/s | lag s | failed | ledger | CPU ms/call | CPU idle % | load")
    for _ in range(options.repetitions):
        for arm in options.arms.split(","):
            for workers in map(int, options.workers.split(",")):
                place = home_in_memory() if options.memory else tempfile.TemporaryDirectory()
                with engine_process(options.latency_s) as url, place as home:
                    run = measure(url, arm, workers, options, Path(home))
                share = float(run["achieved"]) / options.concurrency
                found.setdefault((arm, workers), []).append(share)
                print(
                    f"{arm} | {workers} | {run['achieved']:.0f} | {share:.0%} | {run['calls_per_s']:.0f} | "
                    f"{run['lag_s']:.2f} | {run['failed']} | {run['state']} | {run['cpu_ms']:.1f} | "
                    f"{run['idle']:.0f} | {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
    for (arm, workers), shares in sorted(found.items()):
        print(f"{arm}, {workers} workers: median {statistics.median(shares):.0%} of {len(shares)}")


if __name__ == "__main__":
    main()
