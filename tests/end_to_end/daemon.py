"""Dagster's daemon on a home, as `docmind ui` starts it, without the web server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dagster_project.instance import open_instance
from docmind_core.settings import Settings, child_environment

SLOW_MACHINE_S = 600
"""Far beyond a minute's tick, the start of a process and the tick of a sensor on a busy machine."""
STEP_S = 0.1


class Daemon:
    """One daemon at a time; what it and its successors have started ends with `close`."""

    def __init__(self, settings: Settings, **environment: str):
        self._home = settings.dagster_home
        with open_instance(settings) as instance:
            instance.all_instigator_state()  # makes the databases: two first processes would get in each other's way
        self._environment = child_environment(
            DAGSTER_HOME=str(self._home), DOCMIND_HOME=str(settings.home), **environment
        )
        self._log = settings.home / "daemon.log"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._run("dagster-daemon", "run")

    def start_schedule(self, name: str) -> None:
        """Ask for a schedule as a person does; return while it is still being started."""
        self._run("dagster", "schedule", "start", name)

    def kill(self) -> None:
        """End the newest daemon with -9; its code server and its runs learn of it by its silence alone."""
        daemon = self._started[-1]
        daemon.kill()
        daemon.wait()

    def close(self) -> None:
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, what: str, has_happened: Callable[[], object]) -> None:
        """Wait for something to have happened; if it does not, say what, with the end of the daemon's log."""
        deadline = time.monotonic() + SLOW_MACHINE_S
        while not has_happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {SLOW_MACHINE_S} s\n{self._log.read_text()[-6000:]}")
            time.sleep(STEP_S)

    def _run(self, command: str, *arguments: str) -> None:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name(command), *arguments, "-w", self._home / "workspace.yaml"],
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
