"""What a user sees of a home that gives trouble, of broken input, and of a question that is too large."""

import errno
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.transcript_stage import Stage
from tests.broken_inputs import write_broken_set
from tests.fakes.engine_server import plain_reply


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """Mount something at `folder` until the block ends; only root can."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disk_full(stage: Stage) -> str:
    """The disk fills up during the third call; with space freed the run resumes."""
    with mounted(stage.folder / "small", "-t", "tmpfs", "-o", "size=24m", "tmpfs") as folder:
        home, calls = str(folder / "home"), iter(range(1, 1000))

        def reply(body: dict[str, Any]) -> str:
            if next(calls) == 3:
                fill(folder / "ballast")
            return plain_reply(body)

        stage.engine.reply = reply
        first = stage.shown("bench", "toy.yaml", DOCMIND_HOME=home)
        (folder / "ballast").unlink()
        return f"{first}\n{stage.shown('bench', 'toy.yaml', '--resume', DOCMIND_HOME=home)}"


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def read_only(stage: Stage) -> str:
    """A home with a finished run on a file system that was mounted read-only since."""
    stage.shown("bench", "toy.yaml")
    with mounted(stage.home, "--bind", str(stage.home)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(stage.home)], check=True)
        shown = (
            stage.shown("bench", "toy.yaml"),
            stage.shown("sql", "select status, count(*) from query_runs group by 1"),
        )
    return "\n".join(shown)


def doctor_finds(stage: Stage) -> str:
    """The doctor on a home that can't be made."""
    shown = stage.shown("doctor", DOCMIND_HOME="/proc/docmind")
    return re.sub(r"(versions .*?), [^,]*, [^,]*\n.*?(?=\nok)", r"\1, ...", shown, flags=re.DOTALL)


def prune(stage: Stage) -> str:
    """Three runs, of which the newest is to stay."""
    for _ in range(3):
        stage.shown("bench", "toy.yaml")
    return f"{stage.shown('prune', '--keep', '1', '--dry-run')}\n{stage.shown('prune', '--keep', '1')}"


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
