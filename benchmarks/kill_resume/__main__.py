"""Kill runs at random moments, resume them, look for what was lost: python -m benchmarks.kill_resume --kills 50."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.kill_resume.command_line import CommandLine
from benchmarks.kill_resume.killing import KilledRuns, KillPlan, run_child
from benchmarks.kill_resume.looking import Losses, TableLosses, look, score
from docmind_core.runs.frozen_suite import freeze_benchmark_run, journal_path
from docmind_core.runs.journal import Journal
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite, load_suite
from tests.fakes.engine_server import FakeEngine

REAL_ARMS = ("single_pass", "tuned")
ARMS = ("single_pass", "naive_supervisor", "naive+context_budget", "tuned")
HEAD = (
    "run | kills | finished calls | failed calls | repeated | engine completed | beyond finished | in flight at a "
    "kill | unexplained | rows | lost | doubled | changed | verdict"
)


def main() -> int:
    """Print one line per benchmark run; 0 when nothing was lost, doubled, repeated or changed, else 1."""
    options = parse_arguments()
    print(HEAD)
    found: list[Losses] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=(options.home or Path(folder) / "home").absolute())
        for losses in all_rounds(options, settings):
            found.append(losses)
            print(f"{len(found)} | {losses.line}", flush=True)
    print_tables(found)
    kills = sum(losses.kills for losses in found)
    in_flight = sum(losses.in_flight for losses in found)
    beyond = sum(losses.completed - losses.finished for losses in found)
    bad = sum(not losses.nothing for losses in found)
    print(
        f"{kills} kills, {len(found)} runs; the engine completed {beyond} answers beyond the finished calls, of "
        f"{in_flight} in flight at a kill; {bad} runs with losses"
    )
    return 1 if bad or kills < options.kills else 0


def print_tables(found: list[Losses]) -> None:
    """Print the losses by table, over all runs."""
    print("\ntable | rows | lost | doubled | changed")
    for table in found[0].tables if found else ():
        parts: list[TableLosses] = [losses.tables[table] for losses in found]
        numbers = [sum(getattr(part, name) for part in parts) for name in ("rows", "lost", "doubled", "changed")]
        print(" | ".join([table, *map(str, numbers)]))


def all_rounds(options: argparse.Namespace, settings: Settings) -> Iterator[Losses]:
    """Kill what was asked for: on a real engine the command line alone, else the core and then the command line."""
    if options.engine is not None:
        yield command_line_round(options, settings, options.engine, options.kills, REAL_ARMS)
        return
    with FakeEngine(latency_s=options.latency_s, fault_of=sometimes_garbage) as engine:
        yield from core_rounds(options, settings, engine)
    if options.command_line:
        # Slow enough for a look at its journal between two calls.
        with FakeEngine(latency_s=0.2) as engine:
            yield command_line_round(options, settings, engine.url, options.command_line, ARMS[:2])


def sometimes_garbage(body: Mapping[str, Any]) -> str | None:
    """Answer one request in sixteen with garbage, the same ones in each run: its agent fails, and others continue."""
    return "garbage" if sha256(json.dumps(body, sort_keys=True).encode()).digest()[0] < 256 // 16 else None


def core_rounds(options: argparse.Namespace, settings: Settings, engine: FakeEngine) -> Iterator[Losses]:
    """Make one undisturbed run, then killed ones until there were enough kills."""
    dice = random.Random(options.seed)
    suite = Suite(
        name="kill-resume",
        query_set="python-reference",
        limit=options.queries,
        arms=ARMS,
        engine=engine.url,
        concurrency=3,
        blocks=2,
    )
    reference = freeze_benchmark_run(suite, settings)
    run_child(settings, reference, engine, None)
    score(settings, suite, reference)
    runs = KilledRuns(settings=settings, suite=suite, engine=engine)
    left = options.kills - options.command_line
    while left > 0:
        killed = runs.next(KillPlan(dice=dice, calls_max=options.calls_between), left)
        left -= killed.kills
        score(settings, suite, killed.benchmark_run)
        yield look(settings, suite, reference, killed)


def command_line_round(
    options: argparse.Namespace, settings: Settings, engine: str, kills: int, arms: tuple[str, ...]
) -> Losses:
    """Make one undisturbed run of the real command line, then one that is killed and resumed."""
    suite = load_suite("smoke").model_copy(update={"engine": engine, "arms": arms})
    settings.home.mkdir(parents=True, exist_ok=True)
    line = CommandLine(settings=settings, suite=suite, limit=options.limit, log=settings.home / "kill-resume.log")
    reference = line.undisturbed()
    with Journal(journal_path(settings, reference)) as journal:
        calls = sum(len(journal.attempts(run_id_of(reference, arm))) for arm in suite.arms)
    killed = line.killed(random.Random(options.seed), kills, calls)
    # An engine that was started again has an empty cache.
    return look(settings, suite, reference, killed, ignoring=("cached_tokens", "prefill_computed_tokens"))


def parse_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kill -9 this often, over as many runs as it takes")
    parser.add_argument(
        "--command-line",
        type=int,
        default=0,
        metavar="N",
        help="this many of the kills hit `docmind bench smoke`; each start costs seconds",
    )
    parser.add_argument("--queries", type=int, default=6, help="queries in each of the arms")
    parser.add_argument("--calls-between", type=int, default=40, help="a kill comes after 1 to this many calls")
    parser.add_argument("--latency-s", type=float, default=0.01, help="of the stand-in engine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=2, help="queries in each of the two arms of the command line")
    parser.add_argument(
        "--home", type=Path, help="keep the home there, with models, logs and tables; else a temporary one"
    )
    real = parser.add_argument_group("a real engine, under the command line alone")
    real.add_argument("--engine", metavar="PROFILE|URL", help="such as cpu-smollm2: kill `docmind bench smoke` on it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
