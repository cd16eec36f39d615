"""Which queries a benchmark asks when it has a limit."""

import hashlib
from collections.abc import Sequence

from docmind_core.query_sets.queries import Query


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
