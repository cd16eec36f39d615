"""A history made of one benchmark run: the same rows under other keys, a day later each."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path, read_frozen_suite
from docmind_core.runs.keys import NUMBER, started_at
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.run_states import benchmark_run_state
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.broken_rows import rows_of
from docmind_core.tables.connecting import open_in_memory
from docmind_core.tables.packing import pack
from docmind_core.tables.schema import TABLES
from docmind_core.tables.segments import run_ids_of, segment_path
from tests.fakes.engine_server import FakeEngine

ARMS = ("single_pass", "naive_supervisor", "tuned")
_IDS = ("query_id", "cluster_id", "call_id", "span_id", "parent_id")
_NAMING = ("run_id", "benchmark_run", "candidate_run_id", "baseline_run_id")


def first_run(settings: Settings, queries: int) -> str:
    """Answer, score and compare `queries` queries in three arms on a stand-in engine; return the key."""
    with FakeEngine() as engine:
        suite = Suite(
            name="history", query_set="facts", limit=queries, arms=ARMS, engine=engine.url, concurrency=32,
            limits={"agent_latency_p95_s": 60.0},
        )  # fmt: skip
        key = freeze_benchmark_run(suite, settings)
        execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    score_benchmark_run(settings, key, load_query_set(suite.query_set))
    _compare(settings, key, suite)
    return key


def copy_run(settings: Settings, key: str, place: int) -> str:
    """Write a benchmark run again as the one `place` days later; return its key."""
    days = timedelta(days=place)
    copied = f"{started_at(key) + days:%Y%m%dT%H%M%SZ}-history-{place:04x}"
    for path in sorted(settings.tables.glob(f"*/{key}.*"), key=lambda path: path.parent.name == "runs"):
        schema, groups = _read(path)
        target = path.with_name(path.name.replace(key, copied))
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in groups:
                rows = _moved(group, key, copied, days)
                if "run_number" in rows.column_names:
                    rows = _with(rows, "run_number", pa.array([place + 1] * len(rows), pa.int32()))
                writer.write_table(rows)
    folder = settings.benchmarks / copied
    shutil.copytree(settings.benchmarks / key, folder)
    (folder / NUMBER).write_text(str(place + 1), "ascii")
    _copy_journal(journal_path(settings, key), journal_path(settings, copied), key, copied)
    benchmark_run_state(settings, copied)  # as at the end of a run, so that it is listed as fast
    return copied


@cache
def _read(path: Path) -> tuple[pa.Schema, list[pa.Table]]:
    """Return the row groups of a file: each has the rows of one arm, which a copy must keep apart too."""
    with pq.ParquetFile(path) as file:
        return file.schema_arrow, [file.read_row_group(group) for group in range(file.num_row_groups)]


def enlarge_run(settings: Settings, key: str, times: int) -> None:
    """Give each arm of a run `times` as many queries, by SQL: the same under other names, each its own cluster."""
    suite = read_frozen_suite(settings, key)
    for run_id in run_ids_of(settings.tables, key):
        for table in TABLES.values():
            rows = rows_of(settings.tables, table.name, [run_id])
            if rows is not None and "query_id" in table.columns:
                changed = [f"{name} || '-' || copy as {name}" for name in _IDS if name in table.columns]
                copies = f"({rows.sql}) as rows, range({times}) as copies(copy)"
                content = f"select rows.* replace ({', '.join(changed)}) from {copies}"
                target = segment_path(settings.tables, table.name, run_id)
                with open_in_memory() as connection:
                    connection.execute(f"copy ({content}) to '{target}.part' (format parquet)")
                Path(f"{target}.part").replace(target)
    _compare(settings, key, suite)


def _compare(settings: Settings, key: str, suite: Suite) -> None:
    compare_arms(settings, key, suite)
    compare_times(settings, key)
    write_limits(settings.tables, key, suite)
    pack(settings.tables, key, complete=True)


def _moved(rows: pa.Table, key: str, copied: str, days: timedelta) -> pa.Table:
    for name in rows.column_names:
        if name in _NAMING:
            rows = _with(rows, name, pc.replace_substring(rows[name], key, copied))
        elif pa.types.is_timestamp(rows.schema.field(name).type):
            rows = _with(rows, name, pc.add(rows[name], pa.scalar(days, pa.duration("us"))))
    return rows


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)


def _copy_journal(source: Path, target: Path, key: str, copied: str) -> None:
    shutil.copyfile(source, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            columns = {row[1] for row in connection.execute(f"pragma table_info({table})")}
            if "run_id" in columns:
                connection.execute(f"update {table} set run_id = replace(run_id, ?, ?)", (key, copied))
