"""Runs a suite on two Ray nodes of this machine, kills one in the middle, and compares the rows with a local run.

Usage: python -m benchmarks.ray_nodes [--workers 4] [--arms single_pass,tuned] [--queries 92] [--no-kill]
       [--storage s3://bucket/folder]
Needs the extra `ray`. Exit code 1 where rows differ, a finished call was repeated, or a ledger does not balance but for
cut-off calls.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from benchmarks.framework_overhead.__main__ import engine_process
from benchmarks.ray_nodes.cluster import HEAD, Node, two_nodes
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.runs.shard_journals import shards_folder
from docmind_core.runs.stored_shards import in_background
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows

ROWS = """
select arm, query_id, replicate, phase, q.status, answer, calls, prompt_tokens, completion_tokens
from query_runs as q join runs using (run_id) order by all
"""
CALLS = """
select count(*) filter (status = 'finished'),
    count(distinct (run_id, query_id, replicate, task, request_hash)) filter (status = 'finished'),
    count(*) filter (status <> 'finished')
from llm_calls where phase = 'measured'
"""
LEDGER = """
select arm, engine_session, state, unreconciled_calls, prompt_difference, completion_difference, requests_sent,
    attempts_booked, because
from ledger_balance order by arm, engine_session
"""
LOAD = "select arm, achieved_concurrency, concurrency_missing_because, process_starts, status from runs order by arm"
TOKENS = 7
"""Where the tokens begin in a row: of a query that was interrupted they are unknown."""


def main() -> int:
    """Print what was seen; 0 when nothing was lost, repeated or changed."""
    options = parse_arguments()
    with engine_process(options.latency_s) as url, tempfile.TemporaryDirectory() as name:
        local = run(Settings(home=Path(name) / "local"), suite_of(options, url, {}, workers=1))
        began = time.monotonic()
        with two_nodes(Path(name) / "ray") as nodes:
            memory = sum(node.memory_mib() for node in nodes)
            print(f"two nodes started in {time.monotonic() - began:.0f} s and idle take {memory:,.0f} MiB")
            home = Settings(home=Path(name) / "shared")
            executor = {"kind": "ray", "address": HEAD, **({"storage": options.storage} if options.storage else {})}
            suite = suite_of(options, url, executor, workers=options.workers)
            with connected(), killing(home, None if options.no_kill else nodes[1], options.after):
                began = time.monotonic()
                run(home, suite)
                print(f"on Ray: {time.monotonic() - began:.0f} s")
        return compare(local, home)


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--arms", default="single_pass,tuned")
    parser.add_argument("--queries", type=int, default=92)
    parser.add_argument("--latency-s", type=float, default=0.5)
    parser.add_argument("--after", type=int, default=5, help="kill when every shard has so many answers")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--storage", help="URI of an object store's folder, by which shards come and go")
    return parser.parse_args()


def suite_of(options: argparse.Namespace, url: str, executor: dict[str, str], *, workers: int) -> Suite:
    """Return the suite, to be run here or on the cluster."""
    return Suite(
        name="ray-nodes",
        query_set="python-reference",
        limit=options.queries,
        arms=tuple(options.arms.split(",")),
        concurrency=8,
        workers=workers,
        engine=url,
        **({"executor": executor} if executor else {}),  # type: ignore[arg-type]
    )


def run(settings: Settings, suite: Suite) -> Settings:
    """Run a suite to its end."""
    key = freeze_benchmark_run(suite, settings)
    execute_benchmark_run(settings, key, dagster_run_id=None, observer=SilentObserver())
    return settings


@contextmanager
def connected() -> Iterator[None]:
    """Connect this process to the head for the block; while its nodes live, or Ray ends this process with them."""
    ray.init(address=HEAD, _node_ip_address=HEAD.split(":")[0], log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def killing(home: Settings, node: Node | None, after: int) -> Iterator[None]:
    """Kill a node with -9 once each running shard has so many answers."""

    def wait_and_kill(ended: threading.Event) -> None:
        while node is not None and not ended.wait(0.2):
            keys = [path.name for path in home.benchmarks.glob("2*")] if home.benchmarks.is_dir() else []
            shards = [path for key in keys for path in shards_folder(home, key).glob("*.json")]
            done = [json.loads(path.read_text("ascii"))["done"] for path in shards]
            if len(done) > 1 and min(done) >= after:
                print(f"killed -9: node {node.address} with {node.kill()} processes, shards at {done}", flush=True)
                return

    with in_background(wait_and_kill):
        yield


def compare(local: Settings, shared: Settings) -> int:
    """Print how the runs differ; 0 if only the tokens of interrupted queries do, which are unknown."""
    ours, theirs = (query_rows(home, ROWS)[1] for home in (local, shared))
    same = [row[:TOKENS] for row in ours] == [row[:TOKENS] for row in theirs]
    unknown = sum(row[TOKENS] is None for row in theirs)
    changed = [pair for pair in zip(ours, theirs, strict=False) if None not in pair[1][TOKENS:] and pair[0] != pair[1]]
    ((finished, different, cut_off),) = query_rows(shared, CALLS)[1]
    print(f"{len(theirs)} rows, {len(ours)} locally; ids, statuses, answers and calls equal: {same}")
    print(*changed, sep="\n")
    print(f"rows with other tokens: {len(changed)}; tokens unknown (interrupted): {unknown}")
    print(f"finished calls: {finished}, repeated: {finished - different}; calls that were cut off: {cut_off}")
    ledgers = [query_rows(home, LEDGER)[1] for home in (local, shared)]
    for home, ledger in zip((local, shared), ledgers, strict=True):
        for row in (*ledger, *query_rows(home, LOAD)[1]):
            print(home.home.name, *row)
    explained = all(
        state == "balanced" or (state == "unreconciled" and (calls or "last bookings" in because))
        for _, _, state, calls, *_, because in ledgers[1]
    )
    later = [row[2] for row in ledgers[1] if "+" in row[1]]
    balanced = explained and {row[2] for row in ledgers[0]} | set(later) == {"balanced"}
    return 0 if same and not changed and finished == different and balanced else 1


if __name__ == "__main__":
    sys.exit(main())
