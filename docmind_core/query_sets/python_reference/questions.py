"""The topics of the running Python as documents, and queries about them, written by hand, with the gold found there."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from pydantic import BaseModel, ConfigDict

from docmind_core.errors import QuerySetError
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.queries import Evidence, Query

QUERIES_FILE = "queries.jsonl"
FOUND_SHARE_MIN = 0.75
"""Below this share of queries whose evidence is found, the running Python's reference is another text."""
HEADING = re.compile(r"\s*(?P<title>\S.*)\n(?P<mark>[*=\-~^\"])(?P=mark)+\n+")


class WrittenQuery(BaseModel):
    """One line of `queries.jsonl`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query_id: str
    query: str
    type: str
    tags: list[str] = []
    answers: list[str] = []
    free_wording: list[str] = []
    """The answers that no topic words so; all others are found near the evidence."""
    evidence: list[list[str]] = []
    """Spans that are all needed; each is a list of wordings, of other topics or other versions of Python."""
    expected_abstain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedQueries:
    """The queries that the running Python's topics can answer, or are known not to."""

    queries: tuple[Query, ...]
    notices: tuple[str, ...]
    """One line for each query left out, because no topic contains its evidence."""


def written_queries() -> tuple[WrittenQuery, ...]:
    """Return the queries as they were written, in the order of their file."""
    file = resources.files("docmind_core.query_sets.python_reference") / QUERIES_FILE
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(WrittenQuery.model_validate(json.loads(line)) for line in lines)


def locate(written: Sequence[WrittenQuery], documents: Sequence[Document]) -> LocatedQueries:
    """Give each query every document that holds its evidence as gold.

    Topics are nested (`for` in `compound`), so a span has several documents, and finding any is right.

    Raises:
        QuerySetError: If so much evidence is missing that the set would no longer be the same.
    """
    # The shortest document comes first: it is about the matter.
    by_length = sorted(documents, key=lambda document: (len(document.text), document.doc_id))
    texts = {document.doc_id: " ".join(document.text.split()) for document in by_length}
    queries: list[Query] = []
    notices: list[str] = []
    for item in written:
        spans = [_found(wordings, texts) for wordings in item.evidence]
        if all(spans):
            queries.append(_query(item, spans, texts))
        else:
            missing = item.evidence[spans.index([])][0]
            notices.append(f"query {item.query_id} was left out: no topic of this Python version contains {missing!r}")
    if len(queries) < FOUND_SHARE_MIN * len(written):
        raise QuerySetError(
            f"`python-reference` does not match this Python version: for {len(notices)} of {len(written)} queries, "
            f"no topic contains the evidence (first: {notices[0]}). The queries were written for Python 3.11"
        )
    return LocatedQueries(queries=tuple(queries), notices=tuple(notices))


def _found(wordings: Sequence[str], texts: Mapping[str, str]) -> list[Evidence]:
    return [
        Evidence(doc_id=doc_id, text=wording, need=wordings[0])
        for wording in wordings
        for doc_id, text in texts.items()
        if " ".join(wording.split()) in text
    ]


def _query(item: WrittenQuery, spans: Sequence[Sequence[Evidence]], texts: Mapping[str, str]) -> Query:
    evidence = tuple(place for span in spans for place in span)
    holders = {place.doc_id for place in evidence}
    return Query(
        query_id=f"py_{item.query_id}",
        text=item.query,
        gold_answers=tuple(item.answers),
        gold_doc_ids=tuple(doc_id for doc_id in texts if doc_id in holders),
        query_type=item.type,
        expected_abstain=item.expected_abstain,
        evidence=evidence,
        tags=tuple(item.tags),
    )


def topic_documents() -> tuple[Document, ...]:
    """Return one document per topic of `pydoc_data.topics`, in the order of their ids, `py_<topic>`.

    The text differs between versions of Python, so the hash does: a series of benchmarks belongs to one version.

    Raises:
        QuerySetError: If this Python was packed without its topics.
    """
    try:
        from pydoc_data.topics import topics  # noqa: PLC0415 - 700 kB, and some distributions leave it out
    except ImportError as error:
        raise QuerySetError(
            "this Python comes without its reference topics (pydoc_data), so `python-reference` has no documents. "
            "Install the full standard library (on Debian: libpython3-stdlib), or use a folder as the query set"
        ) from error
    return tuple(_document(topic, topics[topic]) for topic in sorted(topics))


def _document(topic: str, text: str) -> Document:
    heading = HEADING.match(text)
    if heading is None:
        return Document(doc_id=f"py_{topic}", title=topic, text=text.strip("\n"))
    return Document(doc_id=f"py_{topic}", title=heading["title"], text=text[heading.end() :].strip("\n"))
