"""Engine profiles: the flags and the environment under which a managed engine is started."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.serving.bundled_model import BUNDLED_MODEL, PreparedModel, prepare_bundled_model
from docmind_core.serving.dialects import Dialect
from docmind_core.serving.kv_budget import prepare_local_model
from docmind_core.serving.profile_files import dialect_of, model_finder, profiles_folder, read_profile_file
from docmind_core.settings import Settings, load_settings

LAUNCHER = (sys.executable, "-P", "-m", "docmind_core.serving.launcher", "--watch-stdin", "serve")
"""-P keeps the current folder off the import path: a stray `queue.py` there would end the server."""

_TCMALLOC_PLACES = (
    "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
    "/usr/lib64/libtcmalloc_minimal.so.4",
    "/usr/lib/libtcmalloc_minimal.so.4",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """One way to start an engine, complete but for the port and the place of the model."""

    name: str
    served_model_name: str
    flags: tuple[str, ...]
    environment: Mapping[str, str]
    plumbing: bool
    """True for a smoke-test model: no quality letter for its results."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Limits that go with the hardware, in place of the guide's; a suite's own come first."""
    shutdown_timeout_s: float = 30.0
    """How long the server lets requests in flight finish once it is asked to stop."""
    start_timeout_s: float = 900.0
    prepare_model: Callable[[Settings, Callable[[str], None]], PreparedModel] = field(repr=False)
    """Makes the model available; gets the settings and a function that shows progress."""
    launcher: tuple[str, ...] = field(default=LAUNCHER, repr=False)
    server: tuple[str, ...] = ()
    """Command of a server that is not vLLM, with {model} and {port} in it; then `launcher` is not used."""
    dialect: Dialect | None = None
    """What the engine speaks; None: vLLM's, or what `server` turns out to speak."""

    @property
    def engine_args_hash(self) -> str:
        """sha256 of flags and environment; the port, the host and the model's folder are left out."""
        started_by = [self.server] if self.server else []
        environment = dict(sorted(self.environment.items()))
        content = json.dumps([self.served_model_name, self.flags, environment, *started_by])
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def dtype(self) -> str:
        """Number format of weights and activations: the flag `--dtype`, by default the model's own (`auto`)."""
        return dict(pairwise(self.flags)).get("--dtype", "auto")

    @property
    def batch_invariant(self) -> bool:
        """Whether the engine runs with vLLM's batch-invariant kernels."""
        return self.environment.get("VLLM_BATCH_INVARIANT") == "1"

    @property
    def prefix_cache_resettable(self) -> bool:
        """Whether the engine is started with the route that empties its prefix cache."""
        return self.environment.get("VLLM_SERVER_DEV_MODE") == "1"

    @property
    def stop_grace_s(self) -> float:
        """How long an orderly stop may take before the rest is killed."""
        return self.shutdown_timeout_s + 5.0

    def command(self, model_folder: Path, port: int) -> list[str]:
        """The command line of the server, bound to loopback."""
        if self.server:
            filled = [word.replace("{model}", str(model_folder)).replace("{port}", str(port)) for word in self.server]
            return [*filled, *self.flags]
        address = ["--host", "127.0.0.1", "--port", str(port)]
        return [*self.launcher, str(model_folder), "--served-model-name", self.served_model_name, *self.flags, *address]


def engine_profile(name: str, settings: Settings | None = None) -> EngineProfile:
    """Return the profile called `name`: a built-in one, or `engines/<name>.yaml` of the home.

    Args:
        name: As in a suite.
        settings: The home; by default the one that the environment names.

    Raises:
        UsageError: If there is no such profile, or its file is not valid; the known ones are listed.
    """
    folder = profiles_folder(settings or load_settings())
    known = engine_profile_names(settings)
    if name not in known:
        raise UsageError(
            f"there is no engine profile {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}; or give the "
            f"URL of a running engine. Put your own into {folder}"
        )
    path = folder / f"{name}.yaml"
    if name not in _BUILDERS:
        return _of_the_user(name, path)
    if path.exists():
        raise UsageError(f"{path}: {name} is a built-in profile; give the file another name")
    return _BUILDERS[name]()


def engine_profile_names(settings: Settings | None = None) -> tuple[str, ...]:
    """Names of all profiles, sorted: the built-in ones, and those of the home."""
    folder = profiles_folder(settings or load_settings())
    return tuple(sorted({*_BUILDERS, *(path.stem for path in folder.glob("*.yaml"))}))


def _of_the_user(name: str, path: Path) -> EngineProfile:
    found = read_profile_file(path)
    return EngineProfile(
        name=name,
        served_model_name=found.served_model_name or name,
        flags=found.flags,
        environment=found.environment,
        plumbing=found.plumbing,
        limits=found.limits,
        shutdown_timeout_s=found.shutdown_timeout_s,
        start_timeout_s=found.start_timeout_s,
        prepare_model=model_finder(found, path),
        server=found.command,
        dialect=dialect_of(found.dialect, path.parent),
    )


_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
"""An engine that we start asks no one for anything, and reports to no one."""


def _cpu_smollm2() -> EngineProfile:
    """SmolLM2-135M on two cores. Measured: float32 and small blocks repeat greedy answers and cache short prefixes."""
    return EngineProfile(
        name="cpu-smollm2",
        served_model_name=BUNDLED_MODEL,
        flags=(
            *("--dtype", "float32"),
            *("--block-size", "32"),
            "--enforce-eager",
            *("--max-model-len", "8192"),
            *("--max-num-seqs", "16"),
            "--enable-prompt-tokens-details",
            *("--shutdown-timeout", "30"),
            # One process computes: with a worker of its own, the core's busy waiting takes a core from the model.
            *("--distributed-executor-backend", "uni"),
        ),
        environment={
            **_OFFLINE,
            "VLLM_CPU_KVCACHE_SPACE": "2",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            # vLLM's CPU platform turns `uni` back into a worker process where this is 1.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
            # Far beyond what the client keeps: a server that closes an idle connection under a request loses the call.
            "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "600",
            # Opens /reset_prefix_cache, and other development routes with it: hence loopback only.
            "VLLM_SERVER_DEV_MODE": "1",
        },
        plumbing=True,
        prepare_model=prepare_bundled_model,
    )


def _rtx4090_fp8_128k() -> EngineProfile:
    """The guide's hardware: 8-bit weights and KV cache, a window of 128K. Not run on a GPU: flags and sums are checked.

    vLLM takes 92 % of 24 GiB, 23.7 GB, at its start and keeps it, whatever the run needs: instead of the guide's 15 GB
    its limit says that something else has taken the rest of the card's 25.8 GB. Watch `kv_cache_usage_ratio` and
    preemptions, which are shown next to it.
    """
    name, window, utilisation = "rtx4090-fp8-128k", 131_072, 0.92
    return EngineProfile(
        name=name,
        served_model_name=name,
        flags=(
            *("--quantization", "fp8"),
            *("--kv-cache-dtype", "fp8"),
            *("--max-model-len", str(window)),
            *("--attention-backend", "FLASHINFER"),
            *("--gpu-memory-utilization", str(utilisation)),
            *("--max-num-batched-tokens", "8192"),
            *("--max-num-seqs", "16"),
            "--enable-prefix-caching",
            "--enable-chunked-prefill",
            "--enable-prompt-tokens-details",
            *("--shutdown-timeout", "30"),
        ),
        environment={**_OFFLINE, "VLLM_SERVER_DEV_MODE": "1"},
        plumbing=False,
        limits={"vram_process_peak_gb": 25.0},
        prepare_model=prepare_local_model(name, window=window, gpu_gib=24.0, utilisation=utilisation),
    )


_BUILDERS = {"cpu-smollm2": _cpu_smollm2, "rtx4090-fp8-128k": _rtx4090_fp8_128k}


def preloaded_libraries() -> dict[str, str]:
    """LD_PRELOAD for tcmalloc, which vLLM recommends on CPU, where it is installed; else nothing."""
    found = next((place for place in _TCMALLOC_PLACES if Path(place).exists()), None)
    return {"LD_PRELOAD": found} if found else {}
