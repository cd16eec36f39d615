"""What a user sees when a run is interrupted, and when it resumes."""

import signal
from collections import deque

from scripts.transcript_stage import Stage

MIDDLE = 3
"""Calls after which something happens."""


def killed(stage: Stage) -> str:
    """Kill a run with -9 in the middle and return what it had shown."""
    stage.engine.faults = deque([*[None] * (MIDDLE - 1), "hang"])
    with stage.start("bench", "toy.yaml") as process:
        while stage.engine.begun < MIDDLE and process.poll() is None:
            stage.engine.wait_for_call(MIDDLE)
        process.kill()
        return stage.block(("bench", "toy.yaml"), process.communicate()[0], process.returncode)


def platform_killed(stage: Stage) -> str:
    """The platform is killed with -9 in the middle; then it is resumed."""
    first = killed(stage)
    return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume')}"


def dead_predecessor(stage: Stage) -> str:
    """Another run is started in the home of one that was killed; Dagster's list before and after."""
    killed(stage)
    before, shown = stage.dagster_runs(), stage.shown("bench", "toy.yaml")
    return f"{before}\n{shown}\n{stage.dagster_runs()}\n{stage.shown('runs')}"


def interrupted(stage: Stage, number: int = signal.SIGINT) -> str:
    """Ctrl-C in the middle."""
    stage.write_suite()
    stage.engine.faults = deque([None, None, "hang"])
    with stage.start("bench", "toy.yaml") as process:
        while len(stage.engine.requests) < 3 and process.poll() is None:
            stage.engine.wait_for_call()
        process.send_signal(number)
        return stage.block(("bench", "toy.yaml"), process.communicate()[0], process.returncode)


def terminated(stage: Stage) -> str:
    """SIGTERM in the middle."""
    return interrupted(stage, signal.SIGTERM)


CLOCK_SET = """
from datetime import UTC, datetime, timedelta
from docmind_core.runs import clock
looks = []
def read_wall_clock():
    looks.append(1)
    return datetime.now(UTC) + timedelta(hours=1) * (len(looks) > 1)
clock.read_wall_clock = read_wall_clock
"""


def clock_jump(stage: Stage) -> str:
    """The clock is set an hour forward during the run."""
    stage.write_suite()
    with stage.start("bench", "toy.yaml", first=CLOCK_SET) as process:
        return stage.block(("bench", "toy.yaml"), process.communicate()[0], process.returncode)


def occupied(stage: Stage) -> str:
    """A second benchmark while the first one runs."""
    stage.write_suite()
    stage.engine.faults = deque(["hang"])
    with stage.start("bench", "toy.yaml") as first:
        stage.engine.wait_for_call()
        shown = stage.shown("bench", "toy.yaml")
        first.kill()
    return shown


def changed_suite(stage: Stage) -> str:
    """A run is resumed after its suite was changed."""
    with stage.start("bench", "toy.yaml") as process:
        process.communicate()
    stage.write_suite(answer_max_tokens=32)
    keys = [path.name for path in (stage.home / "benchmarks").iterdir()]
    return stage.shown("bench", "toy.yaml", "--resume", keys[0])
