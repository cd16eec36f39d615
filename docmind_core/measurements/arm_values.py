"""The values of one arm, query by query, as comparisons need them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docmind_core.errors import StoreError
from docmind_core.metrics.metric import Metric
from docmind_core.statistics.clusters import question_key
from docmind_core.suites.own_metrics import own_metrics_of
from docmind_core.tables.segments import read_columns, read_segment

Row = Mapping[str, object]
Numbers = NDArray[np.float64]
"""One number per query; NaN where there is none."""
Marks = NDArray[np.bool_]

TOKEN_METRICS = ("billed_tokens", "computed_tokens")
NOT_OF_THIS_PART = "zero_denominator"
"""Reason of a query that a ratio is not over: it is not left out of the ratio's pairs, it was never in."""
INCOMPLETE = "a replicate is missing"

_OF_QUERIES = (
    *("query_id", "replicate", "phase", "block", "cluster_id", "query", "earlier_turns", "query_type", "tags"),
    *("status", "fallback", "answer", "calls", "billed_tokens", "completion_tokens", "prefill_computed_tokens"),
    *("tokens_missing_because", "cached_missing_because", "supervisor_tokens", "handoff_tokens"),
    *("coordination_overhead_s", "context_utilisation_ratio", "cache_hits"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryValues:
    """One metric of one arm, a value per query: the mean over its replicates."""

    values: Numbers
    """NaN for a query that lacks the value in one replicate."""
    asked: Marks
    """Queries that the metric is over at all."""
    reasons: Mapping[int, str]
    """Why a query has no value, by its place."""
    is_pass_fail: bool = False
    """Whether every score in the means is 0 or 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ArmValues:
    """What the queries of one finished arm cost and scored, warm-up left out."""

    folder: Path
    row: Row
    """Of `runs`."""
    rows: Mapping[str, Sequence[object]]
    """Columns of the measured rows of `query_runs`."""
    scores: Mapping[str, Sequence[object]]
    """Columns of the rows of `measurements` that belong to them."""

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return str(self.row["run_id"])

    @property
    def arm(self) -> str:
        """Name of the arm."""
        return str(self.row["arm"])

    @cached_property
    def own_metrics(self) -> dict[str, Metric]:
        """The user's own metrics by name, as they were declared when the run began."""
        return own_metrics_of(self.row.get("manifest"))

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """Ids of all queries, sorted."""
        return tuple(sorted({str(query_id) for query_id in self.rows["query_id"]}))

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Place of a query by its id."""
        return {query_id: place for place, query_id in enumerate(self.queries)}

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Place of the query of each row."""
        return np.array([self.place_of[str(query_id)] for query_id in self.rows["query_id"]], dtype=np.int64)

    @cached_property
    def row_places(self) -> dict[str, list[int]]:
        """Places of the rows of each query, in the order of its replicates."""
        found: dict[str, list[int]] = {}
        for at in sorted(range(len(self.rows["query_id"])), key=lambda at: int(str(self.rows["replicate"][at]))):
            found.setdefault(str(self.rows["query_id"][at]), []).append(at)
        return found

    @cached_property
    def replicates(self) -> NDArray[np.int64]:
        """Rows of each query."""
        return np.bincount(self.places, minlength=len(self.queries))

    @cached_property
    def complete(self) -> Marks:
        """Whether each query has a row for each replicate that the run was to have."""
        planned = self.row.get("replicates")
        most = int(self.replicates.max()) if len(self.replicates) else 0
        return np.asarray(self.replicates == (planned if isinstance(planned, int) else most))

    @cached_property
    def doubled(self) -> int:
        """Rows beyond one for a query and replicate."""
        keys = list(zip(self.rows["query_id"], self.rows["replicate"], strict=True))
        return len(keys) - len(set(keys))

    @cached_property
    def good(self) -> Numbers:
        """Share of each query's replicates that the arm answered itself: no failure, no fallback."""
        pairs = zip(self.rows["status"], self.rows["fallback"], strict=True)
        return self.mean(np.array([status == "answered" and not fallback for status, fallback in pairs], dtype=float))

    @cached_property
    def traits(self) -> list[tuple[tuple[str, str], ...]]:
        """What each query may have in common with others: its cluster, and the words it asks in."""
        found: list[tuple[tuple[str, str], ...]] = [()] * len(self.queries)
        columns = (self.rows[name] for name in ("cluster_id", "query", "earlier_turns"))
        for place, cluster, text, earlier in zip(self.places.tolist(), *columns, strict=True):
            if not found[place]:
                words = "" if text is None or earlier else question_key(str(text))
                own = ("cluster", str(cluster or self.queries[place]))
                found[place] = (own, ("question", words)) if words else (own,)
        return found

    @cached_property
    def slices(self) -> dict[str, Marks]:
        """Queries by query type and by `tag:<tag>`."""
        found: dict[str, Marks] = {}
        for place, kind, tags in zip(self.places.tolist(), self.rows["query_type"], self.rows["tags"], strict=True):
            for name in slices_of(kind, tags):
                if name not in found:
                    found[name] = np.zeros(len(self.queries), dtype=bool)
                found[name][place] = True
        return {name: found[name] for name in sorted(found)}

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """Block that each query was first answered in, the cluster of its times; 0 where none was written."""
        found = np.full(len(self.queries), np.iinfo(np.int64).max)
        np.minimum.at(found, self.places, np.nan_to_num(_floats(self.rows["block"])).astype(np.int64))
        return found

    def mean(self, values: Numbers) -> Numbers:
        """Average values of the rows over the replicates of each query; NaN where one of them has none."""
        sums = np.bincount(self.places, weights=values, minlength=len(self.queries))
        return np.where(self.complete, sums / np.maximum(self.replicates, 1), np.nan)

    def column(self, *names: str) -> QueryValues:
        """Return the sum of columns of `query_runs`; unknown where one of them is."""
        values = sum((_floats(self.rows[name]) for name in names), np.zeros(len(self.places)))
        because = "cached_missing_because" if "prefill_computed_tokens" in names else "tokens_missing_because"
        unknown = np.flatnonzero(np.isnan(values)).tolist()
        reasons = {int(self.places[at]): str(self.rows[because][at] or "no_usage") for at in unknown}
        reasons = {**dict.fromkeys(np.flatnonzero(~self.complete).tolist(), INCOMPLETE), **reasons}
        return QueryValues(values=self.mean(values), asked=np.ones(len(self.queries), dtype=bool), reasons=reasons)

    @property
    def no_tokens(self) -> QueryValues:
        """What an agent cost that this arm does not have: nothing, in each query."""
        count = len(self.queries)
        return QueryValues(values=np.zeros(count), asked=np.ones(count, dtype=bool), reasons={})

    @property
    def tokens(self) -> dict[str, QueryValues]:
        """The token metrics by name."""
        computed = self.column("prefill_computed_tokens", "completion_tokens")
        return {"billed_tokens": self.column("billed_tokens"), "computed_tokens": computed}

    def score(self, metric: str) -> QueryValues:
        """Return one metric of `measurements`."""
        if metric not in self._read_scores:
            self._read_scores[metric] = self._score(metric)
        return self._read_scores[metric]

    @cached_property
    def _read_scores(self) -> dict[str, QueryValues]:
        return {}

    def _score(self, metric: str) -> QueryValues:
        n, because = len(self.queries), self.scores["missing_because"]
        at = self._rows_of_metric.get(metric, np.zeros(0, dtype=np.int64))
        outside = np.array([because[row] == NOT_OF_THIS_PART for row in at.tolist()], dtype=bool)
        part = np.ones(n, dtype=bool)
        part[self._score_places[at[outside]]] = False
        at = at[~outside]
        values, places = self._score_values[at], self._score_places[at]
        reasons: dict[int, str] = {}
        for row in at[np.isnan(values)].tolist():
            reasons.setdefault(int(self._score_places[row]), str(because[row]))
        counts = np.bincount(places, minlength=n)
        sums = np.bincount(places, weights=values, minlength=n)
        whole = self.complete & (counts == self.replicates)
        return QueryValues(
            values=np.where(whole, sums / np.maximum(counts, 1), np.nan),
            asked=(counts > 0) & part,
            reasons=reasons,
            is_pass_fail=bool(np.all((values == 0.0) | (values == 1.0) | np.isnan(values))),
        )

    @cached_property
    def _score_places(self) -> NDArray[np.int64]:
        """Place of the query of each score."""
        return np.array([self.place_of[str(query_id)] for query_id in self.scores["query_id"]], dtype=np.int64)

    @cached_property
    def _score_values(self) -> Numbers:
        return _floats(self.scores["value"])

    @cached_property
    def _rows_of_metric(self) -> dict[str, NDArray[np.int64]]:
        found: dict[str, list[int]] = {}
        for at, metric in enumerate(self.scores["metric"]):
            found.setdefault(str(metric), []).append(at)
        return {metric: np.array(rows, dtype=np.int64) for metric, rows in found.items()}

    def answers(self) -> Counter[str]:
        """Count the `answered` rows, and among them those that are a `fallback`, `empty`, or the arm's `own`."""
        counts: Counter[str] = Counter()
        for status, fallback, answer in zip(*(self.rows[n] for n in ("status", "fallback", "answer")), strict=True):
            if status == "answered":
                counts["answered"] += 1
                is_empty = answer is not None and not str(answer).strip()
                counts["fallback" if fallback else "empty" if is_empty else "own"] += 1
        return counts


def read_arm_values(folder: Path, run_id: str, metrics: Sequence[str], *, unscored: bool = False) -> ArmValues:
    """Read the segments of one arm: `metrics` of `measurements`, and the user's own.

    Raises:
        StoreError: If the arm was not scored, unless `unscored` lets that pass.
    """
    row = read_segment(folder, "runs", run_id)[0]
    own = own_metrics_of(row["manifest"])
    rows = read_columns(folder, "query_runs", run_id, _OF_QUERIES)
    kept = [at for at, phase in enumerate(rows["phase"]) if phase != "warmup"]
    rows = {name: [values[at] for at in kept] for name, values in rows.items()}
    wanted = ("query_id", "replicate", "metric", "value", "missing_because", "draw", "scorer_version")
    scores = read_columns(folder, "measurements", run_id, wanted, where=("metric", (*metrics, *own)))
    if (
        kept
        and not (unscored or scores["metric"])
        and not read_columns(folder, "measurements", run_id, ("metric",))["metric"]
    ):
        raise StoreError(f"run {run_id} is not scored yet. Score it first: materialize the asset `measurements`.")
    measured = set(zip(rows["query_id"], rows["replicate"], strict=True))
    keys = zip(scores["query_id"], scores["replicate"], scores["draw"], strict=True)
    kept = [at for at, (query, replicate, draw) in enumerate(keys) if not draw and (query, replicate) in measured]
    return ArmValues(
        folder=folder,
        row=row,
        rows=rows,
        scores={name: [values[at] for at in kept] for name, values in scores.items()},
    )


def slices_of(query_type: object, tags: object) -> tuple[str, ...]:
    """Return the names of the slices that a row of `query_runs` is in: its type, and one for each of its tags."""
    return (str(query_type or "unknown"), *(f"tag:{tag}" for tag in (json.loads(str(tags)) if tags else [])))


def _floats(values: Sequence[object]) -> Numbers:
    return np.array(values, dtype=float) if len(values) else np.zeros(0)
