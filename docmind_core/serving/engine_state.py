"""The record of a managed engine, and its process group: found again after the platform has died."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_START_TOLERANCE_S = 5.0
"""psutil derives start times from the wall clock, which may be set between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """`engine.json` in the home: which engine this home's processes have started last."""

    pgid: int
    """Process group and session of the engine; its keeper has the same process id."""
    started_at: float
    """Start of the keeper, in seconds since the epoch."""
    owner_pid: int | None
    """The process that stops the engine when it ends; None for one that lives until it is stopped."""
    owner_started_at: float | None
    profile: str
    engine_args_hash: str
    url: str
    model: str
    log: str

    @property
    def detached(self) -> bool:
        """Whether the engine outlives the command that started it."""
        return self.owner_pid is None

    @property
    def owner_lives(self) -> bool:
        """Whether the process that owns the engine is still there."""
        return self.owner_pid is not None and _is_process(self.owner_pid, self.owner_started_at or 0.0)

    @property
    def keeper_lives(self) -> bool:
        """Whether the engine's keeper is still there, and not another process with its number."""
        return _is_process(self.pgid, self.started_at)


def state_path(home: Path) -> Path:
    """Where the record of a home's engine is kept."""
    return home / "engine.json"


def read_state(home: Path) -> EngineState | None:
    """The record, or None when there is none or it can't be understood (then nothing can be matched either)."""
    try:
        return EngineState(**json.loads(state_path(home).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_state(home: Path, state: EngineState) -> None:
    """Replace the record."""
    aside = home / f"engine.json.{os.getpid()}.tmp"
    aside.write_text(json.dumps(asdict(state), indent=2) + "\n", "utf-8")
    aside.replace(state_path(home))


def forget_state(home: Path, state: EngineState) -> None:
    """Remove the record if it is still that of `state`."""
    if read_state(home) == state:
        state_path(home).unlink(missing_ok=True)


def process_start(pid: int) -> float:
    """When a process started, in seconds since the epoch; psutil.NoSuchProcess when it has gone."""
    return float(psutil.Process(pid).create_time())


def group_members(state: EngineState) -> list[psutil.Process]:
    """Processes of the engine's group that are alive; never those of a stranger that got its number later."""
    if psutil.pid_exists(state.pgid) and not state.keeper_lives:
        return []
    return [process for process in psutil.process_iter() if _belongs(process, state)]


def end_group(state: EngineState, *, grace_s: float, pause: Callable[[float], None] = time.sleep) -> bool:
    """End what is left of the engine's group: the keeper's orderly way first, SIGKILL after `grace_s`.

    Returns:
        True if there was something to end.
    """
    members = group_members(state)
    if not members:
        return False
    if state.keeper_lives:
        os.kill(state.pgid, signal.SIGTERM)
        until = time.monotonic() + grace_s
        while group_members(state) and time.monotonic() < until:
            pause(0.1)
    while group_members(state):
        try:
            os.killpg(state.pgid, signal.SIGKILL)
        except ProcessLookupError:
            break
        pause(0.05)
    return True


def _is_process(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started_at) <= _START_TOLERANCE_S and _runs(process)
    except psutil.Error:
        return False


def _belongs(process: psutil.Process, state: EngineState) -> bool:
    try:
        same_group = os.getpgid(process.pid) == state.pgid
        return same_group and process.create_time() >= state.started_at - _START_TOLERANCE_S and _runs(process)
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def _runs(process: psutil.Process) -> bool:
    """Whether it runs; a zombie has ended and only waits for its parent to notice."""
    return bool(process.status() != psutil.STATUS_ZOMBIE)
