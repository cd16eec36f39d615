"""Time of both reports: python -m benchmarks.reports --queries 1000 --period-query-runs 100000.

The report of a benchmark run covers three arms of `--queries`; the report of the last hours covers copies of that
run until there are `--period-query-runs` query runs.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.alerts.__main__ import ARMS, KEY, write_arm
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.period import write_period_report
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import segment_path

Result = TypeVar("Result")
PERIOD_TABLES = ("query_runs", "llm_calls", "spans", "runs", "device_samples")
HOURS = 24.0 * 3650


def main() -> None:
    """Print a line per report: wall clock and CPU of this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--period-query-runs", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        for arm in ARMS:
            write_arm(settings, f"{KEY.format(number=0)}.{arm}", options.queries)
        print("what | wall s | CPU s")
        publish(settings)
        measured(
            f"report of {options.queries:,} queries x {len(ARMS)} arms",
            lambda: write_benchmark_report(settings, KEY.format(number=0)),
        )
        copies = math.ceil(options.period_query_runs / (options.queries * len(ARMS)))
        for number in range(1, copies):
            copy_run(settings, KEY.format(number=number))
        publish(settings)
        period = f"report of a period of {copies * options.queries * len(ARMS):,} query runs"
        report = measured(period, lambda: write_period_report(settings, HOURS, "html"))
        print(report.summary)


def measured(what: str, work: Callable[[], Result]) -> Result:
    """Do the work, print what it took, and return what came out."""
    before = os.times()
    result = work()
    after = os.times()
    cpu = after.user + after.system - before.user - before.system
    print(f"{what} | {after.elapsed - before.elapsed:.2f} | {cpu:.2f}", flush=True)
    return result


def copy_run(settings: Settings, key: str) -> None:
    """Write the first benchmark run again under another key."""
    for arm in ARMS:
        source, target = f"{KEY.format(number=0)}.{arm}", f"{key}.{arm}"
        for table in PERIOD_TABLES:
            rows = pq.read_table(segment_path(settings.tables, table, source))
            rows = with_constant(rows, "run_id", target)
            if table == "runs":
                rows = with_constant(rows, "benchmark_run", key)
            pq.write_table(rows, segment_path(settings.tables, table, target))


def with_constant(rows: pa.Table, name: str, value: str) -> pa.Table:
    """Return the table with one value in a column."""
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(name), pa.array([value] * len(rows), pa.string()))


if __name__ == "__main__":
    main()
