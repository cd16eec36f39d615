"""The user's engine profiles in the home."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from docmind_core.errors import EngineStartError, UsageError
from docmind_core.measurements.limit_values import suite_limits
from docmind_core.serving.dialects import PLAIN_OPENAI, VLLM, PlainOpenai
from docmind_core.serving.engine import EngineRequest, open_engine
from docmind_core.serving.profile_files import profile_hashes
from docmind_core.serving.profiles import engine_profile, engine_profile_names
from docmind_core.suites.suite import Suite
from tests.serving.engines import SCRIPT

MINE = """
model: models/qwen
flags: [--max-model-len, 32768, --enable-prompt-tokens-details]
environment: {VLLM_SERVER_DEV_MODE: 1}
limits: {vram_process_peak_gb: 20, decode_tps_min: 30}
"""


def write_profile(home, text=MINE, name="mine"):
    path = home.home / "engines" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_file_of_the_home_is_a_profile_next_to_the_two_built_in(home):
    write_profile(home)
    assert engine_profile_names(home) == ("cpu-smollm2", "mine", "rtx4090-fp8-128k")
    profile = engine_profile("mine", home)
    assert profile.command(Path("/m"), 8123)[-8:] == [
        "--served-model-name", "mine", "--max-model-len", "32768", "--enable-prompt-tokens-details",
        "--host", "127.0.0.1", "--port", "8123",
    ][1:]  # fmt: skip
    assert (profile.environment, profile.prefix_cache_resettable) == ({"VLLM_SERVER_DEV_MODE": "1"}, True)
    assert profile.plumbing is False


def test_the_limits_of_a_profile_go_before_the_guide_s_and_after_the_suite_s(home, monkeypatch):
    write_profile(home)
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    suite = Suite(name="s", query_set="x", engine="mine", limits={"decode_tps_min": 40})
    limits = suite_limits(suite)
    assert (limits["vram_process_peak_gb"], limits["decode_tps_min"], limits["reduction_pct_min"]) == (20, 40, 40)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mine.yaml:1: profile: Input should be"),
        ("flags: []", "mine.yaml:1: model: Field required"),
        (f"{MINE}window: 5", "mine.yaml:6: window: Extra inputs are not permitted"),
        (MINE.replace("--max-model-len", "--port=1"), "mine.yaml:3: flags: --port=1 is set by the platform"),
        (MINE.replace("20,", "-1,"), "mine.yaml:5: limits: at most -1 is never met"),
        (MINE.replace("vram_process_peak_gb", "vram"), "mine.yaml:5: limits: there is no limit 'vram'"),
        (f"{MINE}plumbing: yes", "mine.yaml:6: yes is ambiguous in YAML"),
        (f"{MINE}command: [serve]", "mine.yaml:6: command: {port} is missing"),
        (f"{MINE}model: again", "mine.yaml:6: not valid YAML: duplicate key 'model'"),
        (f"{MINE}dialect: my_dialect.py:Mine", "my_dialect.py can't be read"),
        (f"{MINE}dialect: json:dumps", "json:dumps is not a dialect: it lacks name, choices"),
    ],
)
def test_a_profile_that_is_not_valid_says_where_and_why(home, text, said):
    write_profile(home, text)
    with pytest.raises(UsageError) as refused:
        engine_profile("mine", home)
    assert said in str(refused.value)


def test_a_file_with_the_name_of_a_built_in_profile_is_refused(home):
    write_profile(home, name="cpu-smollm2")
    with pytest.raises(UsageError, match="cpu-smollm2 is a built-in profile; give the file another name"):
        engine_profile("cpu-smollm2", home)


def test_an_unknown_profile_says_where_one_s_own_go(home):
    with pytest.raises(UsageError, match=r"Known: cpu-smollm2, rtx4090.*Put your own into .*home/engines"):
        engine_profile("../mine", home)


def test_a_model_that_is_not_there_is_named_and_one_that_is_has_its_weights_hashed(home):
    profile = engine_profile("mine", home) if write_profile(home) else None
    with pytest.raises(EngineStartError, match=r"mine\.yaml: model: .*models/qwen does not exist"):
        profile.prepare_model(home, lambda line: None)
    (home.models / "qwen").mkdir(parents=True)
    with pytest.raises(EngineStartError, match="contains no weights"):
        profile.prepare_model(home, lambda line: None)
    (home.models / "qwen" / "model.gguf").write_bytes(b"weights")
    first = profile.prepare_model(home, lambda line: None)
    (home.models / "qwen" / "model.gguf").write_bytes(b"other")
    assert profile.prepare_model(home, lambda line: None).weights_hash != first.weights_hash


@pytest.mark.parametrize("dialect", [None, "plain_openai", "mine"])
def test_a_server_that_is_not_vllm_is_started_by_its_own_command_and_spoken_to_in_its_dialect(home, dialect):
    path = write_profile(
        home,
        f"model: m.gguf\ncommand: [{sys.executable}, {SCRIPT}, '{{model}}', --port, '{{port}}', "
        "--served-model-name, mine]\nshutdown_timeout_s: 0\nplumbing: true\n"
        + {None: "", "plain_openai": "dialect: plain_openai", "mine": "dialect: my_dialect.py:Mine"}[dialect],
    )
    (home.home / "m.gguf").write_bytes(b"weights")
    (path.parent / "my_dialect.py").write_text(
        "from dataclasses import dataclass\nfrom docmind_core.serving.dialects import PlainOpenai\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass Mine(PlainOpenai):\n    name: str = 'mine'\n"
    )
    with open_engine(EngineRequest(engine="mine"), home, lambda line: None) as connection:
        spoken = connection.dialect
        assert (connection.model, connection.profile, connection.managed) == ("mine", "mine", True)
    if dialect == "mine":
        assert (spoken.name, isinstance(spoken, PlainOpenai)) == ("mine", True)
    else:
        assert spoken == {None: VLLM, "plain_openai": PLAIN_OPENAI}[dialect]


def test_the_command_of_a_server_is_part_of_its_hash_and_the_file_is_guarded(home):
    path = write_profile(home)
    profile, hashes = engine_profile("mine", home), profile_hashes(home, "mine")
    assert replace(profile, server=("x", "{port}")).engine_args_hash != profile.engine_args_hash
    path.write_text(MINE.replace("20", "21"), "utf-8")
    assert profile_hashes(home, "mine").keys() == hashes.keys() == {"engine profile mine"}
    assert profile_hashes(home, "mine") != hashes
    assert profile_hashes(home, "http://127.0.0.1:8000") == profile_hashes(home, "cpu-smollm2") == {}
