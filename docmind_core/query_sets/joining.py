"""Several query sets asked in one benchmark: each question keeps to the documents of its own set."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from docmind_core.errors import UsageError
from docmind_core.query_sets.documents import Document, joined_id
from docmind_core.query_sets.queries import Query, QuerySet

TAG = "set:"
"""Begins the tag that each joined query gets, so that every table shows its set as the slice `tag:set:NAME`."""


def join_query_sets(sets: Sequence[QuerySet]) -> QuerySet:
    """Join sets under ids that begin with the name of each, `facts/q12`; the order of the sets does not matter.

    Raises:
        UsageError: If two of them have one name, or ask the same questions about the same documents.
    """
    ordered = sorted(sets, key=lambda one: one.name)
    _refuse_twins(ordered)
    documents = tuple(_joined_document(one.name, document) for one in ordered for document in one.documents)
    return QuerySet(
        name=" + ".join(one.name for one in ordered),
        documents=documents,
        queries=tuple(_joined_query(one.name, query) for one in ordered for query in one.queries),
        query_set_hash=_hash((one.name, one.query_set_hash) for one in ordered),
        corpus_hash=_hash((one.name, one.corpus_hash) for one in ordered),
        notices=tuple(f"{one.name}: {notice}" for one in ordered for notice in one.notices),
        parts={one.name: one.query_set_hash for one in ordered},
        same_documents=_same(documents),
    )


def _refuse_twins(ordered: Sequence[QuerySet]) -> None:
    by_name: dict[str, QuerySet] = {}
    by_hash: dict[str, QuerySet] = {}
    for one in ordered:
        if (twin := by_hash.setdefault(one.query_set_hash, one)) is not one:
            names = one.name if one.name == twin.name else f"{twin.name} and {one.name}"
            raise UsageError(f"query_set has the same questions twice ({names}). List each set once.")
        if by_name.setdefault(one.name, one) is not one:
            raise UsageError(f"query_set has two sets with the name {one.name!r}. Rename the folder of one of them.")


def _joined_document(name: str, document: Document) -> Document:
    return replace(document, doc_id=joined_id(name, document.doc_id), query_set=name)


def _joined_query(name: str, query: Query) -> Query:
    return replace(
        query,
        query_id=joined_id(name, query.query_id),
        gold_doc_ids=tuple(joined_id(name, doc_id) for doc_id in query.gold_doc_ids),
        evidence=tuple(replace(span, doc_id=joined_id(name, span.doc_id)) for span in query.evidence),
        tags=(*query.tags, f"{TAG}{name}"),
    )


def _same(documents: Iterable[Document]) -> dict[str, str]:
    """Find the documents that several sets hold: queries about one of them are not independent."""
    first: dict[tuple[str, str], str] = {}
    said = ((one.doc_id, first.setdefault((one.title, one.text), one.doc_id)) for one in documents)
    return {doc_id: earlier for doc_id, earlier in said if doc_id != earlier}


def _hash(parts: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
