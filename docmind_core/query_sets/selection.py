"""Which queries a benchmark asks when it has a limit."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from docmind_core.query_sets.queries import Query
from docmind_core.statistics.clusters import connected_components, question_key


def select_queries(queries: Sequence[Query], *, limit: int | None, seed: int) -> tuple[Query, ...]:
    """Return the first `limit` queries of a seeded shuffle; all of them, shuffled, without a limit.

    The order depends on the seed and the ids alone, so it is the same in each process, doesn't change when the file
    is sorted differently, and the selection for a smaller limit is the start of the one for a larger limit.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")

    def shuffle_key(query: Query) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}:{query.query_id}".encode()).digest(), query.query_id

    return tuple(sorted(queries, key=shuffle_key)[:limit])


def cluster_ids(queries: Sequence[Query], same: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return by query id what a query is not independent of: the connected component it is in.

    Two queries hang together when they share a gold document, or when they ask the same in the same words. A cluster is
    named after the first of its gold documents in the order of their ids, else of its queries: the same names in each
    process, whatever the order of the queries. `same` names documents that are another one's copy, by their ids.
    """
    components = connected_components(tuple(_traits(query, same)) for query in queries).tolist()
    names: dict[int, str] = {}
    for component, query in sorted(zip(components, queries, strict=True), key=lambda found: found[1].query_id):
        names.setdefault(component, query.query_id)
    documents: dict[int, str] = {}
    for component, query in zip(components, queries, strict=True):
        for doc_id in query.gold_doc_ids:
            documents[component] = min(documents.get(component, doc_id), doc_id)
    return {
        query.query_id: documents.get(component, names[component])
        for component, query in zip(components, queries, strict=True)
    }


def _traits(query: Query, same: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    yield from (("document", same.get(doc_id, doc_id)) for doc_id in query.gold_doc_ids)
    words = question_key(query.text)
    if words:  # the same words mean something else after another conversation
        yield ("question", words, *(f"{said.role}: {question_key(said.content)}" for said in query.history))
