"""Runs that are killed with -9 at random moments until they come through."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.fakes.engine_server import FakeEngine, plain_reply

PROJECT = Path(__file__).resolve().parents[2]

# The core alone: the command line around it imports Dagster, seconds for each of the starts.
CHILD = """
import sys
from pathlib import Path
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.settings import Settings
execute_benchmark_run(Settings(home=Path(sys.argv[1])), sys.argv[2], dagster_run_id=None, observer=SilentObserver())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPlan:
    """When the next kill comes."""

    dice: random.Random
    calls_max: int

    def draw(self) -> tuple[int, float]:
        """Return after how many calls, and how many seconds later: one in five may fall while tables are written."""
        late = self.dice.random() < 0.2
        return self.dice.randint(1, self.calls_max), self.dice.uniform(0, 1.5 if late else 0.03)


@dataclass(slots=True, kw_only=True)
class KilledRun:
    """A benchmark run that came through, with what the engine saw of it."""

    benchmark_run: str
    kills: int = 0
    requests: Counter[str] | None = None
    """How often each request arrived, by its hash; None where the engine doesn't tell."""
    completed: int = 0
    """Answers that the engine sent to their end, by its own counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledRuns:
    """Makes killed runs of one suite."""

    settings: Settings
    suite: Suite
    engine: FakeEngine

    def next(self, plan: KillPlan, kills_left: int) -> KilledRun:
        """Run until the end, killed on the way as often as the plan hits and at most `kills_left` times."""
        killed = KilledRun(benchmark_run=freeze_benchmark_run(self.suite, self.settings))
        first, completed = len(self.engine.requests), self.engine.counters.get("request_success", 0.0)
        while kills_left > killed.kills and run_child(self.settings, killed.benchmark_run, self.engine, plan):
            killed.kills += 1
        if kills_left == killed.kills:
            run_child(self.settings, killed.benchmark_run, self.engine, None)
        killed.requests = Counter(digest(body) for body in self.engine.requests[first:])
        killed.completed = int(self.engine.counters["request_success"] - completed)
        return killed


def digest(body: dict[str, Any]) -> str:
    """Return the hash of a request's body, as the journal has it."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def run_child(settings: Settings, benchmark_run: str, engine: FakeEngine, plan: KillPlan | None) -> bool:
    """Run or resume in a process of its own; True when it was killed on the way."""
    command = [sys.executable, "-c", CHILD, str(settings.home), benchmark_run]
    timers: list[threading.Timer] = []
    with subprocess.Popen(command, cwd=PROJECT) as child:
        if plan is not None:
            calls, delay_s = plan.draw()
            seen = iter(range(1, sys.maxsize))

            def reply(body: dict[str, Any]) -> str:
                if next(seen) == calls:
                    timer = threading.Timer(delay_s, _kill, [child])
                    timers.append(timer)
                    timer.start()
                return plain_reply(body)

            engine.reply = reply
        code = child.wait()
    engine.reply = plain_reply
    for timer in timers:
        timer.cancel()
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the run {benchmark_run} ended with {code}; see its error above")
    return code == -signal.SIGKILL


def _kill(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
