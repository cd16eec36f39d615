"""The one way to an engine: a profile that is started here, or the URLs of one that runs already."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docmind_core.errors import EngineStartError, EngineUnreachable, SettingsError, UsageError
from docmind_core.serving.bundled_model import PreparedModel
from docmind_core.serving.connection import EngineConnection, ended_early
from docmind_core.serving.dialects import VLLM
from docmind_core.serving.engine_state import EngineState, end_group, forget_state, group_members, read_state
from docmind_core.serving.launcher import installed_engine
from docmind_core.serving.managed import end_stale_group, is_healthy, start_engine, wait_until_healthy
from docmind_core.serving.profiles import LAUNCHER, EngineProfile, engine_profile
from docmind_core.serving.remote import ask_engine
from docmind_core.serving.replicas import ask_replicas, replica_urls
from docmind_core.settings import Settings, read_secret

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """Which engine a suite wants."""

    engine: str
    """A profile to start, or the URLs of a running engine's replicas, one or several with commas between them."""
    model: str | None = None
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    plumbing: bool = False
    """True when the suite says that it is a smoke-test model, whatever is known of it otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """The engine of a home, as `docmind engine status` shows it."""

    profile: str
    model: str
    url: str
    log: str
    pgid: int
    detached: bool
    healthy: bool


@contextmanager
def open_engine(suite_engine: EngineRequest, settings: Settings, announce: Announce) -> Iterator[EngineConnection]:
    """Yield a connection to the engine that a suite asks for.

    A URL is checked and left alone. For a profile, an engine that `docmind engine start` has started is used and left
    running; without one it is started here and stopped at the end of the block, whatever happens inside.

    Raises:
        UsageError: If the profile, a URL or the model is not known, or several URLs do not serve the same.
        SettingsError: If the variable with the key is not set.
        EngineUnreachable: If nothing answers at a URL.
        RequestRejected: If the engine refuses the key.
        EngineStartError: If a managed engine does not come up.
    """
    if is_url(suite_engine.engine):
        yield _connect_remote(suite_engine)
        return
    profile = engine_profile(suite_engine.engine, settings)
    _refuse_other_model(profile, suite_engine.model)
    require_vllm(profile)
    model = profile.prepare_model(settings, announce)
    running = _detached_engine(profile, settings, announce)
    if running is not None:
        announce(f"using the running engine at {running.url}")
        yield _connect_managed(suite_engine, profile, model, running)
        return
    engine = start_engine(profile, model.folder, settings, announce)
    try:
        yield _connect_managed(suite_engine, profile, model, engine.state)
    finally:
        announce("stopping the engine")
        engine.stop()


def prepare_engine(suite_engine: EngineRequest, settings: Settings, announce: Announce) -> EngineConnection | None:
    """Prepare an engine before a run is created: query a remote engine's model, or make a profile's model available.

    Returns:
        The connection to a remote engine; None for a profile, which is not started yet.

    Raises:
        DocMindError: As `open_engine`; no engine is started.
    """
    if is_url(suite_engine.engine):
        return _connect_remote(suite_engine)
    profile = engine_profile(suite_engine.engine, settings)
    _refuse_other_model(profile, suite_engine.model)
    require_vllm(profile)
    profile.prepare_model(settings, announce)
    return None


def is_url(engine: str) -> bool:
    """Whether a suite's `engine` is a URL, or several, and not the name of a profile."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", engine) is not None


def start_engine_detached(
    profile_name: str, settings: Settings, announce: Announce, *, port: int | None = None
) -> EngineStatus:
    """Start an engine that lives until `stop_engine`.

    Raises:
        EngineStartError: If one runs already in this home, the port is taken, or it does not come up.
    """
    profile = engine_profile(profile_name, settings)
    require_vllm(profile)
    model = profile.prepare_model(settings, announce)
    engine = start_engine(profile, model.folder, settings, announce, port=port, detached=True)
    # Takes note of its end, should this process live longer.
    threading.Thread(target=engine.keeper.wait, daemon=True, name="engine-keeper").start()
    return _status(engine.state)


def stop_engine(settings: Settings, announce: Announce) -> bool:
    """Stop the engine of this home; False when none runs.

    Raises:
        UsageError: If it belongs to a benchmark that is still running.
    """
    state = read_state(settings.home)
    if state is None:
        return False
    if state.owner_lives:
        raise UsageError(
            f"the engine at {state.url} belongs to process {state.owner_pid}, which stops it when it ends."
        )
    announce(f"stopping the engine at {state.url}")
    ended = end_group(state, grace_s=state.stop_grace_s + 5.0)
    forget_state(settings.home, state)
    return ended


def engine_status(settings: Settings) -> EngineStatus | None:
    """The engine of this home that is alive, or None."""
    state = read_state(settings.home)
    return _status(state) if state is not None and group_members(state) else None


def _status(state: EngineState) -> EngineStatus:
    return EngineStatus(
        profile=state.profile,
        model=state.model,
        url=state.url,
        log=state.log,
        pgid=state.pgid,
        detached=state.detached,
        healthy=is_healthy(state.url),
    )


def _refuse_other_model(profile: EngineProfile, model: str | None) -> None:
    if model not in (None, profile.served_model_name):
        raise UsageError(
            f"the engine profile {profile.name} serves {profile.served_model_name}, not {model!r}. "
            "Remove `model`, or give the URL of an engine that serves it."
        )


def require_vllm(profile: EngineProfile) -> None:
    """Raise EngineStartError when the profile starts vLLM and none is installed."""
    if not profile.server and profile.launcher == LAUNCHER and installed_engine() is None:
        raise EngineStartError(
            f"vLLM is not installed here, so the profile {profile.name} can't be started. "
            "Install it (make install), or use a running engine (--engine URL)"
        )


def _read_key(variable: str) -> str:
    """The key in an environment variable, fit for a header: an error about a bad header would show it."""
    key = read_secret(variable).strip()
    if not key.isascii() or not key.isprintable() or not key:
        raise SettingsError(
            f"the environment variable {variable} does not contain a valid key: it must be printable ASCII."
        )
    return key


def _detached_engine(profile: EngineProfile, settings: Settings, announce: Announce) -> EngineState | None:
    """The engine that `docmind engine start` left running, if it is of this profile, and healthy."""
    end_stale_group(settings, announce)
    state = read_state(settings.home)
    if state is None or not state.detached:
        return None
    if state.engine_args_hash != profile.engine_args_hash:
        raise UsageError(
            f"the engine running at {state.url} was started with different flags than the profile {profile.name}. "
            "Stop it first: docmind engine stop"
        )
    wait_until_healthy(state, profile, announce)
    return state


def _connect_managed(
    request: EngineRequest, profile: EngineProfile, model: PreparedModel, state: EngineState
) -> EngineConnection:
    try:
        facts = ask_engine(state.url, model=profile.served_model_name, api_key=None, api_key_env=None)
    except EngineUnreachable as error:
        raise ended_early(state.url, Path(state.log)) from error
    return EngineConnection(
        base_url=state.url,
        log=Path(state.log),
        model=facts.model,
        managed=True,
        detached=state.detached,
        profile=profile.name,
        plumbing=profile.plumbing or request.plumbing,
        max_model_len=facts.max_model_len,
        engine_version=facts.version,
        engine_args_hash=profile.engine_args_hash,
        model_revision=model.revision,
        weights_hash=model.weights_hash,
        model_folder=None if model.folder.is_file() else model.folder,
        dialect=profile.dialect or (facts.dialect if profile.server else VLLM),
        dtype=profile.dtype,
        batch_invariant=profile.batch_invariant,
        prefix_cache_resettable=profile.prefix_cache_resettable,
    )


def _connect_remote(request: EngineRequest) -> EngineConnection:
    urls = replica_urls(request.engine)
    api_key = _read_key(request.api_key_env) if request.api_key_env else None
    facts = ask_replicas(urls, model=request.model, api_key=api_key, api_key_env=request.api_key_env)
    return EngineConnection(
        base_url=urls[0],
        further_urls=urls[1:],
        model=facts.model,
        api_key=api_key,
        managed=False,
        plumbing=facts.plumbing or request.plumbing,
        max_model_len=facts.max_model_len,
        engine_version=facts.version,
        dialect=facts.dialect,
    )
