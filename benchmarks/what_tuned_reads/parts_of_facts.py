"""Readers of parts of `facts` for the suites here; the path that a suite names after a reader only names the set."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.facts.questions import generated_facts
from docmind_core.query_sets.queries import Query
from docmind_core.query_sets.selection import select_queries

HALF = 150
"""Questions, the first of the seeded shuffle, that the levers of `tuned` were chosen by."""


def held_out(_: Path) -> Iterator[Document | Query]:
    """Yield all documents and the half of the questions that nothing was chosen by."""
    documents, queries = generated_facts()
    yield from documents
    yield from select_queries(queries, limit=None, seed=0)[HALF:]


def without_gold(_: Path) -> Iterator[Document | Query]:
    """Yield the questions of that half that have an answer, and no document that holds one."""
    documents, queries = generated_facts()
    gold = {doc_id for query in queries for doc_id in query.gold_doc_ids}
    yield from (document for document in documents if document.doc_id not in gold)
    for query in select_queries(queries, limit=None, seed=0)[HALF:]:
        if not query.expected_abstain:
            yield replace(query, gold_doc_ids=(), evidence=())
