"""Semantic search: the cosine between the vectors of query and chunk, for every chunk."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from docmind_core.errors import RetrievalError
from docmind_core.retrieval.chunks import indexed_text
from docmind_core.retrieval.encoder_files import INSTALL
from docmind_core.retrieval.ranking import best_hits
from docmind_core.retrieval.search import Chunk, Hit

try:
    from docmind_core.retrieval.encoder import Vectors, shared_encoder
except ImportError as error:
    raise RetrievalError(f"semantic search needs {error.name}, which is not installed: {INSTALL}") from error

VECTORS_FILE = "vectors.npy"
COSINE_DECIMALS = 5
"""Closer scores tie: a vector's last digits depend on the texts that shared its batch."""
ANNOUNCE_EVERY_S = 10.0


class SemanticSearcher:
    """Exact cosine over MiniLM vectors; safe to share by threads."""

    def __init__(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        self._chunks = chunks
        self._vectors = vectors
        self._encoder = shared_encoder()

    @classmethod
    def load(cls, folder: Path, chunks: Sequence[Chunk]) -> "SemanticSearcher":
        """Read what `save_vectors` wrote for the same chunks."""
        return cls(chunks, np.load(folder / VECTORS_FILE))

    def search(self, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the chunks nearest in meaning, best first; none for a blank query.

        A query beyond the encoder's 256 tokens is cut.
        """
        return self.search_many([query], k, documents=documents)[0]

    def search_many(self, queries: Sequence[str], k: int, *, documents: int = 0) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, as `Searcher` says, embedding all in one batch."""
        scores = np.round(self._encoder.embed(queries) @ self._vectors.T, COSINE_DECIMALS)
        return tuple(
            best_hits(self._chunks, row, k, above=None, documents=documents) if query.strip() else ()
            for query, row in zip(queries, scores, strict=True)
        )

    def cosines(self, chunk_ids: Sequence[str]) -> list[list[float]]:
        """Return the cosine of each pair of chunks."""
        position = {chunk.chunk_id: number for number, chunk in enumerate(self._chunks)}
        vectors = self._vectors[[position[chunk_id] for chunk_id in chunk_ids]]
        cosines: list[list[float]] = np.round(vectors @ vectors.T, COSINE_DECIMALS).tolist()
        return cosines


def save_vectors(folder: Path, chunks: Sequence[Chunk], announce: Callable[[str], None]) -> None:
    """Embed chunks, saying how far it is and how long it takes, and write the vectors into `folder`."""
    started_s = announced_s = time.monotonic()

    def report(done: int, share: float) -> None:
        nonlocal announced_s
        now_s = time.monotonic()
        if now_s - announced_s >= ANNOUNCE_EVERY_S and done < len(chunks):
            left_s = (now_s - started_s) / share * (1 - share)
            announce(f"embedding chunks: {done:,} of {len(chunks):,}, about {left_s:.0f} s left")
            announced_s = now_s

    announce(f"embedding {len(chunks):,} chunks; needed only once for these documents")
    vectors = shared_encoder().embed([indexed_text(chunk) for chunk in chunks], report=report)
    np.save(folder / VECTORS_FILE, vectors)
