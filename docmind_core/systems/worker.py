"""The process in which a user's graph or callable runs: python -m docmind_core.systems.worker FILE_DESCRIPTOR.

It imports nothing of this project that changes the process, and speaks lines of JSON over one socket; standard output
and error stay the user's. When the other side goes, it ends.
"""

import asyncio
import contextvars
import importlib
import importlib.util
import inspect
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from docmind_core.systems.openai_hook import attribute_calls
from docmind_core.systems.results import filled_in, read_result

_variables: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("variables", default=None)
_token: contextvars.ContextVar[str | None] = contextvars.ContextVar("token", default=None)
_DEFAULT_INPUT = {"messages": ["{history}", {"role": "user", "content": "{question}"}]}
_MESSAGE_MAX = 2000


class _EnvironmentOfTheQuestion(type(os.environ)):  # type: ignore[misc]
    """`os.environ`, in which a question sees its own variables: a client that is built for it reaches its own path."""

    def __getitem__(self, name: str) -> str:
        """Return the question's own value, or the process's."""
        own = _variables.get()
        return own[name] if own is not None and name in own else str(super().__getitem__(name))


class Worker:
    """Loads one system and answers what is asked of it."""

    def __init__(self, channel: socket.socket) -> None:
        """Speak over `channel`."""
        self._channel = channel
        self._sending = threading.Lock()
        self._spec: dict[str, Any] = {}
        self._answer: Callable[[str, list[dict[str, str]]], Awaitable[Any]] | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def send(self, message: dict[str, Any]) -> None:
        """Send one line; a result that is not JSON is sent as text."""
        line = json.dumps(message, ensure_ascii=True, default=str).encode() + b"\n"
        with self._sending:
            self._channel.sendall(line)

    async def run(self) -> None:
        """Load the system, then answer until the other side goes."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[bytes]()
        threading.Thread(target=self._listen, args=(loop, lines), daemon=True).start()
        self._spec = json.loads(await lines.get())
        try:
            self._answer = await _load(self._spec)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it is reported to the other side
            self.send({"refused": _in_one_line(error)})
            return
        self.send({"ready": True})
        while True:
            message = json.loads(await lines.get())
            if "cancel" in message:
                self._cancel(message["cancel"])
            else:
                self._tasks[message["id"]] = asyncio.create_task(self._ask(message))

    def _listen(self, loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[bytes]") -> None:
        # A thread: a system that blocks the loop must not outlive the run.
        try:
            with self._channel.makefile("rb") as stream:
                for line in stream:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
        finally:  # the other side has closed the socket, or was killed before it had read all of it
            os._exit(0)

    def _cancel(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()
        self.send({"id": number, "cancelled": True})

    async def _ask(self, message: dict[str, Any]) -> None:
        number = message["id"]
        _variables.set(message["variables"])
        _token.set(message["token"])
        assert self._answer is not None
        try:
            result = await self._answer(message["question"], message["history"])
            found = read_result(result, self._spec["answers"], self._spec["sources"])
        except asyncio.CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - sys.exit() in the middle of a question is one question's error
            found = {"error": _in_one_line(error)}
        self._tasks.pop(number, None)
        self.send({"id": number, **found})


async def _load(spec: dict[str, Any]) -> Callable[[str, list[dict[str, str]]], Awaitable[Any]]:
    attribute_calls(spec["run_path"], _token.get)
    target = _found(spec["place"], Path(spec["folder"]))
    if spec["kind"] == "callable":
        return _of_callable(target)
    return await _of_graph(target, spec["input"] or _DEFAULT_INPUT)


def _found(place: str, folder: Path) -> Any:
    module_name, _, name = place.rpartition(":")
    path = (folder / module_name).resolve()
    if module_name.endswith(".py") or path.is_file():
        sys.path.insert(0, str(path.parent))
        location = importlib.util.spec_from_file_location(path.stem, path)
        if location is None or location.loader is None or not path.is_file():
            raise FileNotFoundError(f"file not found: {path}")
        module = importlib.util.module_from_spec(location)
        sys.modules.setdefault(path.stem, module)
        location.loader.exec_module(module)
    else:
        sys.path.insert(0, str(folder))
        module = importlib.import_module(module_name)
    target: Any = module
    for part in name.split("."):
        target = getattr(target, part)
    return target


def _of_callable(target: Any) -> Callable[[str, list[dict[str, str]]], Awaitable[Any]]:
    if not callable(target):
        raise TypeError(f"{target!r} can't be called")
    wants_history = _takes(target, 2)

    async def answer(question: str, history: list[dict[str, str]]) -> Any:
        arguments = (question, history) if wants_history else (question,)
        if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None)):  # noqa: B004
            return await target(*arguments)
        found = await _in_thread(target, *arguments)
        return await found if inspect.isawaitable(found) else found

    return answer


async def _of_graph(target: Any, template: Any) -> Callable[[str, list[dict[str, str]]], Awaitable[Any]]:
    async def built() -> Any:
        graph = target
        if not hasattr(graph, "ainvoke") and not hasattr(graph, "compile"):
            # A function that returns a graph is called for each question: its clients are then that question's own.
            graph = target({}) if _takes(target, 1) else target()
            graph = await graph if inspect.isawaitable(graph) else graph
        graph = graph.compile() if not hasattr(graph, "ainvoke") and hasattr(graph, "compile") else graph
        if not hasattr(graph, "ainvoke"):
            raise TypeError(f"{type(graph).__name__} is not a graph: it has no ainvoke")
        return graph

    await built()

    async def answer(question: str, history: list[dict[str, str]]) -> Any:
        return await (await built()).ainvoke(filled_in(template, question, history))

    return answer


def _takes(target: Any, count: int) -> bool:
    """Whether a callable takes so many positional arguments, and needs no more."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return count == 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds for parameter in parameters) >= count


async def _in_thread(target: Any, *arguments: Any) -> Any:
    """Run a blocking callable in a thread of its own: one that never returns takes no other's place."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(method: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            method(value)

    def work() -> None:
        try:
            result = context.run(target, *arguments)
        except BaseException as error:  # noqa: BLE001 - handed over to the waiting caller
            failed = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            loop.call_soon_threadsafe(settle, future.set_exception, failed)
        else:
            loop.call_soon_threadsafe(settle, future.set_result, result)

    threading.Thread(target=work, daemon=True).start()
    return await future


def _in_one_line(error: BaseException) -> str:
    """Return an exception in one line, with the line of the user's code that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if "site-packages" not in frame.filename and "<frozen" not in frame.filename]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:_MESSAGE_MAX]
    return f"{text}{where}"


def main() -> None:
    """Answer over the socket whose file descriptor is the only argument."""
    os.environ.__class__ = _EnvironmentOfTheQuestion
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        asyncio.run(Worker(channel).run())


if __name__ == "__main__":
    main()
