"""Whether an answer rests on the right passages, and whether these reached it."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from docmind_core.measurements.ranking import document_of
from docmind_core.query_sets.queries import Evidence

COVERED = 0.8
"""Share of a span's words that a passage must hold."""

_WORD = re.compile(r"\w+")


def citation_precision(cited_chunk_ids: Collection[str], gold_doc_ids: Collection[str]) -> float:
    """Return the share of the cited passages that belong to a gold document, in [0, 1].

    A lower bound: gold labels may be incomplete.

    Raises:
        ValueError: If nothing is cited (`no_citation`) or nothing is gold (`no_gold`).
    """
    cited = set(cited_chunk_ids)
    if not cited or not gold_doc_ids:
        raise ValueError("citation precision needs a citation and a gold document")
    return sum(document_of(chunk_id) in gold_doc_ids for chunk_id in cited) / len(cited)


def citation_recall(cited_chunk_ids: Collection[str], gold_doc_ids: Collection[str]) -> float:
    """Return the share of the gold documents that a cited passage belongs to, in [0, 1]; 0 without citations.

    Raises:
        ValueError: If nothing is gold (`no_gold`).
    """
    gold = set(gold_doc_ids)
    if not gold:
        raise ValueError("citation recall needs a gold document")
    return len(gold.intersection(document_of(chunk_id) for chunk_id in cited_chunk_ids)) / len(gold)


def evidence_recall(evidence: Sequence[Evidence], passages: Mapping[str, str]) -> float:
    """Return the share of the gold spans that stand in a passage, in [0, 1].

    A span stands in a passage that belongs to its document and holds at least 80 % of its words (multiplicity
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
            document_of(chunk_id) == span.doc_id and _holds(passage, span.text)
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
