"""A large arm that is killed twice: python -m benchmarks.large_arm.killed --queries 100000.

The arm is asked on a stand-in engine by a process of its own, which is killed (-9) after a third and after two thirds
of the queries and resumed. Prints the memory of each process as it goes, and counts the calls that were made twice.
"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.framework_overhead.__main__ import engine_process
from benchmarks.large_arm.made import write_query_set
from benchmarks.large_arm.memory import peak_mib, rss_mib
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.runs.progress import ArmProgress, SilentObserver
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.reading import query_rows

ARM = "single_pass"
LOOKS = 30
"""How often an arm tells its memory."""
REPEATED = """
select count(*) from (
    select 1 from llm_calls where status = 'finished'
    group by query_id, replicate, agent, task, request_hash having count(*) > 1
)
"""


class TellsMemory(SilentObserver):
    """Prints queries done and memory now and then."""

    def __init__(self, total: int) -> None:
        self.every = max(1, total // LOOKS)

    def query_finished(self, progress: ArmProgress) -> None:
        """Print a line."""
        if progress.done % self.every == 0:
            print(progress.done, f"{rss_mib():.0f}", flush=True)


def ask(home: Path, key: str, total: int) -> None:
    """Ask what is left in this process."""
    print(0, f"{rss_mib():.0f}", flush=True)
    execute_benchmark_run(Settings(home=home), key, dagster_run_id=None, observer=TellsMemory(total))
    print(total, f"{peak_mib():.0f}", flush=True)


def asked_until(home: Path, key: str, total: int, until: int) -> list[tuple[int, int]]:
    """Let a process ask until so many queries are done, and kill it; return queries done and MiB, line by line."""
    command = [sys.executable, "-m", "benchmarks.large_arm.killed", "--ask", str(home), key, "--queries", str(total)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            done, mib = map(int, line.split())
            lines.append((done, mib))
            if until <= done < total:
                process.send_signal(signal.SIGKILL)
                break
    return lines


def main() -> None:
    """Ask, kill twice, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where the home is made and removed")
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        ask(Path(options.ask[0]), options.ask[1], options.queries)
        return
    total = options.queries
    with tempfile.TemporaryDirectory(dir=options.folder) as name, engine_process(0.01) as url:
        settings = Settings(home=Path(name) / "home")
        write_query_set(Path(name) / "questions", total)
        suite = Suite(
            name="large", query_set=str(Path(name) / "questions"), arms=(ARM,), engine=url, warmup=0,
            concurrency=options.concurrency,
        )  # fmt: skip
        key = freeze_benchmark_run(suite, settings)
        began = time.perf_counter()
        print("| process | queries done | MiB at the start | after a tenth of its queries | most while asking | peak |")
        print("|---|---|---|---|---|---|")
        for number, until in enumerate((total // 3, 2 * total // 3, total), 1):
            lines = asked_until(settings.home, key, total, until)
            asking = [mib for done, mib in lines if 0 < done < total]
            tenth = asking[len(asking) // 10]
            ended = lines[-1][1] if lines[-1][0] == total else "killed"
            first, last = (place[0] for place in (lines[1], lines[-1]))
            print(
                f"| {number} | {first:,} to {last:,} | {lines[0][1]} | {tenth} | {max(asking)} | {ended} |", flush=True
            )
        print(f"\n{time.perf_counter() - began:.0f} s, load {os.getloadavg()[0]:.0f}")
        check(settings, key, total)


def check(settings: Settings, key: str, total: int) -> None:
    """Print how many queries and calls there are, and end with an error where a call was repeated or a query lost."""
    [[queries]] = query_rows(settings, "select count(*) from query_runs")[1]
    [[calls, cut]] = query_rows(
        settings, "select count(*), count(*) filter (where status <> 'finished') from llm_calls"
    )[1]
    [[repeated]] = query_rows(settings, REPEATED)[1]
    with Journal(journal_path(settings, key), read_only=True) as journal:
        parts = journal.finished_parts(run_id_of(key, ARM))
        booked = sum(len(query.attempts) for query in itertools.chain.from_iterable(parts))
    print(f"{queries:,} queries, {calls:,} calls of which {cut} were in progress at a kill, {repeated} made again")
    if queries != total or repeated or booked != calls:
        raise SystemExit("rows were lost or calls repeated")


if __name__ == "__main__":
    main()
