"""Whether an answer rests on the right passages."""

from collections.abc import Collection

from docmind_core.measurements.ranking import document_of


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
