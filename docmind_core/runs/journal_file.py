"""The file of a journal, written by its own thread; writes that arrive during a disk sync share the next one."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, ClassVar, Self

from docmind_core.errors import RunError
from docmind_core.runs.journal_entries import SCHEMA, open_for_reading

ROWS_A_STATEMENT = 64
"""SQLite takes up to 32,766 values; a statement is prepared once for each number of rows."""

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""


@dataclass(slots=True, kw_only=True)
class _Job:
    """What the thread is handed: statements that are written together, or one that is read."""

    statements: Sequence[Statement] = ()
    reads: bool = False
    waits: bool = True  # until the disk has it
    done: Future[list[tuple[Any, ...]]] | None = None
    """What a caller that blocks waits for."""
    waiter: asyncio.Future[None] | None = None
    """What a task of an event loop waits for."""

    def end(self, rows: list[tuple[Any, ...]], error: BaseException | None = None) -> None:
        """Let the caller that blocks continue."""
        if self.done is not None:
            if error is None:
                self.done.set_result(rows)
            else:
                self.done.set_exception(error)


class JournalFile:
    """One SQLite file, written by a thread in the order of the calls.

    What `_hand_over` was given on an event loop is durable when the next `kept` is done; the loop is not blocked.
    Everything else blocks: `_write` until it is durable, `_read` until all that was handed over before is written.
    """

    _MERGED: ClassVar[frozenset[str]] = frozenset()
    """Insertions into tables that nothing else writes: those of a transaction become one statement, since each
    statement costs the thread two turns at Python's lock."""
    LOCKING: ClassVar[str] = "normal"
    CHECKPOINT_PAGES: ClassVar[int] = 1000  # of the log, until it goes into the file; 0: when that is closed

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the journal at `path`, or create it; for reading alone, nothing is created or changed."""
        self._path = path
        self._waits = True
        """Whether a transaction is on disk when it is committed."""
        self._broken: str | None = None
        """Why a transaction failed: what it held is lost, so that nothing may be written after it."""
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._pending: list[_Job] = []
        """What this turn of the event loop has handed over: each message to the thread may cost a change of thread."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unserved = 0
        """Jobs handed over that the thread has not done yet."""
        self._counting = threading.Lock()
        self._turn = threading.Lock()
        """Held while the connection is in use."""
        self._thread: threading.Thread | None = None
        try:
            if read_only:
                self._connection = open_for_reading(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"pragma locking_mode = {self.LOCKING}")
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.execute(f"pragma wal_autocheckpoint = {self.CHECKPOINT_PAGES}")
            self._connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{path}: the journal can't be opened ({error}). Check the disk and the folder.") from error
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what was handed over, and close the file."""
        if self._thread is not None:
            self._pass_on()
            self._jobs.put(None)
            self._thread.join()
        self._connection.close()

    async def kept(self) -> None:
        """Wait until everything written so far is durable; other tasks keep running.

        Raises:
            RunError: If some of it could not be written.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._add(_Job(waiter=waiter))
        await waiter

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Write and read within one transaction; no other task may run in the block."""
        self._write("begin immediate", ())
        try:
            yield
            self._write("commit", ())
        except BaseException:
            with suppress(RunError):
                self._write("rollback", ())
            raise

    @contextmanager
    def attached(self, path: Path, name: str) -> Iterator[Callable[[str, tuple[Any, ...]], None]]:
        """Yield what writes to this file and to the one at `path`, as the schema `name`, in one transaction."""
        self._write(f"attach database ? as {name}", (str(path),))
        try:
            self._write(f"pragma {name}.locking_mode = exclusive", ())
            with self._one_transaction():
                yield self._write
        finally:
            self._write(f"detach database {name}", ())

    def _write(self, sql: str, parameters: tuple[Any, ...]) -> None:
        self._do(_Job(statements=[(sql, parameters)]))

    def _hand_over(self, *statements: Statement, waits: bool = True) -> None:
        """Write statements together; durable when the next `kept` is done, or on return where no event loop runs.

        Without `waits` they are written on return: they survive the end of this process, and a power failure once
        something later is durable.
        """
        job = _Job(statements=statements, waits=waits)
        if waits and self._thread is not None and _loop_runs():
            self._add(job)
        else:
            self._do(job)

    def _add(self, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        if not self._pending or loop is not self._loop:  # an earlier loop may have ended before its turn came
            self._loop = loop
            loop.call_soon(self._pass_on)
        self._count(1)
        self._pending.append(job)

    def _pass_on(self) -> None:
        if self._pending:
            jobs, self._pending = self._pending, []
            self._jobs.put(jobs)

    def _read(self, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._do(_Job(statements=[(sql, parameters)], reads=True))

    def _do(self, job: _Job) -> list[tuple[Any, ...]]:
        job.done = Future()
        if not self._serves_at_once(job):
            self._pass_on()
            self._count(1)
            self._jobs.put([job])
        return job.done.result()

    def _serves_at_once(self, job: _Job) -> bool:
        """Do a job here if the thread has none to do before it: two switches of threads take longer than most jobs."""
        if not self._turn.acquire(blocking=self._thread is None):
            return False
        try:
            is_next = not self._unserved
            if is_next:
                self._serve([job])
            return is_next
        finally:
            self._turn.release()

    def _count(self, change: int) -> None:
        with self._counting:
            self._unserved += change

    def _work(self) -> None:
        """Serve jobs until the journal is closed, each time all that have arrived by then."""
        is_open = True
        while is_open:
            handed = [self._jobs.get()]
            with suppress(Empty):
                while handed[-1] is not None:
                    handed.append(self._jobs.get_nowait())
            is_open = handed[-1] is not None
            served = [job for jobs in handed for job in jobs or ()]
            with self._turn:
                self._serve(served)
                self._count(-len(served))

    def _serve(self, jobs: Sequence[_Job]) -> None:
        group: list[_Job] = []
        for job in jobs:
            if job.reads:
                self._write_group(group)
                group = []
                self._fetch(job)
            else:
                group.append(job)
        self._write_group(group)

    def _fetch(self, job: _Job) -> None:
        ((sql, parameters),) = job.statements
        try:
            job.end(self._connection.execute(sql, parameters).fetchall())
        except sqlite3.Error as error:
            job.end([], RunError(f"{self._path}: can't be read ({error})."))

    def _write_group(self, jobs: Sequence[_Job]) -> None:
        """Write jobs in one transaction and let everyone continue who waits for one of them."""
        if not jobs:
            return
        statements = [statement for job in jobs for statement in job.statements]
        try:
            if statements and self._broken is None:
                self._commit(list(self._merged(statements)), waits=any(job.waits for job in jobs))
        except (sqlite3.Error, ValueError) as error:  # ValueError: text that can't be encoded
            self._broken = f"{self._path}: can't be written ({error}). Free up disk space, then rerun with --resume."
        for job in jobs:
            job.end([], RunError(self._broken) if self._broken else None)
        self._wake([job.waiter for job in jobs if job.waiter is not None])

    def _commit(self, statements: Sequence[Statement], *, waits: bool) -> None:
        connection = self._connection
        if waits is not self._waits and not connection.in_transaction:
            connection.execute(f"pragma synchronous = {'full' if waits else 'normal'}")
            self._waits = waits
        # A single statement is a transaction of its own.
        groups = len(statements) > 1 and not connection.in_transaction
        if groups:
            connection.execute("begin immediate")
        try:
            for sql, parameters in statements:
                connection.execute(sql, parameters)
            if groups:
                connection.execute("commit")
        except BaseException:
            if groups:
                connection.rollback()
            raise

    def _merged(self, statements: Sequence[Statement]) -> Iterator[Statement]:
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for sql, parameters in statements:
            if sql in self._MERGED:
                rows.setdefault(sql, []).append(parameters)
            else:
                yield sql, parameters
        for sql, of_table in rows.items():
            one = f"({', '.join('?' * len(of_table[0]))})"
            for start in range(0, len(of_table), ROWS_A_STATEMENT):
                part = of_table[start : start + ROWS_A_STATEMENT]
                yield sql.replace(one, ", ".join([one] * len(part))), tuple(chain.from_iterable(part))

    def _wake(self, waiters: Sequence[asyncio.Future[None]]) -> None:
        """Let the tasks of an event loop continue, all with one message to it."""
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for waiter in waiters:
            by_loop.setdefault(waiter.get_loop(), []).append(waiter)
        for loop, waiting in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_resolve, waiting, self._broken)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _resolve(waiters: Sequence[asyncio.Future[None]], broken: str | None) -> None:
    for waiter in waiters:
        if waiter.done():  # its task was cancelled
            continue
        if broken is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(RunError(broken))
