"""Time of one query per arm with a stand-in engine that answers at once, one query at a time.

Usage: python -m benchmarks.framework_overhead [--limit 92] [--replicates 2] [--arms single_pass,naive_supervisor,tuned]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows

MS = """
select arm, count(*), sum(calls) / count(*),
    1000 * quantile_cont(wall_s, 0.5), 1000 * quantile_cont(wall_s, 0.95),
    1000 * quantile_cont(coordination_overhead_s, 0.5), 1000 * quantile_cont(coordination_overhead_s, 0.95)
from query_runs join runs using (run_id) where phase = 'measured' group by arm order by arm
"""


def measure(url: str, arms: list[str], home: Path, *, limit: int, replicates: int) -> list[tuple[object, ...]]:
    """Run the arms on python-reference with keyword search and return a row per arm, times in ms."""
    settings = Settings(home=home)
    suite = Suite(
        name="overhead",
        query_set="python-reference",
        arms=tuple(arms),
        limit=limit,
        replicates=replicates,
        concurrency=1,
        engine=url,
    )
    key = freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    return query_rows(settings, MS)[1]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=92, help="queries")
    parser.add_argument("--replicates", type=int, default=2, help="of each; a 95th percentile needs 130 query runs")
    parser.add_argument("--arms", default="single_pass,naive_supervisor,tuned")
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.fakes.engine_server", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            url, arms = server.stdout.readline().strip(), options.arms.split(",")
            rows = measure(url, arms, Path(home), limit=options.limit, replicates=options.replicates)
        finally:
            server.terminate()
    print(f"{options.limit} queries, {options.replicates} times each, concurrency 1, load {os.getloadavg()[0]:.1f}; ms")
    print("| arm | query runs | calls/query | wall p50 | wall p95 | outside calls and searches p50 | p95 |")
    print("|---|---|---|---|---|---|---|")
    for arm, n, calls, *times in rows:
        print(f"| {arm} | {n} | {calls:.1f} | " + " | ".join(f"{value:.1f}" for value in times) + " |")


if __name__ == "__main__":
    main()
