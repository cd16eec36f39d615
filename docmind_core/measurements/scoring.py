"""Scoring a benchmark run: from its segments and the gold answers to the segment `measurements`."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from docmind_core.errors import StoreError
from docmind_core.measurements.records import QueryRun, Score
from docmind_core.measurements.routing import Routing
from docmind_core.measurements.scorer_process import ScorerProcess
from docmind_core.measurements.scorers import SCORERS
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.retrieval.chunks import chunk_documents
from docmind_core.settings import Settings
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.tables.columns import read_coded
from docmind_core.tables.segments import read_columns, read_parts, read_segment, run_ids_of, write_segment

Row = Mapping[str, object]
Versioned = tuple[str, Callable[[Query, QueryRun], tuple[Score, ...]]]
"""The version of a formula, and what it gives for one query run."""

ROUTING_VERSION = "4"
_AT_ONCE = 2**11
"""Query runs that are scored at once, with their texts and what each had to choose from."""
_OF_QUERY_RUNS = (
    *("query_id", "replicate", "phase", "status", "answer", "ended_because", "abstained"),
    *("citations", "passages", "passages_read_as"),
)


def score_benchmark_run(
    settings: Settings, benchmark_run: str, query_set: QuerySet, own: Sequence[OwnMetric] = ()
) -> int:
    """Score every query run of every finished arm, in place of earlier scores; return the number of rows.

    Args:
        settings: The home.
        benchmark_run: Its key.
        query_set: What it was asked, with the gold answers.
        own: The user's metrics. A scorer of theirs that fails costs its own values alone.

    Raises:
        StoreError: If the benchmark run has no arm yet, or ran on another version of `query_set`.
    """
    run_ids = run_ids_of(settings.tables, benchmark_run)
    if not run_ids:
        raise StoreError(
            f"benchmark run {benchmark_run!r} has no finished arm. Finish it first: docmind bench --resume"
        )
    for run_id in run_ids:
        _refuse_other_queries(settings.tables, run_id, query_set)
    queries = {query.query_id: query for query in query_set.queries}
    gold_chunks, routing = _gold_chunks(query_set), Routing(settings, query_set)
    scorers: list[Versioned] = [(scorer.version, _alone(scorer)) for scorer in SCORERS]
    rows = 0
    with ScorerProcess(own) as process:
        of_the_user: list[Versioned] = [(version, _alone(scorer)) for version, scorer in process.scorers()]
        for run_id in run_ids:
            of_run = [*scorers, (ROUTING_VERSION, routing.scorer_of(run_id)), *of_the_user]
            rows += _score_run(settings.tables, run_id, queries, gold_chunks, of_run)
    return rows


def _alone(scorer: Callable[[Query, QueryRun], Score]) -> Callable[[Query, QueryRun], tuple[Score, ...]]:
    return lambda query, run: (scorer(query, run),)


def _refuse_other_queries(folder: Path, run_id: str, query_set: QuerySet) -> None:
    for run in read_segment(folder, "runs", run_id, columns=("query_set_hash", "comparable")):
        asked, now = run["query_set_hash"], query_set.query_set_hash
        # A run resumed with --resume-anyway was asked both, and says that it can't be compared.
        if asked is not None and asked != now and run["comparable"] is not False:
            raise StoreError(
                f"the query set {query_set.name} has changed since {run_id} was asked "
                f"({str(asked)[:12]} → {now[:12]}), so its gold answers may differ. "
                "Restore the old version and resume, or start a new run."
            )


def _score_run(
    folder: Path,
    run_id: str,
    queries: Mapping[str, Query],
    gold_chunks: Mapping[str, str],
    scorers: Sequence[Versioned],
) -> int:
    count = 0

    def rows() -> Iterator[dict[str, object]]:
        nonlocal count
        for query, run in _query_runs(folder, run_id, queries, gold_chunks):
            for version, scores_of in scorers:
                scored = _rows(run_id, run, version, scores_of(query, run))
                count += len(scored)
                yield from scored

    write_segment(folder, "measurements", run_id, rows())
    return count


def _query_runs(
    folder: Path, run_id: str, queries: Mapping[str, Query], gold_chunks: Mapping[str, str]
) -> Iterator[tuple[Query, QueryRun]]:
    """Yield the measured query runs with their queries; no more than a part of them is held at once."""
    [logged] = read_columns(folder, "runs", run_id, ("retrieval_logged",))["retrieval_logged"] or [None]
    for records in read_parts(folder, "query_runs", run_id, _OF_QUERY_RUNS, rows=_AT_ONCE):
        candidates = _candidates(folder, run_id, [str(record["query_id"]) for record in records])
        for record in records:
            if record["phase"] == "warmup":
                continue
            query = queries.get(str(record["query_id"]))
            if query is None:
                raise StoreError(
                    f"run {run_id} answered the query {record['query_id']!r}, which is missing from the query set. "
                    "Use the query set of that run for scoring."
                )
            yield query, _query_run(record, candidates, gold_chunks, logged)


def _rows(run_id: str, run: QueryRun, version: str, scores: Sequence[Score]) -> list[dict[str, object]]:
    return [
        {
            "run_id": run_id,
            "query_id": run.query_id,
            "replicate": run.replicate,
            "metric": score.metric,
            "value": score.value,
            "missing_because": score.missing_because,
            "missing_detail": score.detail,
            "scorer_version": version,
            "draw": 0,
        }
        for score in scores
    ]


def _query_run(
    record: Row,
    candidates: Mapping[tuple[object, object], Sequence[str]],
    gold_chunks: Mapping[str, str],
    logged: object,
) -> QueryRun:
    answered = record["status"] == "answered"
    return QueryRun(
        query_id=str(record["query_id"]),
        replicate=int(str(record["replicate"])),
        answer=str(record["answer"] or "") if answered else None,
        ended_because=str(record["ended_because"]) if record["ended_because"] else None,
        abstained=bool(record["abstained"]) if answered else None,
        cited_chunk_ids=_names(record["citations"]),
        candidate_chunk_ids=tuple(candidates.get((record["query_id"], record["replicate"]), ())),
        ranking_known=logged != "nothing",
        reading_known=logged in {"passages", None} and not (answered and record["passages"] is None),
        passages=_as_read(record, gold_chunks),
    )


def _as_read(record: Row, gold_chunks: Mapping[str, str]) -> dict[str, str]:
    """Return the text of the gold documents' passages as the synthesizer read it, cut where the window cut it."""
    read_as = json.loads(str(record["passages_read_as"])) if record.get("passages_read_as") else {}
    texts = {**gold_chunks, **read_as}
    return {chunk_id: texts[chunk_id] for chunk_id in _names(record["passages"]) if chunk_id in texts}


def _names(text: object) -> tuple[str, ...]:
    return tuple(json.loads(str(text))) if text else ()


def _candidates(folder: Path, run_id: str, query_ids: Collection[str]) -> dict[tuple[object, object], list[str]]:
    """Return the ranked chunks that each query run had to choose from."""
    columns = ("query_id", "replicate", "ranking", "rank", "chunk_id")
    found = read_coded(folder, "retrieved", run_id, columns, where=("query_id", query_ids))
    at = np.flatnonzero(found["ranking"].each(lambda ranking: ranking == "candidates", bool))
    at = at[np.argsort(found["rank"].take(at).numbers(), kind="stable")]
    rows = (found[name].take(at) for name in ("query_id", "replicate", "chunk_id"))
    by_query: dict[tuple[object, object], list[str]] = {}
    for query, replicate, chunk in zip(*rows, strict=True):
        by_query.setdefault((query, replicate), []).append(str(chunk))
    return by_query


def _gold_chunks(query_set: QuerySet) -> dict[str, str]:
    """Return the text of every chunk that may hold evidence; cutting a whole corpus would take much longer."""
    gold = {span.doc_id for query in query_set.queries for span in query.evidence}
    documents = (document for document in query_set.documents if document.doc_id in gold)
    return {chunk.chunk_id: chunk.text for chunk in chunk_documents(documents)}
