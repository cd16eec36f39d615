"""One writer per home."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from docmind_core.errors import HomeLocked, RunError
from docmind_core.settings import Settings

TRIES = 10
SECONDS_BETWEEN_TRIES = 0.05

_held: dict[Path, int] = {}
"""Homes that this process has locked, with how often: the lock may be taken again inside its own block."""


@contextmanager
def lock_home(settings: Settings, purpose: str) -> Iterator[None]:
    """Hold the home's lock while the block runs; the kernel frees it when the process ends, however it ends.

    Raises:
        HomeLocked: If another process holds it; the text names its pid and what it runs.
        RunError: If the home can't be written to.
    """
    path = settings.home / "lock"
    if path in _held:
        _held[path] += 1
        try:
            yield
        finally:
            _held[path] -= 1
        return
    with _open_lock(settings) as handle:
        _take(handle, settings, purpose)
        _held[path] = 1
        try:
            yield
        finally:
            del _held[path]
            handle.truncate(0)  # its content names a holder


def home_holder(settings: Settings) -> str | None:
    """Return who holds the home's lock, such as `process 7, which runs docmind bench smoke`; None if it is free."""
    try:
        with (settings.home / "lock").open(encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(handle.read())
    except OSError:
        return None
    return None


def _open_lock(settings: Settings) -> IO[str]:
    path = settings.home / "lock"
    try:
        settings.make_home()
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"{path.parent}: can't be written to ({error.strerror}). Set DOCMIND_HOME to a folder you can write to."
        ) from error


def _take(handle: IO[str], settings: Settings, purpose: str) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            handle.seek(0)
            content = handle.read()
            # Without a living holder it is another process that checks, for a moment, whether the home is free.
            if _names_a_living_process(content) or not tries_left:
                raise HomeLocked(
                    f"{settings.home} is in use by {_holder(content)}. "
                    "Wait until it ends, or set DOCMIND_HOME to another home."
                ) from error
            time.sleep(SECONDS_BETWEEN_TRIES)
    handle.truncate(0)
    handle.write(json.dumps({"pid": os.getpid(), "purpose": purpose}))
    handle.flush()


def _names_a_living_process(content: str) -> bool:
    try:
        return psutil.pid_exists(int(json.loads(content)["pid"]))
    except (ValueError, KeyError, TypeError):
        return False


def _holder(content: str) -> str:
    try:
        entry = json.loads(content)
        return f"process {int(entry['pid'])}, which runs {entry['purpose']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
