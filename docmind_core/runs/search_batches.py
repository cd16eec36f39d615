"""Concurrent searches: the first one embeds the queries of all of them in one batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from docmind_core.retrieval.diversity import Similarities
from docmind_core.retrieval.search import RANKED_DOCUMENTS, Hit


class Searches(Protocol):
    """Anything that can search: the retrieval index, or a test double."""

    def of_query(self, query_id: str) -> "Searches":
        """Return what is searched for a query."""
        ...

    @property
    def prefix(self) -> str:
        """What the ids of its documents begin with, where its set was joined with others."""
        ...

    def search(self, strategy: str, query: str, k: int, *, documents: int = 0) -> tuple[Hit, ...]:
        """Return the `k` best hits, best first, and the next until `documents` documents are ranked."""
        ...

    def search_many(
        self, strategy: str, queries: Sequence[str], k: int, *, documents: int = 0
    ) -> tuple[tuple[Hit, ...], ...]:
        """Search for each query, embedding all of them in one batch."""
        ...

    def cosines(self, chunk_ids: Sequence[str]) -> Similarities | None:
        """Return the cosine of each pair of chunks; None without embeddings."""
        ...


@dataclass(slots=True, kw_only=True)
class _Batch:
    work: asyncio.Future[tuple[tuple[Hit, ...], ...]]
    waiting: set[str]
    """Queries whose hits have not been asked for yet: a repeated search is computed again."""


@dataclass(slots=True, kw_only=True)
class SearchBatches:
    """The batches of one query run."""

    index: Searches
    _batches: dict[tuple[str, tuple[str, ...], int], _Batch] = field(default_factory=dict)

    async def ranked(self, strategy: str, queries: Sequence[str], query: str, k: int) -> tuple[Hit, ...]:
        """Return the ranking for `query`, one of `queries`; made in a thread, so that calls are not blocked."""
        key = (strategy, tuple(queries), k)
        batch = self._batches.get(key)
        if batch is None or query not in batch.waiting:
            search = partial(self.index.search_many, strategy, queries, k, documents=RANKED_DOCUMENTS)
            work = asyncio.ensure_future(asyncio.to_thread(search))
            # All who wait may be cancelled before it fails; then its error must be read here.
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            batch = self._batches[key] = _Batch(work=work, waiting=set(queries))
        batch.waiting.discard(query)
        # Shielded: who gives up waiting must not take the result from the others.
        found = await asyncio.shield(batch.work)
        return found[key[1].index(query)]
