"""A user's graph or callable in a worker process: whatever it breaks there, the run continues."""

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from docmind_core.errors import DocMindError, SystemExited, SystemFailed, UsageError
from docmind_core.serving.recording_proxy import Address
from docmind_core.settings import foreign_environment
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems.asking import Question, SystemAnswer, answer_paths, read_answer_of, variables
from docmind_core.systems.processes import end_group, exit_text

LINE_BYTES_MAX = 2**26
CANCEL_S = 5.0
"""How long a system may take to give up a question; then its process is ended: it blocks those of all others."""


@dataclass(slots=True, kw_only=True)
class _Process:
    """One worker process and the questions that it works on."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = field(default_factory=dict)
    listening: asyncio.Task[None] | None = None
    ended_because: str | None = None
    """Why we ended it ourselves."""

    def send(self, message: Mapping[str, Any]) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    def expect(self, number: int) -> asyncio.Future[Mapping[str, Any]]:
        self.waiting[number] = asyncio.get_running_loop().create_future()
        return self.waiting[number]

    async def end(self) -> None:
        end_group(self.process.pid)
        if self.listening is not None:
            await self.listening

    async def listen(self) -> None:
        with suppress(OSError, ValueError):
            while line := await self.reader.readline():
                message = json.loads(line)
                future = self.waiting.pop(message.get("id", 0), None)
                if future is not None and not future.done():
                    future.set_result(message)
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()
        code = await self.process.wait()
        error = SystemExited(self.ended_because or f"the system's process {exit_text(code)} before it answered.")
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # its reader may be gone


class InProcessSystem:
    """Starts the worker again when it has ended: the questions that it was at have failed, the next ones are asked."""

    def __init__(self, spec: SystemSpec, address: Address, model: str, *, log: Path, key_name: str | None) -> None:
        """Prepare to start a worker.

        Args:
            spec: What is loaded in it.
            address: What a client reaches that is built when it is loaded.
            model: The model that the engine serves.
            log: Where its standard output and error go.
            key_name: Environment variable that holds the engine's key, which the worker must not see.
        """
        self._spec, self._address, self._model = spec, address, model
        self._log, self._key_name = log, key_name
        self._number = 0
        self._process: _Process | None = None
        self._starting = asyncio.Lock()
        self._cancelling: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the worker and let it load the system.

        Raises:
            UsageError: If it can't be loaded, with what was raised and where.
        """
        async with self._starting:
            if self._process is None or self._process.process.returncode is not None:
                self._process = await self._started()

    async def _started(self) -> _Process:
        ours, theirs = socket.socketpair()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        changes = variables(self._spec, self._address, self._model)
        with theirs, self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "docmind_core.systems.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=foreign_environment(self._key_name, **changes),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES_MAX)
        worker = _Process(process=process, reader=reader, writer=writer)
        loaded = worker.expect(0)
        worker.listening = asyncio.create_task(worker.listen())
        worker.send(self._description())
        try:
            found = await loaded
        except SystemExited as error:
            raise UsageError(f"{self._spec.place}: {error} Its output: {self._log}") from error
        except BaseException:
            await worker.end()
            raise
        if "refused" in found:
            await worker.end()
            raise UsageError(f"{self._spec.place} can't be loaded: {found['refused']}. Its output: {self._log}")
        return worker

    def _description(self) -> dict[str, object]:
        spec = self._spec
        return {
            "kind": spec.kind,
            "place": spec.place,
            "folder": spec.folder or ".",
            "input": spec.input,
            "answers": answer_paths(spec),
            "sources": spec.sources,
            "run_path": urlsplit(self._address.run_url).path.removesuffix("/v1"),
        }

    async def ask(self, question: Question) -> SystemAnswer:
        """Put a question to the worker; when the wait is cancelled, the worker gives the question up or is ended.

        Raises:
            SystemFailed: The system raised.
            SystemExited: The worker ended, or was ended with another question.
            NoAnswer: There is no answer in what it returned.
        """
        try:
            await self.start()
        except UsageError as error:  # it could be loaded before
            raise SystemFailed(str(error)) from error
        worker = self._process
        assert worker is not None
        self._number += 1
        number = self._number
        answered = worker.expect(number)
        worker.send(
            {
                "id": number,
                "question": question.text,
                "history": [dict(said) for said in question.history],
                "variables": question.variables(self._spec),
                "token": question.address.api_key,
            }
        )
        try:
            found = await answered
        except asyncio.CancelledError:
            self._give_up(worker, number, question.query_id)
            raise
        if "error" in found:
            raise SystemFailed(str(found["error"]))
        return read_answer_of(found, self._spec)

    def _give_up(self, worker: _Process, number: int, query_id: str) -> None:
        async def give_up() -> None:
            given_up = worker.expect(number)
            worker.send({"cancel": number})
            try:
                async with asyncio.timeout(CANCEL_S):
                    await given_up
            except TimeoutError:
                worker.ended_because = (
                    f"the system's process was stopped: it did not respond for {CANCEL_S:g} s after query {query_id} "
                    "passed its deadline. Something in it blocks the event loop."
                )
                end_group(worker.process.pid)
            except DocMindError:
                pass

        if worker.process.returncode is None:
            task = asyncio.create_task(give_up())
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)

    async def close(self) -> None:
        """End the worker, its threads and children."""
        for task in self._cancelling:
            task.cancel()
        worker, self._process = self._process, None
        if worker is None:
            return
        await worker.end()

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        await self.close()
