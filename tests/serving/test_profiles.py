import os
from dataclasses import replace
from pathlib import Path

import pytest

from docmind_core.errors import UsageError
from docmind_core.serving import profiles
from docmind_core.serving.profiles import engine_profile, engine_profile_names, preloaded_libraries

MEASURED_FLAGS = (
    "--dtype float32 --block-size 32 --enforce-eager --max-model-len 8192 --max-num-seqs 16 "
    "--enable-prompt-tokens-details --shutdown-timeout 30 --distributed-executor-backend uni"
)


def test_the_embedded_profile_has_the_measured_flags_and_environment():
    profile = engine_profile("cpu-smollm2")

    assert " ".join(profile.flags) == MEASURED_FLAGS
    assert dict(profile.environment) == {
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "600",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_SERVER_DEV_MODE": "1",
    }
    assert profile.plumbing
    assert profile.prefix_cache_resettable
    assert not profile.batch_invariant
    assert profile.dtype == "float32"


def test_every_profile_listens_on_loopback_alone():
    for name in engine_profile_names():
        command = engine_profile(name).command(Path("/models/m"), 8123)

        assert command[-4:] == ["--host", "127.0.0.1", "--port", "8123"]


def test_the_stop_waits_longer_than_the_server_does():
    for name in engine_profile_names():
        profile = engine_profile(name)

        assert f"--shutdown-timeout {profile.shutdown_timeout_s:g}" in " ".join(profile.flags)
        assert profile.stop_grace_s == profile.shutdown_timeout_s + 5.0


def test_the_hash_of_the_arguments_changes_with_flags_and_environment_only():
    profile = engine_profile("cpu-smollm2")
    other_flags = replace(profile, flags=(*profile.flags, "--seed", "1"))
    other_environment = replace(profile, environment={**profile.environment, "VLLM_BATCH_INVARIANT": "1"})
    elsewhere = replace(profile, launcher=("python3.12", "-m", "launcher"), start_timeout_s=1.0)

    hashes = {each.engine_args_hash for each in (profile, other_flags, other_environment)}

    assert len(hashes) == 3
    assert elsewhere.engine_args_hash == profile.engine_args_hash
    assert other_environment.batch_invariant


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"'h100'\. Known: cpu-smollm2"):
        engine_profile("h100")


def test_tcmalloc_is_preloaded_where_it_is_installed(tmp_path, monkeypatch):
    library = tmp_path / "libtcmalloc_minimal.so.4"
    monkeypatch.setattr(profiles, "_TCMALLOC_PLACES", (str(tmp_path / "elsewhere.so"), str(library)))
    without = preloaded_libraries()

    library.touch()

    assert without == {}
    assert preloaded_libraries() == {"LD_PRELOAD": str(library)}
