"""What each phase holds in memory after the asking, by the number of queries: python -m benchmarks.large_arm.

A few queries are asked on a stand-in engine, their rows in the journal are multiplied, and each phase runs in a process
of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.large_arm.made import make_run
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


def peak_mib() -> float:
    """Return the peak of this program: what getrusage says begins with the one that started it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(kib) / 1024


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
    parser.add_argument("--phase", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        home, key, phase = options.phase
        run_phase(Path(home), key, phase)
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.0f}\n")
    print("| queries an arm | phase | peak MiB | CPU s | wall s |\n|---|---|---|---|---|")
    for count in options.queries:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            home = Path(name) / "home"
            key = make_run(Settings(home=home), Path(name) / "questions", count, options.arms.split(","))
            for phase in PHASES:
                command = [sys.executable, "-m", "benchmarks.large_arm", "--phase", str(home), key, phase]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                peak, cpu, wall = json.loads(done.stdout.splitlines()[-1])
                print(f"| {count:,} | {phase} | {peak:,.0f} | {cpu:.1f} | {wall:.1f} |", flush=True)


if __name__ == "__main__":
    main()
