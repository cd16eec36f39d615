"""Run the same suite with and without blocks on a stand-in engine and compare: python -m benchmarks.block_cost."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows


def main() -> int:
    """Print the seconds of each pair of runs and their ratio; 0 when the median costs at most 5 %."""
    options = parse_arguments()
    command = [sys.executable, "-m", "tests.fakes.engine_server", "--port", "0", "--latency-s", str(options.latency_s)]
    ratios = []
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            settings, url = Settings(home=Path(home)), server.stdout.readline().strip()
            seconds_of(settings, options, url, blocks=1)  # imports, index, connections
            print(f"{'without':>9} {'in blocks':>9}  ratio")
            for number in range(options.pairs):
                order = (1, options.blocks) if number % 2 == 0 else (options.blocks, 1)
                took = {blocks: seconds_of(settings, options, url, blocks=blocks) for blocks in order}
                ratios.append(took[options.blocks] / took[1])
                print(f"{took[1]:9.2f} {took[options.blocks]:9.2f}  {ratios[-1]:.3f}", flush=True)
        finally:
            server.terminate()
    print(f"blocks cost {100 * (median(ratios) - 1):+.1f} % of the wall time (median of {options.pairs} pairs)")
    return 0 if median(ratios) <= 1.05 else 1


def seconds_of(settings: Settings, options: argparse.Namespace, url: str, *, blocks: int) -> float:
    """Run once and return its seconds, from the first query's start to the last one's end over all arms."""
    suite = Suite(
        name="block-cost",
        query_set="python-reference",
        arms=tuple(options.arms.split(",")),
        limit=options.limit,
        concurrency=options.concurrency,
        engine=url,
        blocks=blocks,
    )
    key, began = freeze_benchmark_run(suite, settings), time.monotonic()
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    took = time.monotonic() - began
    states = query_rows(settings, f"select distinct state from ledger_balance where run_id like '{key}%'")[1]
    if states != [("balanced",)]:
        sys.exit(f"the ledger of {key} is {states}")
    return took


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", default="single_pass,naive_supervisor,tuned")
    parser.add_argument("--limit", type=int, default=80, help="queries")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--latency-s", type=float, default=0.2, help="of the stand-in engine, for each call")
    parser.add_argument("--pairs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
