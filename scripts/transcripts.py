"""Make the transcripts in docs/operations.md by causing each fault: python -m scripts.transcripts.

Each block between `<!-- transcript: NAME -->` and `<!-- end -->` is replaced by what a user sees. The engine is the
stand-in of the tests; paths, keys, process ids and ports are replaced by fixed words.
"""

import json
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from docmind_core.settings import child_environment
from tests.broken_inputs import write_broken_set
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.faults.proxy import FaultProxy

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "operations.md"


class Stage:
    """A home of its own with one small suite on a stand-in engine."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        self.folder = folder
        self.engine = engine
        self.home = folder / "home"
        topics = ("apples", "bridges", "clouds", "dolphins")
        write_query_set(
            folder / "toy-set",
            documents=[{"doc_id": topic, "text": f"The colour of {topic} is blue."} for topic in topics],
            queries=[
                {"query_id": topic, "query": f"What is the colour of {topic}?", "answers": ["blue"]} for topic in topics
            ],
        )

    def write_suite(self, **changes: object) -> None:
        """Write `toy.yaml`."""
        values = {"name": "toy", "query_set": "toy-set", "engine": self.engine.url, "arms": ["single_pass"]}
        (self.folder / "toy.yaml").write_text(json.dumps({**values, "concurrency": 1, **changes}))

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `docmind` with `arguments`."""
        command = [sys.executable, "-m", "dagster_project.cli", *arguments]
        changes = {"DOCMIND_HOME": str(self.home), "PYTHONPATH": str(PROJECT), **environment}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=child_environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def shown(self, *arguments: str, **environment: str) -> str:
        """Return the command line, what it prints, and its exit code."""
        with self.start(*arguments, **environment) as process:
            return self.block(arguments, process.communicate()[0], process.returncode)

    def block(self, arguments: tuple[str, ...], output: str, code: int) -> str:
        """Return one command as the page shows it."""
        text = "\n".join([f"$ docmind {shlex.join(arguments)}", output.strip()])
        text = text.replace(str(self.folder), "/home/me").replace(str(PROJECT), "/home/me/docmind")
        for pattern, word in (
            (r"\d{8}T\d{6}Z-toy-[0-9a-f]{4}", "20261122T020000Z-toy-7f3a"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:8000"),
            (r"process \d+", "process 4711"),
        ):
            text = re.sub(pattern, word, text)
        lines = [line.rstrip() for line in text.splitlines()]
        kept = lines if len(lines) <= 18 else [*lines[:17], f"... {len(lines) - 17} more lines"]
        return "\n".join([*kept, f"(exit code {code})"])


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
        return stage.shown("bench", "toy.yaml", DOCMIND_HOME=str(folder / "home"))
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
    "platform-killed": platform_killed,
    "terminated": terminated,
    "disk-full": disk_full,
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
