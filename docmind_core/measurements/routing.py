"""Whether routers chose well: their strategy against the one that finds a query's gold documents best."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from docmind_core.agents.levels import PerformanceLevel, retrieval_depth
from docmind_core.measurements.ranking import document_ranking, ndcg_at_k
from docmind_core.measurements.records import QueryRun, Score
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.retrieval.index import RetrievalIndex, hash_of_index, open_index
from docmind_core.retrieval.keyword import DEFAULT_LANGUAGE
from docmind_core.retrieval.search import RANKED_DOCUMENTS, STRATEGIES
from docmind_core.settings import Settings
from docmind_core.tables.columns import Columns, read_coded
from docmind_core.tables.segments import read_segment

ACCURACY, REGRET = "router_accuracy_ratio", "router_regret"

Row = Mapping[str, object]
StrategyQuality = Mapping[str, float]
"""nDCG@10 of one query, by search strategy."""
RouterScorer = Callable[[Query, QueryRun], tuple[Score, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What each strategy finds for each query, or why that is not known."""

    quality: Mapping[str, StrategyQuality] = field(default_factory=dict)
    """By query id; without the queries that have no gold document."""
    missing_because: str | None = None


class Routing:
    """Scores the routers of a benchmark run; what its arms have in common is searched for once."""

    def __init__(self, settings: Settings, query_set: QuerySet) -> None:
        self._settings = settings
        self._query_set = query_set
        self._oracles: dict[tuple[object, ...], Oracle] = {}

    def scorer_of(self, run_id: str) -> RouterScorer:
        """Return what scores a router's last decision on a query; of an arm that does not route, nothing."""
        columns = ("query_id", "replicate", "decision", "strategy")
        decisions = read_coded(self._settings.tables, "route_decisions", run_id, columns)
        if not len(decisions["decision"]):
            return lambda _query, _run: ()
        chosen, oracle = last_routes(decisions), self._oracle_of(run_id)

        def score(query: Query, run: QueryRun) -> tuple[Score, ...]:
            return router_scores(query, chosen.get((run.query_id, run.replicate)), oracle, failed=run.failed)

        return score

    def _oracle_of(self, run_id: str) -> Oracle:
        (run,) = read_segment(self._settings.tables, "runs", run_id)
        answered = read_coded(self._settings.tables, "query_runs", run_id, ["query_id"])["query_id"]
        asked = frozenset(map(str, answered))
        shared = (run["index_hash"], run["level"], run["manifest"], asked)
        if shared not in self._oracles:
            self._oracles[shared] = self._consult(run, [q for q in self._query_set.queries if q.query_id in asked])
        return self._oracles[shared]

    def _consult(self, run: Row, queries: Sequence[Query]) -> Oracle:
        suite = json.loads(str(run["manifest"] or "{}")).get("suite", {})
        if not set(STRATEGIES) <= set(suite.get("strategies", ())):
            return Oracle(missing_because="not_all_open")
        language = str(suite.get("language", DEFAULT_LANGUAGE))
        if hash_of_index(self._query_set.documents, language) != run["index_hash"]:
            return Oracle(missing_because="index_changed")
        judged = [query for query in queries if query.gold_doc_ids and not query.expected_abstain]
        if not judged:
            return Oracle()
        depth = retrieval_depth(PerformanceLevel(str(run["level"])), suite.get("top_k"))
        index = open_index(
            self._query_set.documents,
            folder=self._settings.indexes,
            strategies=STRATEGIES,
            announce=lambda _: None,
            language=language,
        )
        quality: dict[str, StrategyQuality] = {}
        for part in dict.fromkeys(index.of_query(query.query_id) for query in judged):
            of_part = [query for query in judged if index.of_query(query.query_id) is part]
            quality |= strategy_quality(part, of_part, depth.candidates_k)
        return Oracle(quality=quality)


def strategy_quality(index: RetrievalIndex, queries: Sequence[Query], candidates_k: int) -> dict[str, StrategyQuality]:
    """Return nDCG@10 of each strategy for each query itself, searched as deep as the run did.

    Args:
        index: Opened for all strategies; each embeds all queries in one batch.
        queries: Each with a gold document.
        candidates_k: Chunks that a search of the run returned to its agents.
    """
    found: dict[str, dict[str, float]] = {query.query_id: {} for query in queries}
    for strategy in STRATEGIES:
        texts = [query.text for query in queries]
        rankings = index.search_many(strategy, texts, candidates_k, documents=RANKED_DOCUMENTS)
        for query, hits in zip(queries, rankings, strict=True):
            ranked = document_ranking(hit.chunk.chunk_id for hit in hits)
            found[query.query_id][strategy] = ndcg_at_k(ranked, query.qrels, RANKED_DOCUMENTS)
    return dict(found)


def router_scores(query: Query, chosen: str | None, oracle: Oracle, *, failed: bool) -> tuple[Score, Score]:
    """Score one query's part in the router's accuracy, and its regret.

    Args:
        query: The query.
        chosen: The strategy that the router decided last; None when it was not asked.
        oracle: Of the same index and depth.
        failed: Whether the query failed.
    """
    quality, because = oracle.quality.get(query.query_id, {}), oracle.missing_because
    if because is None and not quality:
        because = "no_gold"
    if because is None and chosen is None:
        because = "failed_run" if failed else "not_routed"
    if because is not None or chosen is None:
        reason = str(because)
        return Score.missing(ACCURACY, because=reason), Score.missing(REGRET, because=reason)
    regret = max(quality.values()) - quality[chosen]
    # The gains are sums of the same few discounts: what differs by less is a tie, and all of a tie are right.
    right = math.isclose(regret, 0.0, abs_tol=1e-9)
    return Score(metric=ACCURACY, value=float(right)), Score(metric=REGRET, value=0.0 if right else regret)


def last_routes(decisions: Columns) -> dict[tuple[object, object], str]:
    """Return the strategy that each query run was searched with last, by (query_id, replicate).

    Args:
        decisions: Columns of `route_decisions`: query_id, replicate, decision and strategy.
    """
    order = np.argsort(decisions["decision"].numbers(), kind="stable")
    rows = (decisions[name].take(order) for name in ("query_id", "replicate", "strategy"))
    return {(query, replicate): str(strategy) for query, replicate, strategy in zip(*rows, strict=True)}
