"""How well a ranking of documents holds the gold documents; relevance is binary except for nDCG."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence


def document_ranking(chunk_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the documents of ranked chunks, each at its best chunk's place."""
    return tuple(dict.fromkeys(document_of(chunk_id) for chunk_id in chunk_ids))


def document_of(chunk_id: str) -> str:
    """Return the document of a chunk id `<doc_id>#<position>`."""
    return chunk_id.rsplit("#", 1)[0]


def recall_at_k(ranked_ids: Sequence[str], gold_ids: Collection[str], k: int) -> float:
    """Return the share of the gold documents among the first k, in [0, 1]; trec_eval's `recall_k`.

    Raises:
        ValueError: If k < 1, or if nothing is gold (`no_gold`).
    """
    gold = _checked(gold_ids, k)
    return len(gold.intersection(ranked_ids[:k])) / len(gold)


def full_at_k(ranked_ids: Sequence[str], gold_ids: Collection[str], k: int) -> float:
    """Return 1 when every gold document is among the first k, else 0.

    Raises:
        ValueError: If k < 1, or if nothing is gold (`no_gold`).
    """
    return float(recall_at_k(ranked_ids, gold_ids, k) == 1.0)


def ndcg_at_k(ranked_ids: Sequence[str], qrels: Mapping[str, int], k: int) -> float:
    """Return the normalised discounted cumulative gain of the first k, in [0, 1].

    Linear gain and log2 discount, as in trec_eval's `ndcg_cut_k`
    (Järvelin & Kekäläinen 2002, https://doi.org/10.1145/582415.582418).

    Args:
        ranked_ids: Retrieved ids, best first, without repeats.
        qrels: Relevance grade by gold document, from 1; with equal grades the gain is binary.
        k: Cut-off rank.

    Raises:
        ValueError: If k < 1, or if nothing is gold (`no_gold`).
    """
    _checked(qrels, k)
    ideal = sorted(qrels.values(), reverse=True)
    return _gained([qrels.get(doc_id, 0) for doc_id in ranked_ids[:k]]) / _gained(ideal[:k])


def mrr_at_k(ranked_ids: Sequence[str], gold_ids: Collection[str], k: int) -> float:
    """Return 1 / rank of the first gold document among the first k, 0 when there is none; in [0, 1].

    Raises:
        ValueError: If k < 1, or if nothing is gold (`no_gold`).
    """
    gold = _checked(gold_ids, k)
    ranks = (rank for rank, doc_id in enumerate(ranked_ids[:k], start=1) if doc_id in gold)
    return 1.0 / next(ranks, math.inf)


def _checked(gold_ids: Collection[str], k: int) -> frozenset[str]:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if not gold_ids:
        raise ValueError("a ranking needs at least one gold document; add one or drop the query")
    return frozenset(gold_ids)


def _gained(grades: Iterable[int]) -> float:
    return math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
