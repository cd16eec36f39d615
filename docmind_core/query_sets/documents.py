"""A document and an earlier message, as the system under test may see them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One text that queries are asked about."""

    doc_id: str
    title: str
    text: str
    query_set: str = ""
    """Name of the set that it came with, where several were joined: it is searched for the questions of that set."""


def joined_id(query_set: str, own_id: str) -> str:
    """Return the id of a document or query among several sets: `facts/q12`."""
    return f"{query_set}/{own_id}"


def set_of(joined: str) -> str:
    """Return the name of the set in an id that `joined_id` made."""
    return joined.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMessage:
    """What was said before a query, as the system under test may see it."""

    role: str
    """user or assistant, in turn; the user begins."""
    content: str


def corpus_hash(documents: Iterable[Document]) -> str:
    """Return the sha256 of the documents in normal form: one JSON object a line, in the order of `doc_id`.

    The order of the documents in their file and keys that no reader uses don't change it.
    """
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.doc_id):
        digest.update(json.dumps(_normal_form(document), ensure_ascii=False, sort_keys=True).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _normal_form(document: Document) -> dict[str, str]:
    return {"doc_id": document.doc_id, "title": document.title, "text": document.text}
