"""What publishing costs as the history grows: python -m benchmarks.publish --calls 100000 1000000."""

import argparse
import os
import tempfile
from pathlib import Path

from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment
from tests.builders import make_call_row

CALLS_PER_RUN = 10_000


def main() -> None:
    """Print a line per size: calls, runs, seconds of wall clock and of CPU, MiB of the database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[100_000, 200_000, 400_000])
    sizes = sorted(parser.parse_args().calls)
    print("calls | runs | wall s | CPU s | database MiB")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        runs = 0
        for size in sizes:
            while runs * CALLS_PER_RUN < size:
                write_run(settings, runs)
                runs += 1
            before = os.times()
            path = publish(settings)
            after = os.times()
            cpu_s = after.user + after.system - before.user - before.system
            mebibytes = path.stat().st_size / 2**20
            calls = runs * CALLS_PER_RUN
            print(
                f"{calls:,} | {runs} | {after.elapsed - before.elapsed:.1f} | {cpu_s:.1f} | {mebibytes:.1f}", flush=True
            )


def write_run(settings: Settings, number: int) -> None:
    """Write the calls of one run."""
    run_id = f"20261122T020000Z-smoke-{number:04x}.tuned"
    row = {**make_call_row(), "run_id": run_id}
    rows = [
        {**row, "call_id": f"{number}-{call}", "query_id": f"q{call // 10}", "reply": f"answer number {call} " * 5}
        for call in range(CALLS_PER_RUN)
    ]
    write_segment(settings.tables, "llm_calls", run_id, rows)


if __name__ == "__main__":
    main()
