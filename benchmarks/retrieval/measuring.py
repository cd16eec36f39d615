"""Builds an index, searches it with every query of a set, and takes the figures."""

import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import mannwhitneyu

from docmind_core.measurements.ranking import document_ranking, full_at_k, mrr_at_k, ndcg_at_k, recall_at_k
from docmind_core.query_sets.documents import Document, corpus_hash
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.retrieval.chunks import TITLE_END
from docmind_core.retrieval.encoder_files import SEMANTIC_SETTINGS
from docmind_core.retrieval.index import open_index
from docmind_core.retrieval.keyword import KEYWORD_SETTINGS, KeywordSearcher
from docmind_core.retrieval.ranking import HybridSearcher
from docmind_core.retrieval.saved_parts import open_part
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, Chunk, Hit, Searcher

DEPTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one query set, unit and strategy."""

    figures: dict[str, float]
    units: int
    search_ms: float
    """Median over the queries."""


def announce(text: str) -> None:
    print(f"  {text}", flush=True)


def open_searchers(
    query_set: QuerySet, unit: str, strategies: Sequence[str], folder: Path
) -> tuple[dict[str, Searcher], int]:
    """Return a searcher for each strategy, and the number of units in the index."""
    if unit == "chunk":
        index = open_index(query_set.documents, folder=folder, strategies=strategies, announce=announce)
        return {strategy: _IndexSearcher(index, strategy) for strategy in strategies}, len(index.chunks)
    return _whole_documents(query_set.documents, strategies, folder), len(query_set.documents)


class _IndexSearcher:
    def __init__(self, index: object, strategy: str) -> None:
        self._index, self._strategy = index, strategy

    def search(self, query: str, k: int) -> tuple[Hit, ...]:
        return self._index.search(self._strategy, query, k)

    def search_many(self, queries: Sequence[str], k: int) -> tuple[tuple[Hit, ...], ...]:
        return self._index.search_many(self._strategy, queries, k)


def _whole_documents(documents: Sequence[Document], strategies: Sequence[str], folder: Path) -> dict[str, Searcher]:
    """Index each document as one chunk, however long; the encoder reads its first 256 tokens."""
    units = [
        Chunk(
            chunk_id=f"{document.doc_id}#0",
            doc_id=document.doc_id,
            title=document.title,
            text=document.text,
            position=0,
        )
        for document in sorted(documents, key=lambda document: document.doc_id)
    ]
    settings = json.dumps(
        [corpus_hash(documents), "whole documents", TITLE_END, KEYWORD_SETTINGS, SEMANTIC_SETTINGS], sort_keys=True
    )
    home = folder / hashlib.sha256(settings.encode()).hexdigest()
    searchers: dict[str, Searcher] = {}
    if KEYWORD in strategies or HYBRID in strategies:
        searchers[KEYWORD] = open_part(
            home,
            "keyword",
            build=lambda part: KeywordSearcher.build(units).save(part),
            load=lambda part: KeywordSearcher.load(part, units),
            announce=announce,
        )
    if SEMANTIC in strategies or HYBRID in strategies:
        from docmind_core.retrieval.semantic import SemanticSearcher, save_vectors  # noqa: PLC0415 - needs torch

        searchers[SEMANTIC] = open_part(
            home,
            "semantic",
            build=lambda part: save_vectors(part, units, announce),
            load=lambda part: SemanticSearcher.load(part, units),
            announce=announce,
        )
    if HYBRID in strategies:
        searchers[HYBRID] = HybridSearcher(searchers[KEYWORD], searchers[SEMANTIC])
    return searchers


def measure(searcher: Searcher, queries: Sequence[Query], units: int) -> Result:
    """Search for each query, one at a time, and average the figures over those that have gold documents."""
    searcher.search(queries[0].text, DEPTH)
    times_ms, rankings = [], {}
    for query in queries:
        started_s = time.perf_counter()
        rankings[query.query_id] = searcher.search(query.text, DEPTH)
        times_ms.append((time.perf_counter() - started_s) * 1000)
    scored = [
        (document_ranking(hit.chunk.chunk_id for hit in rankings[query.query_id]), query.qrels)
        for query in queries
        if query.gold_doc_ids
    ]
    figures = {
        f"recall@{k}": statistics.fmean(recall_at_k(ranked, gold, k) for ranked, gold in scored) for k in (1, 5, 10)
    }
    figures |= {f"full@{k}": statistics.fmean(full_at_k(ranked, gold, k) for ranked, gold in scored) for k in (5, 10)}
    figures["ndcg@10"] = statistics.fmean(ndcg_at_k(ranked, gold, 10) for ranked, gold in scored)
    figures["mrr@10"] = statistics.fmean(mrr_at_k(ranked, gold, 10) for ranked, gold in scored)
    figures["auroc"] = _auroc(queries, rankings)
    return Result(figures=figures, units=units, search_ms=statistics.median(times_ms))


def _auroc(queries: Sequence[Query], rankings: dict[str, tuple[Hit, ...]]) -> float:
    """Return how well the best score tells answerable queries from others: 0.5 is useless, 1 perfect."""
    best = {query_id: hits[0].score if hits else 0.0 for query_id, hits in rankings.items()}
    answerable = [best[query.query_id] for query in queries if not query.expected_abstain]
    others = [best[query.query_id] for query in queries if query.expected_abstain]
    return float(mannwhitneyu(answerable, others).statistic) / (len(answerable) * len(others))
