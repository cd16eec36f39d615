"""The process in which the user's scorers run: one that hangs or crashes costs its own values, and no run.

`python -m docmind_core.measurements.scorer_process FILE_DESCRIPTOR` is the process itself.
"""

import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from queue import Queue
from typing import Any, Self

from docmind_core.measurements.own_scorers import DETAIL_MAX, FAILED, open_own_scorer
from docmind_core.measurements.records import QueryRun, Score
from docmind_core.query_sets.queries import Query
from docmind_core.settings import child_environment
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.systems.processes import end_group, exit_text

LOAD_S = 300.0
"""How long a scorer's file may take to load."""
FAILURES_MAX = 3
"""After so many calls that hung or crashed a scorer is not called any more: a run must end."""
_STDERR = 2


class ScorerProcess:
    """Runs the scorers of one benchmark run, in a process that is started again when a scorer has ended it."""

    def __init__(self, own: Sequence[OwnMetric]) -> None:
        """Prepare to load the scorers of `own`."""
        self._own = own
        self._loaded: dict[int, tuple[str, float]] = {}
        """Version and deadline of each scorer, by its place in the suite."""
        self._broken: dict[int, str] = {}
        """Why a scorer is not called any more, by its place."""
        self._failures: Counter[int] = Counter()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Load all of them; without any, nothing is started."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, and what it has started."""
        self._end()

    def scorers(self) -> list[tuple[str, Callable[[Query, QueryRun], Score]]]:
        """Return each scorer and its version, in the order of the suite."""
        return [(self._version(at), partial(self._score, at)) for at in range(len(self._own))]

    def _version(self, at: int) -> str:
        own = self._own[at]
        return self._loaded[at][0] if at in self._loaded else f"{own.version}+{own.sha256[:8]}"

    def _score(self, at: int, query: Query, run: QueryRun) -> Score:
        if self._process is None:
            self._start()
        if at in self._broken:
            return self._missing(at, self._broken[at])
        found = self._asked((at, query, run), self._loaded[at][1])
        if isinstance(found, Score):
            return found
        self._failures[at] += 1
        if self._failures[at] == FAILURES_MAX:
            self._broken[at] = f"no longer called after failing on {FAILURES_MAX} query runs: {found}"
        return self._missing(at, found)

    def _missing(self, at: int, why: str) -> Score:
        return Score(metric=self._own[at].name, missing_because=FAILED, detail=why[:DETAIL_MAX])

    def _start(self) -> None:
        """Start the process and let it load what is not broken; a scorer that ends it here is left out."""
        while wanted := {at: own for at, own in enumerate(self._own) if at not in self._broken}:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "docmind_core.measurements.scorer_process", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=_STDERR,
                    env=child_environment(),
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            self._connection = Connection(ours.detach())
            if all(self._load(at, own) for at, own in wanted.items()):
                return

    def _load(self, at: int, own: OwnMetric) -> bool:
        """Load one scorer; return whether the process is still there."""
        found = self._asked((sys.path, at, own), LOAD_S)
        if isinstance(found, str):
            self._broken[at] = f"while loading it, {found}"
        elif self._loaded.setdefault(at, found)[0] != found[0]:
            self._broken[at] = "its file changed while the run was being scored; score it again: docmind rescore"
        return not isinstance(found, str)

    def _asked(self, request: tuple[Any, ...], within_s: float) -> Any:
        """Return what the process answers, or in one line why it does not; it has been ended then."""
        assert self._process is not None
        assert self._connection is not None
        try:
            self._connection.send(request)
            if self._connection.poll(within_s):
                return self._connection.recv()
            why = f"the scorer exceeded its deadline_s of {within_s:g} s"
            self._end()
        except (EOFError, OSError):
            process = self._process
            self._end()
            why = f"the scorer's process {exit_text(process.returncode)}"
        return why

    def _end(self) -> None:
        if self._process is None or self._connection is None:
            return
        end_group(self._process.pid)
        self._process.wait()
        self._connection.close()
        self._process = None


def main() -> None:
    """Load scorers and call them, one request after another, until the other side goes."""
    connection, requests = Connection(int(sys.argv[1])), Queue[tuple[Any, ...]]()
    threading.Thread(target=_listen, args=(connection, requests), daemon=True).start()
    scorers = {}
    while True:
        first, second, third = requests.get()
        if isinstance(third, OwnMetric):
            sys.path[:] = first
            scorers[second] = found = open_own_scorer(third)
            connection.send((found.version, found.deadline_s))
        else:
            connection.send(scorers[first](second, third))


def _listen(connection: Connection, requests: "Queue[tuple[Any, ...]]") -> None:
    # A thread: a scorer that never ends must not outlive the run.
    try:
        while True:
            requests.put(connection.recv())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
