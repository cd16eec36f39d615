"""How much of the gold evidence a set of passages contains."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from docmind_core.query_sets.queries import Evidence

COVERED = 0.8
"""Share of a span's words that a passage must hold."""

_WORD = re.compile(r"\w+")


def evidence_recall(evidence: Sequence[Evidence], passages: Mapping[str, str]) -> float:
    """Return the share of the gold spans that a passage contains, in [0, 1].

    A passage contains a span if it belongs to its document and has at least 80 % of its words (multiplicity
    counted). Spans of the same need, among them a span listed for several documents, count once.

    Args:
        evidence: Gold spans.
        passages: Text by chunk id, of what the answer was made from.

    Raises:
        ValueError: If there is no gold span (`no_gold`).
    """
    needs: dict[str, list[Evidence]] = {}
    for span in evidence:
        needs.setdefault(span.need or span.text, []).append(span)
    if not needs:
        raise ValueError("evidence recall needs a gold span")
    found = sum(
        any(
            chunk_id.rsplit("#", 1)[0] == span.doc_id and _holds(passage, span.text)
            for span in spans
            for chunk_id, passage in passages.items()
        )
        for spans in needs.values()
    )
    return found / len(needs)


def _holds(passage: str, span: str) -> bool:
    wanted = Counter(_WORD.findall(span.lower()))
    shared = wanted & Counter(_WORD.findall(passage.lower()))
    return shared.total() >= COVERED * wanted.total()
