"""Where a transcript is made: a home of its own with one small suite on a stand-in engine."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from docmind_core.settings import child_environment
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine

PROJECT = Path(__file__).resolve().parents[1]


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

    def start(self, *arguments: str, first: str = "", **environment: str) -> "subprocess.Popen[str]":
        """Start `docmind` with `arguments`; `first` is Python that its process runs before."""
        code = f"{first}\nfrom dagster_project.cli.main import main; main()"
        command = [sys.executable, "-c", code, *arguments]
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
            (r"engine-fake-\w+", "engine-cpu-smollm2-20261122T020000Z"),
            (r"\(fake\)", "(cpu-smollm2)"),
        ):
            text = re.sub(pattern, word, text)
        lines = [line.rstrip() for line in text.splitlines()]
        kept = lines if len(lines) <= 18 else [*lines[:17], f"... {len(lines) - 17} more lines"]
        return "\n".join([*kept, f"(exit code {code})"])
