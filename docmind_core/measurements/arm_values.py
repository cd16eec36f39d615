"""The values of one arm, query by query, as comparisons need them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.errors import StoreError
from docmind_core.measurements.paired import QueryValues, Row, number, values_of
from docmind_core.tables.segments import read_segment

TOKEN_METRICS = ("billed_tokens", "computed_tokens")
NOT_OF_THIS_PART = "zero_denominator"
"""Reason of a query that a ratio is not over: it is not left out of the ratio's pairs, it was never in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmValues:
    """What the queries of one finished arm cost and scored, warm-up left out."""

    row: Row
    """Of `runs`."""
    query_rows: Sequence[Row]
    """Of `query_runs`."""
    scores: Sequence[Row]
    """Of `measurements`."""
    metrics: Mapping[str, QueryValues]
    clusters: Mapping[str, str]
    """Cluster by query id."""
    slices: Mapping[str, frozenset[str]]
    """Query ids by query type and by `tag:<tag>`."""

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return str(self.row["run_id"])

    @property
    def queries(self) -> frozenset[str]:
        """Ids of all queries."""
        return frozenset(self.clusters)


def read_arm_values(folder: Path, run_id: str, quality_metrics: Sequence[str]) -> ArmValues:
    """Read the segments of one arm.

    Raises:
        StoreError: If the arm was not scored.
    """
    queries = [query for query in read_segment(folder, "query_runs", run_id) if query["phase"] != "warmup"]
    scores = read_segment(folder, "measurements", run_id)
    if queries and not scores:
        raise StoreError(f"run {run_id} is not scored yet. Score it first: materialize the asset `measurements`.")
    measured = {(query["query_id"], query["replicate"]) for query in queries}
    kept = [score for score in scores if (score["query_id"], score["replicate"]) in measured]
    metrics = {
        "billed_tokens": values_of(queries, lambda query: number(query["billed_tokens"])),
        "computed_tokens": values_of(queries, _computed_tokens),
    }
    for metric in quality_metrics:
        rows = [row for row in kept if row["metric"] == metric and row["missing_because"] != NOT_OF_THIS_PART]
        metrics[metric] = values_of(rows, lambda score: number(score["value"]))
    return ArmValues(
        row=read_segment(folder, "runs", run_id)[0],
        query_rows=queries,
        scores=kept,
        metrics=metrics,
        clusters={str(query["query_id"]): str(query["cluster_id"] or query["query_id"]) for query in queries},
        slices=_slices(queries),
    )


def slices_of(query: Row) -> tuple[str, ...]:
    """Return the names of the slices that a row of `query_runs` is in: its type, and one for each of its tags."""
    tags = json.loads(str(query["tags"])) if query.get("tags") else []
    return (str(query["query_type"] or "unknown"), *(f"tag:{tag}" for tag in tags))


def _slices(queries: Sequence[Row]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for query in queries:
        for name in slices_of(query):
            found.setdefault(name, set()).add(str(query["query_id"]))
    return {name: frozenset(found[name]) for name in sorted(found)}


def _computed_tokens(query: Row) -> float | None:
    prefill, completion = number(query["prefill_computed_tokens"]), number(query["completion_tokens"])
    return None if prefill is None or completion is None else prefill + completion
