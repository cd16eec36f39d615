"""Queries with their gold answers; the system under test may not import this module."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields

from docmind_core.query_sets.documents import Document, EarlierMessage, corpus_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of a gold document that supports the answer."""

    doc_id: str
    text: str
    need: str = ""
    """Spans of the same need say the same, and having read any one of them is enough; empty means the text itself, so
    that a span listed for several documents is one need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question, what counts as a right answer, and where the answer is."""

    query_id: str
    text: str
    gold_answers: tuple[str, ...] = ()
    """Accepted short answers; empty when the documents don't answer the query, or when none was given."""
    gold_doc_ids: tuple[str, ...] = ()
    """Every document that holds the evidence."""
    gold_grades: tuple[int, ...] = ()
    """How relevant each of `gold_doc_ids` is, from 1, in the same order; empty when all are equally relevant."""
    query_type: str = "factoid"
    expected_abstain: bool = False
    """True when the documents don't answer the query: the right behaviour is to say so."""
    free_form: bool = False
    """True when the gold answer is a sentence to be judged, not a string to be matched."""
    evidence: tuple[Evidence, ...] = ()
    tags: tuple[str, ...] = ()
    history: tuple[EarlierMessage, ...] = ()
    """What user and assistant said before, whole turns; the query continues from there."""
    rival_answers: tuple[str, ...] = ()
    """Wrong answers of the same kind, such as the other towns: an answer that names one as well names several."""

    @property
    def qrels(self) -> dict[str, int]:
        """Relevance grade by gold document; 1 each where there are no grades."""
        return dict(zip(self.gold_doc_ids, self.gold_grades or (1,) * len(self.gold_doc_ids), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySet:
    """Documents and queries under one name."""

    name: str
    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    query_set_hash: str
    """sha256 over queries and documents in their normal form: a series of benchmarks belongs to one hash."""
    corpus_hash: str
    """sha256 over the documents alone."""
    notices: tuple[str, ...] = ()
    """What a reader of results should know about the set, one line each, such as queries left out."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Hash of each set by its name, where this one was joined from several."""
    same_documents: Mapping[str, str] = field(default_factory=dict)
    """Documents of joined sets that say the same as an earlier one: the id of that one by theirs."""


def query_set_hash(documents_hash: str, queries: Iterable[Query]) -> str:
    """Return the sha256 of the queries in normal form, in the order of `query_id`, on top of the corpus hash."""
    digest = hashlib.sha256(documents_hash.encode())
    for query in sorted(queries, key=lambda query: query.query_id):
        digest.update(b"\n")
        digest.update(json.dumps(_normal_form(query), ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


_LATER_FIELDS = ("history", "gold_grades", "rival_answers")


def _normal_form(query: Query) -> dict[str, object]:
    """Return a query's fields; one without those that were added later has the hash that it had before them."""
    # Not asdict(), which copies each text and takes longer than reading the file.
    values: dict[str, object] = {one.name: getattr(query, one.name) for one in fields(query)}
    values["evidence"] = [asdict(span) for span in query.evidence]
    values["history"] = [asdict(message) for message in query.history]
    return {name: value for name, value in values.items() if value or name not in _LATER_FIELDS}


def build_query_set(
    name: str, documents: Iterable[Document], queries: Iterable[Query], *, notices: tuple[str, ...] = ()
) -> QuerySet:
    """Put documents and queries together under their hashes."""
    kept_documents, kept_queries = tuple(documents), tuple(queries)
    documents_hash = corpus_hash(kept_documents)
    return QuerySet(
        name=name,
        documents=kept_documents,
        queries=kept_queries,
        query_set_hash=query_set_hash(documents_hash, kept_queries),
        corpus_hash=documents_hash,
        notices=notices,
    )
