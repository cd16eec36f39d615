"""A user's program, started once for each question: one line of JSON in, one line of JSON out."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from docmind_core.errors import SystemExited, SystemFailed, UsageError
from docmind_core.settings import foreign_environment
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemAnswer, answer_in
from docmind_core.systems.processes import end_group, exit_text

OUTPUT_BYTES_MAX = 2**23
_SHOWN = 300


class CommandSystem:
    """Starts the command for each question, with the question's own environment, and ends all that it left running."""

    def __init__(self, spec: SystemSpec, *, log: Path, key_name: str | None) -> None:
        """Prepare to start it.

        Args:
            spec: With the command and its folder.
            log: Where its standard error goes.
            key_name: Environment variable that holds the engine's key, which the command must not see.
        """
        self._spec, self._log, self._key_name = spec, log, key_name

    async def start(self) -> None:
        """Make the folder of its log; the command itself is started by each question."""
        self._log.parent.mkdir(parents=True, exist_ok=True)

    async def close(self) -> None:
        """Nothing outlives a question."""

    async def ask(self, question: Question) -> SystemAnswer:
        """Start the command, give it the question and read its answer.

        Raises:
            UsageError: If there is no such command.
            SystemExited: It exited with another code than 0.
            SystemFailed: Its last line is not a JSON object, or it wrote too much.
            NoAnswer: There is no answer in what it wrote.
        """
        line = json.dumps(question.as_json(with_address=False), ensure_ascii=False).encode() + b"\n"
        process = await self._started(question)
        try:
            written, _ = await asyncio.gather(_read(process), _write(process, line))
            code = await process.wait()
        finally:
            await _ended(process)
        if code != 0:
            raise SystemExited(f"{self._spec.command} {exit_text(code)}. Its standard error: {self._log}")
        return answer_in(_last_object(written), self._spec)

    async def _started(self, question: Question) -> asyncio.subprocess.Process:
        assert self._spec.command is not None
        with self._log.open("ab") as log:
            try:
                return await asyncio.create_subprocess_exec(
                    *self._spec.command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    cwd=self._spec.folder,
                    env=foreign_environment(self._key_name, **question.variables(self._spec)),
                    start_new_session=True,
                )
            except OSError as error:
                raise UsageError(
                    f"{self._spec.command[0]} can't be started in {self._spec.folder}: {error.strerror}. "
                    "Install it, or fix `command` of the system."
                ) from error


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End what it left in the background too, which would call the model for no question."""
    end_group(process.pid)
    assert process.stdout is not None
    while await process.stdout.read(2**16):  # a pipe that is not read to its end stays open
        pass
    await process.wait()


async def _write(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(line)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it need not read its question


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    written = b""
    while piece := await process.stdout.read(2**16):
        written += piece
        if len(written) > OUTPUT_BYTES_MAX:
            raise SystemFailed(f"it wrote more than {OUTPUT_BYTES_MAX:,} bytes to standard output.")
    return written


def _last_object(written: bytes) -> Mapping[str, object]:
    lines = [line for line in written.decode("utf-8", "replace").splitlines() if line.strip()]
    try:
        found = json.loads(lines[-1])
    except (IndexError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        said = repr(lines[-1][:_SHOWN]) if lines else "nothing"
        raise SystemFailed(f"the last line of its standard output is not a JSON object: {said}.")
    return found
