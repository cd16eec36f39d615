"""The values of one arm, query by query, as comparisons need them."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docmind_core.metrics.metric import Metric
from docmind_core.suites.own_metrics import own_metrics_of
from docmind_core.tables.columns import Column, Columns, places_among, query_keys
from docmind_core.tables.segments import read_columns

Row = Mapping[str, object]
Numbers = NDArray[np.float64]
"""One number per query; NaN where there is none."""
Marks = NDArray[np.bool_]

TOKEN_METRICS = ("billed_tokens", "computed_tokens")
NOT_OF_THIS_PART = "zero_denominator"
"""Reason for a query that is outside a ratio's scope: it does not count as left out."""
INCOMPLETE = "missing a replicate"
OF_TEXTS = ("asked", "question", "is_empty")
"""Columns made of texts: a hash of the query as it is, one of its words, and whether the answer is empty."""


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
    rows: Columns
    """Columns of the measured rows of `query_runs`; of the texts `OF_TEXTS`."""
    scores: Columns
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
        names = self.rows["query_id"]
        return tuple(sorted(str(names.values[code]) for code in np.unique(names.codes).tolist()))

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Place of a query by its id."""
        return {query_id: place for place, query_id in enumerate(self.queries)}

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Place of the query of each row."""
        return self.places_of_queries(self.rows["query_id"])

    def places_of_queries(self, queries: Column) -> NDArray[np.int64]:
        """Return the place of each of these queries; -1 for one that the arm was not asked."""
        return queries.each(lambda query_id: self.place_of.get(str(query_id), -1), np.int64)

    def rows_of(self, query_id: str) -> list[int]:
        """Return the places of the rows of a query, in the order of its replicates."""
        place = self.place_of[query_id]
        begin, end = np.searchsorted(self.places[self._in_order], (place, place + 1))
        return [int(at) for at in self._in_order[begin:end]]

    @cached_property
    def _in_order(self) -> NDArray[np.int64]:
        """Places of the rows, those of each query next to each other."""
        return np.asarray(np.lexsort((self.rows["replicate"].numbers(), self.places)))

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
        keys = query_keys(self.rows, self.place_of)
        return len(keys) - len(np.unique(keys))

    @cached_property
    def good(self) -> Numbers:
        """Share of each query's replicates that the arm answered itself: no failure, no fallback."""
        return self.mean((self._answered & ~self.rows["fallback"].each(bool, bool)).astype(float))

    @cached_property
    def _answered(self) -> Marks:
        return self.rows["status"].each(lambda status: status == "answered", bool)

    def traits(self) -> list[tuple[tuple[str, object], ...]]:
        """Return what each query may have in common with others: its cluster, and the words it asks in."""
        found: list[tuple[tuple[str, object], ...]] = [()] * len(self.queries)
        columns = (self.rows["cluster_id"], self.rows["question"])
        for place, cluster, question in zip(self.places.tolist(), *columns, strict=True):
            if not found[place]:
                own = ("cluster", cluster or self.queries[place])
                found[place] = (own,) if question is None else (own, ("question", question))
        return found

    @cached_property
    def slices(self) -> dict[str, Marks]:
        """Queries by query type and by `tag:<tag>`."""
        found: dict[str, Marks] = {}
        for name, at in self.rows_of_slices.items():
            found[name] = np.zeros(len(self.queries), dtype=bool)
            found[name][self.places[at]] = True
        return {name: found[name] for name in sorted(found)}

    @cached_property
    def rows_of_slices(self) -> dict[str, NDArray[np.int64]]:
        """Places of the rows of each slice."""
        kinds, tags = self.rows["query_type"], self.rows["tags"]
        both = kinds.codes.astype(np.int64) * (len(tags.values) + 1) + tags.codes
        found: dict[str, list[NDArray[np.int64]]] = {}
        for code in np.unique(both).tolist():
            at = np.flatnonzero(both == code)
            for name in dict.fromkeys(slices_of(kinds[int(at[0])], tags[int(at[0])])):
                found.setdefault(name, []).append(at)
        return {name: np.sort(np.concatenate(parts)) for name, parts in found.items()}

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """Block that each query was first answered in, the cluster of its times; 0 where none was written."""
        found = np.full(len(self.queries), np.iinfo(np.int64).max)
        np.minimum.at(found, self.places, np.nan_to_num(self.rows["block"].numbers()).astype(np.int64))
        return found

    def mean(self, values: Numbers) -> Numbers:
        """Average values of the rows over the replicates of each query; NaN where one of them has none."""
        sums = np.bincount(self.places, weights=values, minlength=len(self.queries))
        return np.where(self.complete, sums / np.maximum(self.replicates, 1), np.nan)

    def column(self, *names: str) -> QueryValues:
        """Return the sum of columns of `query_runs`; unknown where one of them is."""
        values = sum((self.rows[name].numbers() for name in names), np.zeros(len(self.places)))
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
        return self.places_of_queries(self.scores["query_id"])

    @cached_property
    def _score_values(self) -> Numbers:
        return self.scores["value"].numbers()

    @cached_property
    def _rows_of_metric(self) -> dict[str, NDArray[np.int64]]:
        return {str(metric): at for metric, at in self.scores["metric"].by_value().items()}

    def score_rows(self, metric: str) -> NDArray[np.int64]:
        """Return for each row of a query the row of its score; -1 where it has none."""
        at = self._rows_of_metric.get(metric, np.zeros(0, dtype=np.int64))
        found = places_among(query_keys(self.rows, self.place_of), query_keys(self.scores, self.place_of)[at])
        return np.where(found < 0, -1, at[found]) if len(at) else found

    def places_of_rows(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of the row of each query and replicate (`query_keys`); -1 where it has none."""
        return places_among(keys, query_keys(self.rows, self.place_of))

    @cached_property
    def scorer_versions(self) -> dict[str, object]:
        """Version of the formula that each metric was scored by."""
        versions = self.scores["scorer_version"]
        return {metric: versions[int(at[-1])] for metric, at in self._rows_of_metric.items()}

    def answers(self) -> Counter[str]:
        """Count the `answered` rows, and among them those that are a `fallback`, `empty`, or the arm's `own`."""
        fallback = self._answered & self.rows["fallback"].each(bool, bool)
        empty = self._answered & ~fallback & self.rows["is_empty"].each(bool, bool)
        counts = Counter(answered=int(self._answered.sum()), fallback=int(fallback.sum()), empty=int(empty.sum()))
        counts["own"] = counts["answered"] - counts["fallback"] - counts["empty"]
        return counts

    def texts(self, queries: Collection[str]) -> dict[str, list[tuple[str | None, str | None]]]:
        """Read question and answer of some queries, by id, in the order of their replicates; warm-up is left out."""
        columns = ("query_id", "replicate", "phase", "query", "answer")
        found = read_columns(self.folder, "query_runs", self.run_id, columns, where=("query_id", queries))
        rows = [row for row in zip(*found.values(), strict=True) if row[2] != "warmup"]
        texts: dict[str, list[tuple[str | None, str | None]]] = {}
        for query_id, _, _, *both in sorted(rows, key=lambda row: int(str(row[1]))):
            question, answer = (None if text is None else str(text) for text in both)
            texts.setdefault(str(query_id), []).append((question, answer))
        return texts


def slices_of(query_type: object, tags: object) -> tuple[str, ...]:
    """Return the names of the slices that a row of `query_runs` is in: its type, and one for each of its tags."""
    return (str(query_type or "unknown"), *(f"tag:{tag}" for tag in (json.loads(str(tags)) if tags else [])))
