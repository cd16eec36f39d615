"""The encoder all-MiniLM-L6-v2: a text becomes a vector whose cosine to others says how alike their meanings are.

Six BERT layers written out in torch, from the weights file alone. The `transformers` package computes the same
(a test compares them), but importing it costs seconds and 300 MB in every process that searches.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
import torch.nn.functional as nn
from safetensors.torch import load_file

from docmind_core.retrieval.encoder_files import TOKENS_MAX, weights_file
from docmind_core.retrieval.wordpiece import CLASSIFY_ID, PAD_ID, SEPARATE_ID, token_ids

LAYERS, HEADS, WIDTH, NORM_EPSILON = 6, 12, 384, 1e-12
BATCH_TEXTS = 8
THREADS_MAX = 8

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

_loading = threading.Lock()


def shared_encoder() -> "Encoder":
    """Return this process's encoder, loaded at the first call."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> "Encoder":
    # One thread per operation: torch's own threads wait for each other in a spin, and next to a busy engine
    # one query then took 400 ms instead of 30. Batches run in parallel instead.
    torch.set_num_threads(1)
    return Encoder(load_file(weights_file()))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Encoder:
    """Mean-pooled, normalised sentence embeddings of 384 dimensions; safe to share by threads."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        self._weights = weights

    def embed(self, texts: Sequence[str], *, report: Callable[[int, float], None] | None = None) -> Vectors:
        """Return one vector of length 1 per text, shape (texts, 384).

        Args:
            texts: A text longer than 256 tokens is cut; one without tokens gets a vector all the same.
            report: Called after each of several batches with the number of texts done and the share of the work.
        """
        ids = [[CLASSIFY_ID, *token_ids(text)[: TOKENS_MAX - 2], SEPARATE_ID] for text in texts]
        # Texts of like length share a batch, so that little is computed for padding.
        order = sorted(range(len(ids)), key=lambda index: (-len(ids[index]), index))
        batches = [order[start : start + BATCH_TEXTS] for start in range(0, len(order), BATCH_TEXTS)]
        vectors = np.zeros((len(ids), WIDTH), dtype=np.float32)
        if len(batches) == 1:
            vectors[order] = self._embed_batch([ids[index] for index in order])
            return vectors
        texts_done, tokens_done, tokens = 0, 0, sum(map(len, ids))
        with ThreadPoolExecutor(max_workers=min(_cores(), THREADS_MAX)) as pool:
            embedded = pool.map(lambda batch: self._embed_batch([ids[index] for index in batch]), batches)
            try:
                for batch, rows in zip(batches, embedded, strict=True):
                    vectors[batch] = rows
                    texts_done += len(batch)
                    tokens_done += sum(len(ids[index]) for index in batch)
                    if report is not None:
                        report(texts_done, tokens_done / tokens)
            finally:
                # After Ctrl-C, the batches that wait would otherwise be computed first.
                pool.shutdown(cancel_futures=True)
        return vectors

    def _embed_batch(self, batch: Sequence[Sequence[int]]) -> Vectors:
        longest = max(len(ids) for ids in batch)
        padded = torch.tensor([[*ids, *[PAD_ID] * (longest - len(ids))] for ids in batch])
        lengths = torch.tensor([len(ids) for ids in batch])
        mask = torch.arange(longest)[None, :] < lengths[:, None]
        with torch.inference_mode():
            hidden = self._embeddings(padded)
            for layer in range(LAYERS):
                hidden = self._layer(hidden, mask, f"encoder.layer.{layer}.")
            pooled = (hidden * mask[:, :, None]).sum(dim=1) / lengths[:, None]
            vectors: Vectors = nn.normalize(pooled, dim=1).numpy()
        return vectors

    def _embeddings(self, ids: torch.Tensor) -> torch.Tensor:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        positions = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        segment = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm(words + positions + segment, "embeddings.LayerNorm")

    def _layer(self, hidden: torch.Tensor, mask: torch.Tensor, prefix: str) -> torch.Tensor:
        texts, tokens, _ = hidden.shape

        def heads(name: str) -> torch.Tensor:
            projected = self._linear(hidden, f"{prefix}attention.self.{name}")
            return projected.view(texts, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)

        attended = nn.scaled_dot_product_attention(
            heads("query"), heads("key"), heads("value"), attn_mask=mask[:, None, None, :]
        )
        joined = attended.transpose(1, 2).reshape(texts, tokens, WIDTH)
        hidden = self._norm(
            hidden + self._linear(joined, f"{prefix}attention.output.dense"), f"{prefix}attention.output.LayerNorm"
        )
        widened = nn.gelu(self._linear(hidden, f"{prefix}intermediate.dense"))
        return self._norm(hidden + self._linear(widened, f"{prefix}output.dense"), f"{prefix}output.LayerNorm")

    def _linear(self, hidden: torch.Tensor, name: str) -> torch.Tensor:
        return nn.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, hidden: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return nn.layer_norm(hidden, (WIDTH,), weight, bias, NORM_EPSILON)
