"""One web UI with a daemon per home: two daemons would run every schedule twice."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from docmind_core.errors import HomeLocked
from docmind_core.settings import Settings

FILE = "ui.lock"


@contextmanager
def only_ui(settings: Settings) -> Iterator[IO[str]]:
    """Hold the UI's lock of a home while the block runs; a process that inherits the file holds it too.

    Raises:
        HomeLocked: If another web UI of this home is running; the text says where.
    """
    with (settings.dagster_home / FILE).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeLocked(
                f"the web UI of {settings.home} is already running: {_read(lock).get('address', 'starting')}. "
                "Open it, or stop it first; a second one must be --read-only."
            ) from error
        lock.truncate(0)
        yield lock


def name_holder(lock: IO[str], address: str, pid: int) -> None:
    """Write down where the UI is and which process reads the schedules again on SIGHUP."""
    lock.write(json.dumps({"address": address, "pid": pid}))
    lock.flush()


def reload_running_ui(settings: Settings) -> str | None:
    """Let the running web UI of a home read its suites again; return its address, None where none is running."""
    try:
        with (settings.dagster_home / FILE).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _read(lock)
            else:
                return None
    except OSError:
        return None
    if isinstance(pid := holder.get("pid"), int):
        os.kill(pid, signal.SIGHUP)
    return str(holder.get("address", "a web UI that is starting"))


def _read(lock: IO[str]) -> dict[str, object]:
    lock.seek(0)
    try:
        return dict(json.loads(lock.read()))
    except ValueError:
        return {}
