"""Kill runs at random moments, resume them, look for what was lost: python -m benchmarks.kill_resume --kills 50."""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kill_resume.command_line import CommandLine
from benchmarks.kill_resume.killing import KilledRuns, KillPlan, run_child
from benchmarks.kill_resume.looking import Losses, look
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite, load_suite
from tests.fakes.engine_server import FakeEngine

REAL_ARMS = ("single_pass", "tuned")
ARMS = ("single_pass", "naive_supervisor", "tuned")


def main() -> int:
    """Print one line per benchmark run; 0 when nothing was lost, doubled, repeated or changed, else 1."""
    options = parse_arguments()
    print("run | kills | calls | finished calls repeated | rows lost | rows doubled | rows changed | verdict")
    found: list[Losses] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=(options.home or Path(folder) / "home").absolute())
        for losses in rounds(options, settings) if options.engine is None else real_rounds(options, settings):
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


def real_rounds(options: argparse.Namespace, settings: Settings) -> Iterator[Losses]:
    """Make one undisturbed run of the real command line, then one that is killed and resumed."""
    source = load_suite("smoke")
    suite = source.model_copy(update={"engine": options.engine, "arms": REAL_ARMS})
    settings.home.mkdir(parents=True, exist_ok=True)
    line = CommandLine(settings=settings, suite=suite, limit=options.limit, log=settings.home / "kill-resume.log")
    reference = line.undisturbed()
    with Journal(journal_path(settings, reference)) as journal:
        calls = sum(len(journal.attempts(run_id_of(reference, arm))) for arm in suite.arms)
    killed = line.killed(random.Random(options.seed), options.kills, calls)
    # An engine that was started again has an empty cache.
    yield look(settings, suite, reference, killed, ignoring=("cached_tokens",))


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kill -9 this often, over as many runs as it takes")
    parser.add_argument("--queries", type=int, default=6, help="queries in each of the three arms")
    parser.add_argument("--calls-between", type=int, default=40, help="a kill comes after 1 to this many calls")
    parser.add_argument("--latency-s", type=float, default=0.01, help="of the stand-in engine")
    parser.add_argument("--seed", type=int, default=0)
    real = parser.add_argument_group("the real command line on a real engine")
    real.add_argument("--engine", metavar="PROFILE|URL", help="such as cpu-smollm2: kill `docmind bench smoke` on it")
    real.add_argument("--limit", type=int, default=2, help="queries in each of the two arms")
    real.add_argument(
        "--home", type=Path, help="keep the home there, with models, logs and tables; else a temporary one"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
