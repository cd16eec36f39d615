"""Where a transcript is made: a home of its own with one small suite on a stand-in engine."""

import fcntl
import io
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

from docmind_core.settings import child_environment
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine

PROJECT = Path(__file__).resolve().parents[1]

KEYS = tuple(f"20261122T02{minute:02}00Z-toy-{tail}" for minute, tail in enumerate(("7f3a", "81c0", "a94e", "c2d7")))

COLUMNS = 80
LINES_MAX = 40
PLAIN_TERMINAL = {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": str(COLUMNS)}
"""A terminal without colours and without lines that are drawn again."""


class Stage:
    """A home of its own with one small suite on a stand-in engine."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        self.folder = folder
        self.engine = engine
        self.home = folder / "home"
        self._keys: dict[str, str] = {}
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
        (self.folder / "toy.yaml").write_text(json.dumps({**values, "concurrency": 1, "warmup": 0, **changes}))

    def start(self, *arguments: str, first: str = "", **environment: str) -> "subprocess.Popen[str]":
        """Start `docmind` with `arguments`; `first` is Python that its process runs before."""
        code = f"{first}\nfrom dagster_project.cli.main import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        changes = {"DOCMIND_HOME": str(self.home), "PYTHONPATH": str(PROJECT), **PLAIN_TERMINAL, **environment}
        outside, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        process = subprocess.Popen(
            command, cwd=self.folder, env=child_environment(**changes), stdout=inside, stderr=inside, text=True
        )
        os.close(inside)
        process.stdout = _read_from(outside)
        return process

    def shown(self, *arguments: str, **environment: str) -> str:
        """Return the command line, what it prints, and its exit code."""
        with self.start(*arguments, **environment) as process:
            return self.block(arguments, process.communicate()[0], process.returncode)

    def read_until(self, process: "subprocess.Popen[str]", words: str) -> str:
        """Return what a process has shown up to a line with these words."""
        seen = ""
        while process.stdout and words not in seen and (line := process.stdout.readline()):
            seen += line
        return seen

    def dagster_runs(self) -> str:
        """Return what the interface under Dagster's UI says about the runs of this home and the slot of the pool."""
        slot = 'instance{concurrencyLimit(concurrencyKey:"engine"){activeSlotCount}}'
        question = "{runsOrError{...on Runs{results{status}}} " + slot + "}"
        return self.dagster("dagster-graphql", "-w", "home/dagster/workspace.yaml", "-t", question)

    def dagster(self, command: str, *arguments: str, last: int = 10) -> str:
        """Run a command of Dagster on this home and return its last lines."""
        done = subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            cwd=self.folder,
            env=child_environment(
                DOCMIND_HOME=str(self.home), DAGSTER_HOME=str(self.home / "dagster"), PYTHONPATH=str(PROJECT)
            ),
            check=False,
            capture_output=True,
            text=True,
        )
        # An answer is JSON between the lines of a log; a command that only works has nothing but a log.
        lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
        output = "\n".join([line for line in lines if line.startswith("{")] or lines[-last:])
        return self.block(arguments, output, done.returncode, command=command)

    def block(self, arguments: tuple[str, ...], output: str, code: int, command: str = "docmind") -> str:
        """Return one command as the page shows it."""
        text = "\n".join([f"$ {shlex.join([command, *arguments])}", output.strip()])
        text = text.replace(str(self.folder), "/home/me").replace(str(PROJECT), "/home/me/docmind")
        text = re.sub(r"\d{8}T\d{6}Z-toy-[0-9a-f]{4}", lambda key: self._word_for(key.group()), text)
        for pattern, word in (
            (r"\d{4}-\d\d-\d\d(\s+)\d\d:\d\d:\d\d", r"2026-11-22\g<1>02:00:00"),
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} - \d+", "5f0c… - 4711"),
            (r"process(\s+)group(\s+)\d+", r"process\g<1>group\g<2>4711"),
            (r"127\.0\.0\.1(:|',\s+)\d+", r"127.0.0.1\g<1>8000"),
            (r"process(\s+)\d+", r"process\g<1>4711"),
            (r"engine-fake-\w+", "engine-cpu-smollm2-20261122T020000Z"),
            (r"\(fake\)", "(cpu-smollm2)"),
        ):
            text = re.sub(pattern, word, text)
        lines = [line.rstrip() for line in text.splitlines()]
        if len(lines) > LINES_MAX:
            lines[LINES_MAX - 1 :] = [f"... {len(lines) - LINES_MAX + 1} more lines"]
        return "\n".join([*lines, f"(exit code {code})"])

    def _word_for(self, key: str) -> str:
        """Return the fixed word for a key: in the order of their appearance."""
        self._keys.setdefault(key, KEYS[len(self._keys)])
        return self._keys[key]


def _read_from(terminal: int) -> io.TextIOWrapper:
    """Return what a terminal is sent, as a pipe that ends when no process has the terminal any more."""
    reading, writing = os.pipe()

    def copy() -> None:
        with os.fdopen(writing, "wb") as pipe:
            try:
                while part := os.read(terminal, 65536):
                    pipe.write(part.replace(b"\r\n", b"\n"))
                    pipe.flush()
            except OSError:
                pass  # Linux says EIO when the last process has closed it
        os.close(terminal)

    threading.Thread(target=copy, daemon=True).start()
    return io.TextIOWrapper(os.fdopen(reading, "rb"), encoding="utf-8")
