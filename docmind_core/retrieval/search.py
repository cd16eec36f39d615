"""What a search returns, and what can search."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from docmind_core.retrieval.diversity import Similarities

KEYWORD = "keyword_search"
SEMANTIC = "semantic_search"
HYBRID = "hybrid_search"
STRATEGIES = (KEYWORD, SEMANTIC, HYBRID)
RANKED_DOCUMENTS = 10
"""Documents that a ranking is judged by: the cut-off of `ndcg@10`. A document may take several chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage of a document: at most 200 tokens of the encoder, the title counted."""

    chunk_id: str
    """`<doc_id>#<position>`."""
    doc_id: str
    title: str
    text: str
    position: int
    """0 for the first chunk of its document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result; hits come best first, ties in the order of `chunk_id`."""

    chunk: Chunk
    score: float
    """Higher is better; comparable within one search only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search of a query: what its agent was given, and the longer ranking that retrieval is judged by."""

    hits: tuple[Hit, ...]
    ranked: tuple[Hit, ...]
    """Begins with `hits`."""


class Searcher(Protocol):
    """Anything that ranks chunks for a text."""

    def search(self, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Search for one query."""
        ...

    def search_many(self, queries: Sequence[str], k: int, *, documents: int = 0) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query; what the queries have in common is done once.

        Each ranking holds the `k` best hits, best first, and where they are of fewer than `documents` documents, the
        next ones too, until so many documents are ranked. It is shorter only where no more chunks match.
        """
        ...


class ComparingSearcher(Searcher, Protocol):
    """A searcher that also says how near chunks are to each other."""

    def cosines(self, chunk_ids: Sequence[str]) -> Similarities:
        """Return the cosine of each pair of chunks."""
        ...


def fuse_rankings(rankings: Sequence[Sequence[Hit]], *, constant: int = 60, before: int = 0) -> tuple[Hit, ...]:
    """Fuse rankings by reciprocal rank: score = sum of 1 / (constant + rank), ranks from 1 after the `before` left out.

    Ties are broken by `chunk_id`, so that the result does not depend on the order of the rankings.
    Source: Cormack, Clarke and Büttcher 2009, https://doi.org/10.1145/1571941.1572114.
    """
    scores: dict[str, float] = {}
    chunks: dict[str, Chunk] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=before + 1):
            chunks[hit.chunk.chunk_id] = hit.chunk
            scores[hit.chunk.chunk_id] = scores.get(hit.chunk.chunk_id, 0.0) + 1.0 / (constant + rank)
    ordered = sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))
    return tuple(Hit(chunk=chunks[chunk_id], score=scores[chunk_id]) for chunk_id in ordered)


def cut_ranking(ranked: Sequence[Hit], k: int, documents: int) -> tuple[Hit, ...]:
    """Return the first `k` hits, and as many more as it takes to rank `documents` documents."""
    return tuple(ranked[: count_ranked((hit.chunk.doc_id for hit in ranked), k, documents)])


def count_ranked(doc_ids: Iterable[str], k: int, documents: int) -> int | None:
    """Return how many of a ranking are `k` hits and those that follow until `documents` documents; None for all."""
    seen: set[str] = set()
    for place, doc_id in enumerate(doc_ids):
        if place >= k and len(seen) >= documents:
            return place
        seen.add(doc_id)
    return None


def candidate_ranking(rankings: Sequence[tuple[Hit, ...]]) -> tuple[Hit, ...]:
    """Return the one ranking that a query's searches amount to: itself if there is one, else their fusion."""
    return rankings[0] if len(rankings) == 1 else fuse_rankings(rankings)


def deeper_hits(candidates: Sequence[Hit], searches: Sequence["Search"], documents: int) -> tuple[Hit, ...]:
    """Return what follows `candidates` until `documents` documents are ranked: what their searches found further down.

    Args:
        candidates: What agents chose from, in their order.
        searches: All searches of the query; one whose hits are not all among the candidates did not lead to them.
        documents: To be ranked by both together; fewer only where the searches found no more.
    """
    ranked = {hit.chunk.chunk_id for hit in candidates}
    led_here = [search.ranked for search in searches if ranked.issuperset(hit.chunk.chunk_id for hit in search.hits)]
    below = [hit for hit in candidate_ranking(led_here) if hit.chunk.chunk_id not in ranked] if led_here else []
    return cut_ranking([*candidates, *below], len(candidates), documents)[len(candidates) :]
