"""Make the transcripts in docs/operations.md by causing each fault: python -m scripts.transcripts [NAME ...].

Each block between `<!-- transcript: NAME -->` and `<!-- end -->` is replaced by what a terminal of 80 columns shows.
The engine is the stand-in of the tests; paths, keys, process ids and ports are replaced by fixed words. Needs root,
which mounts small and read-only file systems.
"""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from scripts.scenes import engine, home, interruptions, network
from scripts.transcript_stage import PROJECT, Stage
from tests.fakes.engine_server import FakeEngine

PAGE = PROJECT / "docs" / "operations.md"

SCENES: dict[str, Callable[[Stage], str]] = {
    "doctor": home.doctor_finds,
    "doctor-engine": engine.doctor_engine,
    "engine-gone": engine.engine_gone,
    "drop": network.drop,
    "error-500": network.error_500,
    "busy-429": network.busy_429,
    "slow": network.slow,
    "cut": network.cut,
    "garbage": network.garbage,
    "cut-off": network.cut_off,
    "deadline": network.deadline,
    "all-failed": engine.all_failed,
    "no-answer": engine.no_answer,
    "shared-engine": engine.shared_engine,
    "engine-killed": engine.engine_killed,
    "stale-engine": engine.stale_engine,
    "platform-killed": interruptions.platform_killed,
    "dead-predecessor": interruptions.dead_predecessor,
    "interrupted": interruptions.interrupted,
    "terminated": interruptions.terminated,
    "occupied": interruptions.occupied,
    "changed-suite": interruptions.changed_suite,
    "clock-jump": interruptions.clock_jump,
    "read-only": home.read_only,
    "disk-full": home.disk_full,
    "prune": home.prune,
    "broken-set": home.broken_set,
    "slow-question": home.slow_question,
}


def main() -> None:
    """Play each scene, or those named on the command line, and write what it showed into the page."""
    for name in sys.argv[1:] or SCENES:
        with tempfile.TemporaryDirectory() as folder, FakeEngine() as engine:
            stage = Stage(Path(folder), engine)
            stage.write_suite()
            shown = SCENES[name](stage)
        print(f"{name}\n{shown}\n")
        block = f"<!-- transcript: {name} -->\n```\n{shown}\n```\n<!-- end -->"
        pattern = rf"<!-- transcript: {name} -->.*?<!-- end -->"
        text = PAGE.read_text("utf-8")  # it may have changed meanwhile
        PAGE.write_text(re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
