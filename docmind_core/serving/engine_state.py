"""The record of a managed engine, its process group, and its log: found again after the platform has died."""

import json
import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from docmind_core.errors import EngineError

PROC = Path("/proc")
_START_TICKS = 19
"""Place of field 22, `starttime`, among those after the name, which may itself contain blanks and brackets."""
_KILL_PATIENCE_S = 30.0
_START_TOLERANCE_S = 5.0
"""For records without marks: psutil derives start times from the wall clock, which may be set between two looks."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(r"^(?:\([\w -]+ pid=\d+\) ?)?(?:(?P<level>DEBUG|INFO|WARNING|ERROR) [\d-]+ [\d:]+ \[[^\]]+\] ?)?")
_FAILURE = re.compile(r"^(?:[\w.]+(?:Error|Exception|Interrupt): |docmind: |.*\berror: )")
_REPORT = re.compile(r"[A-Z][a-z]+ ")
_CONSEQUENCES = ("See root cause above", "See stack trace (above) for the root cause")
_KEEPER = "docmind keeper: "
_TAIL_BYTES = 256 * 1024


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
    stop_grace_s: float
    """How long its orderly stop may take, in seconds."""
    start_mark: str | None
    """Start of the keeper as `start_mark` gives it; None without /proc."""
    owner_start_mark: str | None

    @property
    def detached(self) -> bool:
        """Whether the engine outlives the command that started it."""
        return self.owner_pid is None

    @property
    def owner_lives(self) -> bool:
        """Whether the process that owns the engine is still there."""
        if self.owner_pid is None or self.owner_started_at is None:
            return False
        return _exists(self.owner_pid, self.owner_started_at, self.owner_start_mark, alive=True)

    @property
    def keeper_lives(self) -> bool:
        """Whether the engine's keeper is still there, and not another process with its number."""
        return _exists(self.pgid, self.started_at, self.start_mark, alive=True)


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


def start_mark(pid: int) -> str | None:
    """Return the boot and the clock ticks from it to the start of a process, as `boot_id:ticks`.

    psutil's `create_time` adds these ticks to the wall-clock time of the boot, which moves with every step of the
    clock: a process then seems to have another start, so to be another process.

    Returns:
        None when there is no such process, or no /proc.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
        boot_id = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    return f"{boot_id}:{int(stat.rpartition(')')[2].split()[_START_TICKS])}"


def began_no_earlier(pid: int, mark: str) -> bool:
    """Whether a process runs that began in the boot of `mark`, at its moment or later."""
    found = start_mark(pid)
    if found is None:
        return False
    boot_id, _, ticks = found.partition(":")
    marked_boot_id, _, marked_ticks = mark.partition(":")
    return boot_id == marked_boot_id and int(ticks) >= int(marked_ticks)


def process_start(pid: int) -> float:
    """When a process started, in seconds since the epoch; psutil.NoSuchProcess when it has gone."""
    return float(psutil.Process(pid).create_time())


def group_members(state: EngineState) -> list[psutil.Process]:
    """Processes of the engine's group that run; never those of a stranger that got its number later."""
    if psutil.pid_exists(state.pgid) and not _exists(state.pgid, state.started_at, state.start_mark, alive=False):
        return []
    return [process for process in psutil.process_iter() if _belongs(process, state)]


def end_group(state: EngineState, *, grace_s: float) -> bool:
    """End what is left of the engine's group: in the keeper's orderly way, and with SIGKILL after `grace_s`.

    Returns:
        True if there was something to end.

    Raises:
        EngineError: If a process survives SIGKILL.
    """
    if not group_members(state):
        return False
    if state.keeper_lives and grace_s > 0:
        os.kill(state.pgid, signal.SIGTERM)
        if _is_gone(state, within_s=grace_s):
            return True
    with suppress(ProcessLookupError):
        os.killpg(state.pgid, signal.SIGKILL)
    if not _is_gone(state, within_s=_KILL_PATIENCE_S):
        raise EngineError(f"process group {state.pgid} can't be ended. Look at it: ps -o pid,stat,args -g {state.pgid}")
    return True


def _is_gone(state: EngineState, *, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while group_members(state):
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def _exists(pid: int, started_at: float, mark: str | None, *, alive: bool) -> bool:
    """Whether a process has this number and start; a zombie, which only waits for its parent, is not alive."""
    try:
        process = psutil.Process(pid)
        if mark is not None:
            same = start_mark(pid) == mark
        else:
            same = abs(process.create_time() - started_at) <= _START_TOLERANCE_S
        return same and (not alive or process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _belongs(process: psutil.Process, state: EngineState) -> bool:
    try:
        if os.getpgid(process.pid) != state.pgid or process.status() == psutil.STATUS_ZOMBIE:
            return False
        if state.start_mark is not None:
            return began_no_earlier(process.pid, state.start_mark)
        return bool(process.create_time() >= state.started_at - _START_TOLERANCE_S)
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def progress_line(log: Path, *, width: int = 100) -> str:
    """The last thing the engine reported doing, cut to `width` characters; "" before it has said anything."""
    reports = [text for level, text in _log_lines(log) if level == "INFO" and _REPORT.match(text)]
    return reports[-1][:width] if reports else ""


def failure_lines(log: Path, *, count: int = 2) -> list[str]:
    """The last lines that name an error, oldest first, or else the last lines at all; [] for an empty log."""
    texts = [text for _level, text in _log_lines(log)]
    named = [text for text in texts if _FAILURE.match(text) and not any(words in text for words in _CONSEQUENCES)]
    return list(dict.fromkeys(named or texts))[-count:]


def last_words(log: Path) -> list[str]:
    """The last line that names an error, and the keeper's that the engine has ended; [] for an empty log."""
    ends = [text for _level, text in _log_lines(log)[-1:] if text.startswith(_KEEPER)]
    return list(dict.fromkeys([*failure_lines(log, count=1), *ends]))


def _log_lines(log: Path) -> list[tuple[str | None, str]]:
    """Level and text of the last lines, without colours, process marks and time stamps."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            content = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = []
    for line in content.replace("\r", "\n").splitlines():
        plain = _COLOUR.sub("", line)
        prefix = _PREFIX.match(plain)
        text = plain[prefix.end() if prefix else 0 :].strip()
        if text:
            lines.append((prefix["level"] if prefix else None, text))
    return lines
