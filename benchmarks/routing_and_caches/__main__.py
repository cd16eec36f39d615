"""Time of a router's rules and of a hit in the result cache: python -m benchmarks.routing_and_caches."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from docmind_core.agents.levels import PerformanceLevel
from docmind_core.agents.routing_rules import route_by_rules
from docmind_core.query_sets.python_reference.questions import topic_documents, written_queries
from docmind_core.retrieval.chunks import chunk_documents
from docmind_core.retrieval.search import Hit
from docmind_core.runs.cache_store import CacheStore
from docmind_core.runs.journal import QueryKey
from docmind_core.runs.result_caches import ArmCaches, CacheFacts, ResultCaches

ROUNDS = 20
HITS = 15
FACTS = CacheFacts(
    level="balanced", model="m", model_revision=None, index_hash="i", prompt_hash="p", rules_version="r", arm="tuned"
)


def main() -> None:
    """Print a table of milliseconds."""
    questions = [query.query for query in written_queries()]
    print("what | n | median ms | p95 ms")
    for level in PerformanceLevel:
        show(f"rules, {level}", time_rules(questions, level))
    with tempfile.TemporaryDirectory() as folder:
        store = CacheStore(Path(folder) / "caches.sqlite")
        caches = ArmCaches(store=store, facts=FACTS).of_query(QueryKey(run_id="r", query_id="q", replicate=0))
        for name, times in asyncio.run(time_hits(questions, caches)).items():
            show(name, times)
        store.close()


def time_rules(questions: Sequence[str], level: PerformanceLevel) -> list[float]:
    """Return the milliseconds of each decision by rules."""
    return [
        timed(lambda question=question: route_by_rules(question, level, now_s=time.monotonic))  # type: ignore[misc]
        for _ in range(ROUNDS)
        for question in questions
    ]


async def time_hits(questions: Sequence[str], caches: ResultCaches) -> dict[str, list[float]]:
    """Return the milliseconds of each hit: a route, and a search with fifteen passages of real length."""
    chunks = list(chunk_documents(topic_documents()))[:HITS]
    found = tuple(Hit(chunk=chunk, score=1.0 / rank) for rank, chunk in enumerate(chunks, start=1))

    async def route() -> dict[str, Any]:
        return {"strategy": "keyword_search", "confidence": 0.8}

    async def search() -> tuple[Hit, ...]:
        return found

    looked_up: dict[str, Callable[[str], Awaitable[Any]]] = {
        "hit, route": lambda question: caches.remembered("router", question, route),
        "hit, 15 passages": lambda question: caches.hits(question, search, strategy="keyword_search"),
    }
    times: dict[str, list[float]] = {}
    for name, look_up in looked_up.items():
        for question in questions:
            await look_up(question)
        times[name] = []
        for question in [*questions] * ROUNDS:
            began = time.perf_counter()
            await look_up(question)
            times[name].append(1000 * (time.perf_counter() - began))
    return times


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def show(name: str, times: Sequence[float]) -> None:
    """Print a row."""
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name} | {len(times):,} | {statistics.median(times):.3f} | {p95:.3f}", flush=True)


if __name__ == "__main__":
    main()
