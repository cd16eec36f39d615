"""Query sets by name: the bundled ones, folders in the normal form, and several of them joined."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from docmind_core.errors import QuerySetError, UsageError, did_you_mean
from docmind_core.query_sets.documents import Document, joined_id
from docmind_core.query_sets.facts.questions import generated_facts
from docmind_core.query_sets.formats import describe_file, describe_folder
from docmind_core.query_sets.plugged_readers import read_with_plugin
from docmind_core.query_sets.python_reference.conversations import conversation_queries, written_conversations
from docmind_core.query_sets.python_reference.questions import locate, topic_documents, written_queries
from docmind_core.query_sets.queries import Query, QuerySet, build_query_set
from docmind_core.query_sets.readers import read_query_set

FACTS = "facts"
PYTHON_REFERENCE = "python-reference"
PYTHON_CONVERSATIONS = "python-reference-conversations"
TAG = "set:"
"""Begins the tag that each joined query gets, so that every table shows its set as the slice `tag:set:NAME`."""


def bundled_query_set_names() -> tuple[str, ...]:
    """Return the names that do not need the user's files."""
    return (FACTS, PYTHON_REFERENCE, PYTHON_CONVERSATIONS)


def load_query_set(named: str | Sequence[str]) -> QuerySet:
    """Load a query set, or join several: each question is then asked about the documents of its own set.

    Args:
        named: A bundled name, the path of a folder, or what a reader makes a set of; or several of them.

    Raises:
        UsageError: If one of them is none, or if two are the same.
        QuerySetError: If what is there is not valid; every problem of every set is named.
    """
    if isinstance(named, str):
        return _load(named)
    sets, problems = [], []
    for name in named:
        try:
            sets.append(_load(name))
        except QuerySetError as error:
            problems += [f"{name}: {line}" for line in str(error).splitlines()]
    if problems:
        raise QuerySetError("\n".join(problems))
    return join_query_sets(sets)


def _load(name_or_folder: str) -> QuerySet:
    """Load a bundled query set by its name, else the one in the folder of that path, else what a reader makes of it.

    Raises:
        UsageError: If it is none of them.
        QuerySetError: If what is there is not valid.
    """
    if name_or_folder in bundled_query_set_names():
        return _bundled(name_or_folder)
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        if described := describe_folder(folder):
            raise UsageError(f"the query set {name_or_folder!r} is {described}")
        return read_query_set(folder)
    if (found := read_with_plugin(name_or_folder)) is not None:
        return found
    names = ", ".join(bundled_query_set_names())
    if folder.exists():
        described = describe_file(folder) or f"a file; give the folder that contains it, or one of: {names}"
        raise UsageError(f"the query set {name_or_folder!r} is {described}")
    meant = did_you_mean(name_or_folder, bundled_query_set_names())
    raise UsageError(f"unknown query set {name_or_folder!r}, and there is no such folder.{meant} Bundled: {names}")


def _bundled(name: str) -> QuerySet:
    if name == FACTS:
        return build_query_set(name, *generated_facts())
    documents = topic_documents()
    located = locate(written_queries(), documents)
    if name == PYTHON_CONVERSATIONS:
        located = conversation_queries(written_conversations(), located)
    return build_query_set(name, documents, located.queries, notices=located.notices)


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
