"""Queries with their gold answers; the system under test may not import this module."""

from dataclasses import dataclass

from docmind_core.query_sets.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of a gold document that supports the answer."""

    doc_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question, what counts as a right answer, and where the answer stands."""

    query_id: str
    text: str
    gold_answers: tuple[str, ...] = ()
    """Accepted short answers; empty when the documents don't answer the query, or when nobody wrote one."""
    gold_doc_ids: tuple[str, ...] = ()
    """Every document that holds the evidence."""
    query_type: str = "factoid"
    expected_abstain: bool = False
    """True when the documents don't answer the query: the right behaviour is to say so."""
    free_form: bool = False
    """True when the gold answer is a sentence to be judged, not a string to be matched."""
    evidence: tuple[Evidence, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def cluster_id(self) -> str:
        """The first gold document, else the query itself: queries about one document aren't independent."""
        return self.gold_doc_ids[0] if self.gold_doc_ids else self.query_id


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
