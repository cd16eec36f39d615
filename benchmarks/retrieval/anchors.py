"""Measured figures that the searches must reproduce: nDCG@10 and its neighbours on two public query sets.

Made with bm25s 0.3.16 (lucene, k1 1.5, b 0.75, English stop words and stemming), all-MiniLM-L6-v2 (256 tokens, mean
pooling, cosine) and reciprocal rank fusion (k = 60, top 100 of each), titles prepended, queries without gold left out.
The chunked figures are of windows of 200 words; ours are chunks of 200 encoder tokens.
"""

from dataclasses import dataclass

from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC

METRICS = ("recall@1", "recall@5", "recall@10", "full@5", "full@10", "ndcg@10", "mrr@10", "auroc")
DOCUMENT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The figures of one query set, unit and strategy."""

    figures: dict[str, float | None]
    low: float
    high: float
    """95 % interval of nDCG@10, from a bootstrap over queries."""


def _anchor(figures: tuple[float | None, ...], low: float, high: float) -> Anchor:
    return Anchor(figures=dict(zip(METRICS, figures, strict=True)), low=low, high=high)


ANCHORS = {
    ("hotpotqa", "doc", KEYWORD): _anchor((0.387, 0.793, 0.927, 0.613, 0.860, 0.800, 0.857, 0.678), 0.768, 0.834),
    ("hotpotqa", "doc", SEMANTIC): _anchor((0.427, 0.790, 0.880, 0.600, 0.760, 0.809, 0.904, 0.805), 0.775, 0.842),
    ("hotpotqa", "doc", HYBRID): _anchor((0.420, 0.820, 0.943, 0.653, 0.887, 0.841, 0.904, None), 0.811, 0.868),
    ("hotpotqa", "chunk", KEYWORD): _anchor((0.390, 0.797, 0.923, 0.620, 0.853, 0.800, 0.859, 0.679), 0.769, 0.834),
    ("clapnq", "doc", KEYWORD): _anchor((0.860, 0.960, 0.970, 0.960, 0.970, 0.924, 0.908, 0.679), 0.878, 0.961),
    ("clapnq", "doc", SEMANTIC): _anchor((0.960, 1.000, 1.000, 1.000, 1.000, 0.984, 0.978, 0.823), 0.968, 0.996),
    ("clapnq", "doc", HYBRID): _anchor((0.910, 0.990, 0.990, 0.990, 0.990, 0.959, 0.948, None), 0.927, 0.985),
    ("clapnq", "chunk", KEYWORD): _anchor((0.870, 0.960, 0.980, 0.960, 0.980, 0.930, 0.913, 0.668), 0.886, 0.965),
    ("clapnq", "chunk", SEMANTIC): _anchor((0.960, 1.000, 1.000, 1.000, 1.000, 0.984, 0.978, 0.792), 0.968, 0.996),
    ("clapnq", "chunk", HYBRID): _anchor((0.920, 0.990, 0.990, 0.990, 0.990, 0.963, 0.953, None), 0.933, 0.988),
}


def accepted_range(name: str, unit: str, strategy: str) -> tuple[float, float, str] | None:
    """Return the lowest and the highest nDCG@10 accepted, and the rule in words; None without an anchor.

    Whole documents are the same text in the same encoder, so keyword and semantic search must agree closely. Chunks
    are cut otherwise, and fusion is judged by the interval; on hotpotqa, where both legs are strong, only a figure
    too low is a fault.
    """
    anchor = ANCHORS.get((name, unit, strategy))
    if anchor is None:
        return None
    centre = anchor.figures["ndcg@10"]
    if unit == "doc" and strategy != HYBRID and centre is not None:
        return centre - DOCUMENT_TOLERANCE, centre + DOCUMENT_TOLERANCE, f"± {DOCUMENT_TOLERANCE}"
    if name == "hotpotqa" and strategy == HYBRID:
        better_leg_low = max(ANCHORS[name, "doc", leg].low for leg in (KEYWORD, SEMANTIC))
        low = max(anchor.low, better_leg_low)
        return low, 1.0, f">= {low}"
    return anchor.low, anchor.high, "95 % interval"
