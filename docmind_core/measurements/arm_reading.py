"""Reading the values of one arm from its segments, part by part: its texts may not fit into memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from docmind_core.errors import StoreError
from docmind_core.measurements.arm_values import OF_TEXTS, ArmValues, Row
from docmind_core.statistics.clusters import question_key
from docmind_core.suites.own_metrics import own_metrics_of
from docmind_core.tables.columns import Column, are_among, coded, query_keys, read_coded, rows_kept
from docmind_core.tables.segments import read_batches, read_parts, read_segment

if TYPE_CHECKING:
    import pyarrow as pa

_OF_QUERIES = (
    *("query_id", "replicate", "phase", "block", "cluster_id", "query_type", "tags"),
    *("status", "fallback", "calls", "billed_tokens", "completion_tokens", "prefill_computed_tokens"),
    *("tokens_missing_because", "cached_missing_because", "supervisor_tokens", "handoff_tokens"),
    *("coordination_overhead_s", "context_utilisation_ratio", "cache_hits"),
)
_OF_SCORES = ("query_id", "replicate", "metric", "value", "missing_because", "draw", "scorer_version")


def read_arm_values(folder: Path, run_id: str, metrics: Sequence[str], *, unscored: bool = False) -> ArmValues:
    """Read the segments of one arm: `metrics` of `measurements`, and the user's own.

    Raises:
        StoreError: If the arm was not scored, unless `unscored` lets that pass.
    """
    row = read_segment(folder, "runs", run_id)[0]
    own = own_metrics_of(row["manifest"])
    rows = {**read_coded(folder, "query_runs", run_id, _OF_QUERIES), **_of_texts(folder, run_id)}
    rows = rows_kept(rows, rows["phase"].each(lambda phase: phase != "warmup", bool))
    scores = read_coded(folder, "measurements", run_id, _OF_SCORES, where=("metric", (*metrics, *own)))
    if len(rows["phase"]) and not (unscored or len(scores["metric"])) and not _is_scored(folder, run_id):
        raise StoreError(f"run {run_id} is not scored yet. Score it first: materialize the asset `measurements`.")
    names = {str(query_id): place for place, query_id in enumerate(rows["query_id"].values)}
    measured = are_among(query_keys(scores, names), query_keys(rows, names))
    scores = rows_kept(scores, measured & ~scores["draw"].each(bool, bool))
    return ArmValues(folder=folder, row=row, rows=rows, scores=scores)


def _is_scored(folder: Path, run_id: str) -> bool:
    return any(len(part) for part in read_batches(folder, "measurements", run_id, ("metric",)))


def _of_texts(folder: Path, run_id: str) -> dict[str, Column]:
    """Return what is needed of texts, which may not fit into memory; `texts` reads those of some queries."""
    parts = read_parts(folder, "query_runs", run_id, ("query", "earlier_turns", "answer"))
    return coded(map(_hashed, parts), OF_TEXTS)


def _hashed(rows: Sequence[Row]) -> "pa.RecordBatch":
    import pyarrow as pa

    asked, questions, empty = list[int | None](), list[int | None](), list[bool]()
    for row in rows:
        text, answer = row["query"], row["answer"]
        words = "" if text is None or row["earlier_turns"] else question_key(str(text))
        asked.append(None if text is None else hash(text))
        questions.append(hash(words) if words else None)
        empty.append(answer is not None and not str(answer).strip())
    columns = [pa.array(asked, pa.int64()), pa.array(questions, pa.int64()), pa.array(empty)]
    return pa.record_batch(columns, names=list(OF_TEXTS))
