"""Whether a model's KV cache fits a GPU, computed from the model's config before an engine is started."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from docmind_core.errors import EngineStartError
from docmind_core.serving.bundled_model import PreparedModel, sha256_of
from docmind_core.settings import Settings

GIB = 2**30
ACTIVATIONS_GIB = 1.5
"""Kept for activations, CUDA graphs and the sampler; an assumption, not measured on a GPU."""


class _Config(BaseModel):
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_size: int
    max_position_embeddings: int
    quantization_config: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KvBudget:
    """Memory of one GPU under an engine with 8-bit weights and an 8-bit KV cache."""

    kv_bytes_per_token: int
    weights_gib: float
    memory_gib: float
    """What the engine may take: the GPU's memory times its utilisation."""

    @property
    def kv_gib(self) -> float:
        """What is left for the KV cache; may be negative."""
        return self.memory_gib - self.weights_gib - ACTIVATIONS_GIB

    @property
    def tokens(self) -> int:
        """Tokens that the KV cache can hold."""
        return max(0, int(self.kv_gib * GIB / self.kv_bytes_per_token))

    def sequence_gib(self, tokens: int) -> float:
        """Return the KV cache of one sequence of `tokens`."""
        return tokens * self.kv_bytes_per_token / GIB


def kv_budget(folder: Path, *, gpu_gib: float, utilisation: float) -> KvBudget:
    """Read a model's config and weigh its files.

    Per token: 2 (key and value) × layers × KV heads × head size × 1 byte; weights that are not 8-bit yet are halved
    by the engine.

    Raises:
        EngineStartError: If the folder holds no model, or one without weights.
    """
    config = _read_config(folder)
    heads = config.num_key_value_heads or config.num_attention_heads
    head_size = config.head_dim or config.hidden_size // config.num_attention_heads
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if weights == 0:
        raise EngineStartError(f"{folder}: no weights found next to config.json. Add the model's *.safetensors.")
    halved = weights if config.quantization_config else weights / 2
    return KvBudget(
        kv_bytes_per_token=2 * config.num_hidden_layers * heads * head_size,
        weights_gib=halved / GIB,
        memory_gib=gpu_gib * utilisation,
    )


def prepare_local_model(
    name: str, *, window: int, gpu_gib: float, utilisation: float
) -> Callable[[Settings, Callable[[str], None]], PreparedModel]:
    """Return a function that finds the model in `models/<name>` and refuses one that can't hold one sequence."""

    def prepare(settings: Settings, announce: Callable[[str], None]) -> PreparedModel:
        folder = settings.models / name
        budget = kv_budget(folder, gpu_gib=gpu_gib, utilisation=utilisation)
        refuse_what_does_not_fit(budget, _read_config(folder).max_position_embeddings, folder, window)
        announce(
            f"the KV cache holds about {budget.tokens:,} tokens in addition to {budget.weights_gib:.1f} GiB of weights"
        )
        return PreparedModel(folder=folder, revision=f"local:{name}", weights_hash=_weights_hash(folder))

    return prepare


def refuse_what_does_not_fit(budget: KvBudget, positions: int, folder: Path, window: int) -> None:
    """Raise EngineStartError when one sequence of the whole window can't be held, or the model is not made for it."""
    if positions < window:
        raise EngineStartError(
            f"{folder}: the model supports {positions:,} tokens, but the profile serves {window:,}. Use another model."
        )
    if budget.tokens < window:
        raise EngineStartError(
            f"{folder}: one sequence of {window:,} tokens needs {budget.sequence_gib(window):.1f} GiB of KV cache; "
            f"{budget.weights_gib:.1f} GiB of weights leave {max(0.0, budget.kv_gib):.1f} GiB of "
            f"{budget.memory_gib:.1f}. Use a smaller model, or one with fewer KV heads."
        )


def _read_config(folder: Path) -> _Config:
    try:
        return _Config.model_validate(json.loads((folder / "config.json").read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise EngineStartError(
            f"{folder}: no model found, or its config.json can't be read ({type(error).__name__}). Put a model "
            "folder there: config.json, the tokenizer and safetensors."
        ) from error


def _weights_hash(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors"))
    return hashlib.sha256("".join(sha256_of(path) for path in files).encode()).hexdigest()
