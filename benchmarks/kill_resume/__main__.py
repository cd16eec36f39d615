"""Kill runs at random moments, resume them, and look for what was lost: python -m benchmarks.kill_resume --kills 50."""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kill_resume.killing import KilledRuns, KillPlan, run_child
from benchmarks.kill_resume.looking import Losses, look
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.fakes.engine_server import FakeEngine

ARMS = ("single_pass", "naive_supervisor", "tuned")


def main() -> int:
    """Print one line per benchmark run; 0 when nothing was lost, doubled, repeated or changed, else 1."""
    options = parse_arguments()
    print("run | kills | calls | finished calls repeated | rows lost | rows doubled | rows changed | verdict")
    found: list[Losses] = []
    with tempfile.TemporaryDirectory() as folder:
        for losses in rounds(options, Settings(home=Path(folder) / "home")):
            found.append(losses)
            print(f"{len(found)} | {losses.line}", flush=True)
    kills = sum(losses.kills for losses in found)
    in_flight = sum(losses.in_flight for losses in found)
    bad = sum(not losses.nothing for losses in found)
    print(f"{kills} kills, {len(found)} runs, {in_flight} calls in flight at a kill, {bad} runs with losses")
    return 1 if bad or kills < options.kills else 0


def rounds(options: argparse.Namespace, settings: Settings) -> Iterator[Losses]:
    """Make one undisturbed run, then killed ones until there were enough kills."""
    dice = random.Random(options.seed)
    with FakeEngine(latency_s=options.latency_s) as engine:
        suite = Suite(
            name="kill-resume",
            query_set="python-reference",
            limit=options.queries,
            arms=ARMS,
            engine=engine.url,
            concurrency=3,
        )
        reference = freeze_benchmark_run(suite, settings)
        run_child(settings, reference, engine, None)
        runs = KilledRuns(settings=settings, suite=suite, engine=engine)
        left = options.kills
        while left > 0:
            killed = runs.next(KillPlan(dice=dice, calls_max=options.calls_between), left)
            left -= killed.kills
            yield look(settings, suite, reference, killed)


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kill -9 this often, over as many runs as it takes")
    parser.add_argument("--queries", type=int, default=6, help="queries in each of the three arms")
    parser.add_argument("--calls-between", type=int, default=40, help="a kill comes after 1 to this many calls")
    parser.add_argument("--latency-s", type=float, default=0.01, help="of the stand-in engine")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
