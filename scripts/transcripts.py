"""Make the transcripts in docs/operations.md by causing each fault: python -m scripts.transcripts.

Each block between `<!-- transcript: NAME -->` and `<!-- end -->` is replaced by what a user sees. The engine is the
stand-in of the tests; paths, keys, process ids and ports are replaced by fixed words.
"""

import re
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import psutil

from docmind_core.serving.engine_state import read_state
from scripts.transcript_stage import PROJECT, Stage
from tests.broken_inputs import write_broken_set
from tests.fakes.engine_server import FakeEngine
from tests.faults.proxy import FaultProxy

PAGE = PROJECT / "docs" / "operations.md"


def engine_gone(stage: Stage) -> str:
    """The engine dies in the middle, comes back, and the run goes on."""
    stage.write_suite()
    stage.engine.faults = deque([None, None, *["drop"] * 40])
    stage.engine.healthy = False
    first = stage.shown("bench", "toy.yaml")
    stage.engine.faults.clear()
    stage.engine.healthy = True
    return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume')}"


def interrupted(stage: Stage, number: int = signal.SIGINT) -> str:
    """Ctrl-C in the middle."""
    stage.write_suite()
    stage.engine.faults = deque([None, None, "hang"])
    with stage.start("bench", "toy.yaml") as process:
        while len(stage.engine.requests) < 3 and process.poll() is None:
            stage.engine.wait_for_call()
        process.send_signal(number)
        return stage.block(("bench", "toy.yaml"), process.communicate()[0], process.returncode)


FAKE_PROFILE = """
import sys
from docmind_core.serving import profiles
from tests.serving.engines import fake_profile
slow = (sys.executable, "-m", "tests.fakes.engine_server", "--latency-s", "1")
profiles._BUILDERS["cpu-smollm2"] = lambda: fake_profile(launcher=slow)
"""


def engine_killed(stage: Stage) -> str:
    """An engine that the run has started is killed with -9; then --resume."""
    stage.write_suite(engine="cpu-smollm2")
    with stage.start("bench", "toy.yaml", first=FAKE_PROFILE) as process:
        seen = ""
        while process.stdout and not seen.endswith("queries\n") and (line := process.stdout.readline()):
            seen += line
        if state := read_state(stage.home):
            psutil.Process(state.pgid).children()[0].kill()
        first = stage.block(("bench", "toy.yaml"), seen + process.communicate()[0], process.returncode)
    with stage.start("bench", "toy.yaml", "--resume", first=FAKE_PROFILE) as process:
        resumed = stage.block(("bench", "toy.yaml", "--resume"), process.communicate()[0], process.returncode)
    return f"{first}\n{resumed}"


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
    """Somebody sets the clock an hour forward during the run."""
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


def all_failed(stage: Stage) -> str:
    """Every call ends in HTTP 400."""
    stage.write_suite()
    stage.engine.faults = deque([400] * 100)
    return stage.shown("bench", "toy.yaml")


def cut_off(stage: Stage) -> str:
    """Answers are lost on the way; the ledger names the calls."""
    with FaultProxy(upstream_port=stage.engine.port, faults=("lose",)) as proxy:
        stage.write_suite(engine=proxy.url)
        with stage.start("bench", "toy.yaml") as process:
            process.communicate()
    question = "select state, unreconciled_calls, because from ledger_balance"
    return re.sub(r"[0-9a-f]{16,}", "5f0c…", stage.shown("sql", question))


def network_faults(stage: Stage) -> str:
    """Each fault of the network once: no query is lost, and the attempts are in the tables."""
    faults = ("drop", None, "500", None, "429", None, "slow", None, "cut", None)
    with FaultProxy(upstream_port=stage.engine.port, faults=faults) as proxy:
        stage.write_suite(engine=proxy.url, arms=["naive_supervisor"])
        shown = stage.shown("bench", "toy.yaml")
    question = "select status, http_status, error_type, count(*) from llm_calls group by all order by all"
    return f"{shown}\n{stage.shown('sql', question)}"


def garbage(stage: Stage) -> str:
    """Something that is no engine answers once."""
    stage.engine.faults = deque(["garbage"])
    stage.shown("bench", "toy.yaml")
    return stage.shown("sql", "select query_id, status, error_type, error_message from query_runs order by 1")


def deadline(stage: Stage) -> str:
    """One query hangs."""
    stage.write_suite(deadline_s=2.0)
    stage.engine.faults = deque(["hang"])
    stage.shown("bench", "toy.yaml")
    return stage.shown("sql", "select query_id, status, error_type, error_message from query_runs order by 1")


def platform_killed(stage: Stage) -> str:
    """The platform is killed with -9 in the middle; then it goes on."""
    stage.engine.faults = deque([None, None, "hang"])
    with stage.start("bench", "toy.yaml") as process:
        while len(stage.engine.requests) < 3 and process.poll() is None:
            stage.engine.wait_for_call()
        process.kill()
        first = stage.block(("bench", "toy.yaml"), process.communicate()[0], process.returncode)
    return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume')}"


def terminated(stage: Stage) -> str:
    """SIGTERM in the middle."""
    return interrupted(stage, signal.SIGTERM)


def disk_full(stage: Stage) -> str:
    """A home on a file system of 1 MiB; only root can make one."""
    folder = stage.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    try:
        (folder / "ballast").write_bytes(b"x" * 900_000)
        first = stage.shown("bench", "toy.yaml", DOCMIND_HOME=str(folder / "home"))
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume', DOCMIND_HOME=str(folder / 'home'))}"
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_only(stage: Stage) -> str:
    """A home that can't be written to."""
    stage.write_suite()
    return stage.shown("bench", "toy.yaml", DOCMIND_HOME="/proc/docmind")


def doctor_finds(stage: Stage) -> str:
    """The doctor on such a home."""
    return re.sub(r"(versions .{60}).*", r"\1...", stage.shown("doctor", DOCMIND_HOME="/proc/docmind"))


def changed_suite(stage: Stage) -> str:
    """A run is resumed after its suite was changed."""
    with stage.start("bench", "toy.yaml") as process:
        process.communicate()
    stage.write_suite(answer_max_tokens=32)
    keys = [path.name for path in (stage.home / "benchmarks").iterdir()]
    return stage.shown("bench", "toy.yaml", "--resume", keys[0])


def broken_set(stage: Stage) -> str:
    """Checks of broken query sets."""
    names = ("cut off", "unknown gold", "gzip bomb of one line")
    return "\n".join(
        stage.shown("check", write_broken_set(stage.folder / f"set-{number}", name).name)
        for number, name in enumerate(names, start=1)
    )


def slow_question(stage: Stage) -> str:
    """A question that takes too long."""
    with stage.start("bench", "toy.yaml") as process:
        process.communicate()
    endless = "select count(*) from range(1000000000) as a, range(1000000000) as b where a.range * b.range = 7"
    return stage.shown("sql", endless, "--timeout", "1")


SCENES: dict[str, Callable[[Stage], str]] = {
    "engine-gone": engine_gone,
    "interrupted": interrupted,
    "occupied": occupied,
    "all-failed": all_failed,
    "cut-off": cut_off,
    "network-faults": network_faults,
    "garbage": garbage,
    "deadline": deadline,
    "engine-killed": engine_killed,
    "platform-killed": platform_killed,
    "terminated": terminated,
    "disk-full": disk_full,
    "clock-jump": clock_jump,
    "read-only": read_only,
    "doctor": doctor_finds,
    "changed-suite": changed_suite,
    "broken-set": broken_set,
    "slow-question": slow_question,
}


def main() -> None:
    """Play each scene, or those named on the command line, and write what it showed into the page."""
    text = PAGE.read_text("utf-8")
    for name in sys.argv[1:] or SCENES:
        with tempfile.TemporaryDirectory() as folder, FakeEngine() as engine:
            stage = Stage(Path(folder), engine)
            stage.write_suite()
            shown = SCENES[name](stage)
        print(f"{name}\n{shown}\n")
        block = f"<!-- transcript: {name} -->\n```\n{shown}\n```\n<!-- end -->"
        pattern = rf"<!-- transcript: {name} -->.*?<!-- end -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
