"""What a search returns, and what can search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from docmind_core.retrieval.diversity import Similarities

KEYWORD = "keyword_search"
SEMANTIC = "semantic_search"
HYBRID = "hybrid_search"
STRATEGIES = (KEYWORD, SEMANTIC, HYBRID)


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


class Searcher(Protocol):
    """Anything that ranks chunks for a text."""

    def search(self, query: str, k: int) -> tuple[Hit, ...]:
        """Return at most `k` hits, best first; none when nothing matches."""
        ...

    def search_many(self, queries: Sequence[str], k: int) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query; what the queries have in common is done once."""
        ...


class ComparingSearcher(Searcher, Protocol):
    """A searcher that also says how near chunks are to each other."""

    def cosines(self, chunk_ids: Sequence[str]) -> Similarities:
        """Return the cosine of each pair of chunks."""
        ...


def fuse_rankings(rankings: Sequence[tuple[Hit, ...]], *, constant: int = 60) -> tuple[Hit, ...]:
    """Fuse rankings by reciprocal rank: score = sum of 1 / (constant + rank), ranks from 1.

    Ties are broken by `chunk_id`, so that the result does not depend on the order of the rankings.
    Source: Cormack, Clarke and Büttcher 2009, https://doi.org/10.1145/1571941.1572114.
    """
    scores: dict[str, float] = {}
    chunks: dict[str, Chunk] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            chunks[hit.chunk.chunk_id] = hit.chunk
            scores[hit.chunk.chunk_id] = scores.get(hit.chunk.chunk_id, 0.0) + 1.0 / (constant + rank)
    ordered = sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))
    return tuple(Hit(chunk=chunks[chunk_id], score=scores[chunk_id]) for chunk_id in ordered)


def candidate_ranking(rankings: Sequence[tuple[Hit, ...]]) -> tuple[Hit, ...]:
    """Return the one ranking that a query's searches amount to: itself if there is one, else their fusion."""
    return rankings[0] if len(rankings) == 1 else fuse_rankings(rankings)
