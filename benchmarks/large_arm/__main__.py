"""What each phase holds in memory after the asking, by the number of queries: python -m benchmarks.large_arm.

A few queries are asked on a stand-in engine, their rows in the journal are multiplied, and each phase runs in a process
of its own.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.large_arm.made import make_run
from benchmarks.large_arm.memory import peak_mib
from docmind_core.measurements.ablation import measure_levers
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.rescoring import rescore_run
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.measurements.times import compare_times
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.runs.folding import fold_arm
from docmind_core.runs.frozen_suite import journal_path, read_frozen_suite
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.tables.publish import publish


def fold(settings: Settings, key: str) -> None:
    """Write the tables of all arms from the journal."""
    with Journal(journal_path(settings, key), read_only=True) as journal:
        for arm in read_frozen_suite(settings, key).arms:
            run_id = run_id_of(key, arm)
            fold_arm(settings, journal, run_id, journal.facts(run_id)["expected_queries"])


def score(settings: Settings, key: str) -> None:
    """Score all arms."""
    score_benchmark_run(settings, key, load_query_set(read_frozen_suite(settings, key).query_set))


def compare(settings: Settings, key: str) -> None:
    """Compare the arms with each other."""
    compare_arms(settings, key, read_frozen_suite(settings, key))


def limits(settings: Settings, key: str) -> None:
    """Measure the limits."""
    write_limits(settings.tables, key, read_frozen_suite(settings, key))


PHASES: dict[str, Callable[[Settings, str], object]] = {
    "nothing but the query set": lambda settings, key: load_query_set(read_frozen_suite(settings, key).query_set),
    "fold": fold,
    "score": score,
    "compare": compare,
    "times": compare_times,
    "limits": limits,
    "levers": measure_levers,
    "publish": lambda settings, key: publish(settings, ended=key),
    "report": write_benchmark_report,
    "score again": rescore_run,
}


def run_phase(home: Path, key: str, phase: str) -> None:
    """Print what one phase took in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    PHASES[phase](Settings(home=home), key)
    print(json.dumps([peak_mib(), time.process_time() - cpu, time.perf_counter() - wall]))


def main() -> None:
    """Make a run of each size, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, nargs="+", default=[1_000, 10_000], help="of each arm")
    parser.add_argument("--arms", default="tuned,naive_supervisor")
    parser.add_argument("--folder", type=Path, help="where the homes are made and removed")
    parser.add_argument("--keep", action="store_true", help="keep the homes in --folder, and use those that are there")
    parser.add_argument(
        "--phases", nargs="+", default=list(PHASES), choices=PHASES, metavar="PHASE", help="all if not given"
    )
    parser.add_argument("--phase", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        home, key, phase = options.phase
        run_phase(Path(home), key, phase)
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.0f}\n")
    print("| queries an arm | phase | peak MiB | CPU s | wall s |\n|---|---|---|---|---|")
    for count in options.queries:
        with ExitStack() as stack:
            folder = options.folder / f"{count}-{options.arms}" if options.keep else None
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
            home, key = made_home(folder, count, options.arms.split(","))
            for phase in options.phases:
                command = [sys.executable, "-m", "benchmarks.large_arm", "--phase", str(home), key, phase]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                peak, cpu, wall = json.loads(done.stdout.splitlines()[-1])
                print(f"| {count:,} | {phase} | {peak:,.0f} | {cpu:.1f} | {wall:.1f} |", flush=True)


def made_home(folder: Path, count: int, arms: list[str]) -> tuple[Path, str]:
    """Return a home in `folder` and the key of its benchmark run; made unless it is there."""
    home, done = folder / "home", folder / "key"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        done.write_text(make_run(Settings(home=home), folder / "questions", count, arms), "utf-8")
    return home, done.read_text("utf-8")


if __name__ == "__main__":
    main()
