"""An engine that this project starts, watches and stops; it never outlives its owner."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from docmind_core.errors import EngineStartError
from docmind_core.serving.engine_preparation import warm_up
from docmind_core.serving.engine_state import (
    EngineState,
    end_group,
    failure_lines,
    forget_state,
    group_members,
    process_start,
    progress_line,
    read_state,
    start_mark,
    write_state,
)
from docmind_core.serving.profiles import EngineProfile, preloaded_libraries
from docmind_core.settings import TELEMETRY_OFF, Settings, child_environment

Announce = Callable[[str], None]

_KEEPER = (sys.executable, "-P", "-m", "docmind_core.serving.keeper")
_KEEPER_MARGIN_S = 5.0
_NEWS_EVERY_S = 5.0
_POLL_S = 0.25
_HEALTH_TIMEOUT_S = 5.0


@dataclass(slots=True, kw_only=True)
class ManagedEngine:
    """A running engine and the pipe that keeps it alive."""

    settings: Settings
    state: EngineState
    keeper: "subprocess.Popen[bytes]"
    pipe: int | None
    """Write end of the keeper's pipe; None for a detached engine."""

    def stop(self) -> None:
        """Let requests in flight finish, then end every process of the engine."""
        if self.pipe is not None:
            _write_and_close(self.pipe)
            self.pipe = None
        elif self.keeper.poll() is None:
            self.keeper.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.keeper.wait(self.state.stop_grace_s + _KEEPER_MARGIN_S)
        end_group(self.state, grace_s=0.0)
        self.keeper.wait()
        forget_state(self.settings.home, self.state)


def start_engine(
    profile: EngineProfile,
    model_folder: Path,
    settings: Settings,
    announce: Announce,
    *,
    port: int | None = None,
    detached: bool = False,
) -> ManagedEngine:
    """Start an engine on loopback and wait until it is healthy.

    A group that a dead owner left running is ended first. The engine's output goes to a file in `settings.logs`.

    Args:
        profile: How to start it.
        model_folder: The model to serve.
        settings: The home, for the log and the record of the engine.
        announce: Called every few seconds with the progress of the start.
        port: A free one by default.
        detached: Whether the engine lives on after this process.

    Raises:
        EngineStartError: If the port is taken, another engine of this home runs, or the server ends or hangs.
    """
    with _start_lock(settings):
        end_stale_group(settings, announce)
        refuse_second_engine(settings)
        engine = _spawn(profile, model_folder, settings, _choose_port(port), detached=detached)
    announce(f"starting the engine ({profile.name}) at {engine.state.url}; log: {engine.state.log}")
    began = time.monotonic()
    try:
        wait_until_healthy(engine.state, profile, announce)
        warm_up(engine.state.url, profile.served_model_name, Path(engine.state.log))
    except BaseException:
        engine.stop()
        raise
    announce(f"the engine is ready after {time.monotonic() - began:.0f} s")
    return engine


def end_stale_group(settings: Settings, announce: Announce) -> None:
    """Stop an engine of this home whose owner process has died, if there is one."""
    state = read_state(settings.home)
    if state is None or state.owner_lives or (state.detached and state.keeper_lives):
        return
    if group_members(state):
        announce(f"stopping an engine left running by a process that died (process group {state.pgid})")
        # With a dead owner the keeper is already stopping the group, within its own grace.
        end_group(state, grace_s=10.0)
    forget_state(settings.home, state)


def refuse_second_engine(settings: Settings) -> None:
    """Raise EngineStartError when another engine of this home is alive."""
    state = read_state(settings.home)
    if state is None:
        return
    if state.detached:
        advice = "Stop it first: docmind engine stop"
    else:
        advice = f"Wait for process {state.owner_pid} to end, or use another DOCMIND_HOME"
    raise EngineStartError(f"an engine ({state.profile}) of this home is already running at {state.url}. {advice}.")


def is_healthy(url: str, client: httpx.Client | None = None) -> bool:
    """Whether the engine at a loopback URL answers its health check; the body is not read."""
    try:
        if client is None:
            with httpx.Client(timeout=_HEALTH_TIMEOUT_S, trust_env=False) as own:
                return is_healthy(url, own)
        with client.stream("GET", f"{url}/health") as response:
            return response.is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _start_lock(settings: Settings) -> Iterator[None]:
    settings.make_home()
    with (settings.home / "engine.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _choose_port(port: int | None) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError as error:
            raise EngineStartError(
                f"port {port} on 127.0.0.1 can't be used ({error.strerror}). Choose another, or omit it."
            ) from error
        return int(probe.getsockname()[1])


def _spawn(
    profile: EngineProfile, model_folder: Path, settings: Settings, port: int, *, detached: bool
) -> ManagedEngine:
    settings.logs.mkdir(parents=True, exist_ok=True)
    log = settings.logs / f"engine-{profile.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
    read_end, write_end = (None, None) if detached else os.pipe()
    life = ["--detached"] if read_end is None else ["--pipe", str(read_end)]
    command = [*_KEEPER, "--grace", str(profile.stop_grace_s), *life, "--", *profile.command(model_folder, port)]
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(profile),
            pass_fds=() if read_end is None else (read_end,),
            start_new_session=True,
        )
    if read_end is not None:
        os.close(read_end)
    state = EngineState(
        pgid=keeper.pid,
        started_at=process_start(keeper.pid),
        owner_pid=None if detached else os.getpid(),
        owner_started_at=None if detached else process_start(os.getpid()),
        profile=profile.name,
        engine_args_hash=profile.engine_args_hash,
        url=f"http://127.0.0.1:{port}",
        model=profile.served_model_name,
        log=str(log),
        stop_grace_s=profile.stop_grace_s,
        start_mark=start_mark(keeper.pid),
        owner_start_mark=None if detached else start_mark(os.getpid()),
    )
    write_state(settings.home, state)
    return ManagedEngine(settings=settings, state=state, keeper=keeper, pipe=write_end)


def _environment(profile: EngineProfile) -> dict[str, str]:
    """The platform's environment and the profile's; other VLLM_ variables would change the engine unseen."""
    inherited = child_environment()
    kept = {name: value for name, value in inherited.items() if not name.startswith("VLLM_") or name in TELEMETRY_OFF}
    return {**kept, **preloaded_libraries(), **profile.environment}


def wait_until_healthy(state: EngineState, profile: EngineProfile, announce: Announce) -> None:
    """Wait until a started engine is healthy, and report progress every few seconds.

    Raises:
        EngineStartError: If it ends or takes longer than the profile allows; the text has the log's last words.
    """
    began = time.monotonic()
    news_at = began + _NEWS_EVERY_S
    log = Path(state.log)
    # One client: each new one loads the certificates again, which is felt at four questions a second.
    with httpx.Client(timeout=_HEALTH_TIMEOUT_S, trust_env=False) as client:
        while not is_healthy(state.url, client):
            waited_s = time.monotonic() - began
            if not state.keeper_lives:
                reasons = "; ".join(failure_lines(log)) or "no log output"
                raise EngineStartError(f"the engine exited while starting: {reasons} (log: {log})")
            if waited_s > profile.start_timeout_s:
                last = progress_line(log) or "no log output"
                raise EngineStartError(f"the engine is not healthy after {waited_s:.0f} s: {last} (log: {log})")
            if began + waited_s >= news_at:
                announce(f"engine starting, {waited_s:.0f} s: {progress_line(log) or 'importing'}")
                news_at += _NEWS_EVERY_S
            time.sleep(_POLL_S)


def _write_and_close(descriptor: int) -> None:
    with suppress(BrokenPipeError):  # then the keeper has ended already
        os.write(descriptor, b"s")
    os.close(descriptor)
