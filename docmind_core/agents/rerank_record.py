"""What is recorded of a rerank."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankRecord:
    """How the candidates of a query were reordered."""

    candidates: int
    """How many were."""
    ordered_by: str
    """`model` or `mmr`."""
    similarity: str | None
    """What MMR compared passages by: `embeddings`, or `words` without a semantic index; None for the model's order."""
    mmr_because: str | None
    """`call_failed`, `invalid_output` or `repeats`; None for the model's order."""
    kept: int
    """How many of the first `final_k` were among them before."""
