"""What the effect of a lever is read from: the values of one metric, by query, in one arm."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docmind_core.measurements.paired import Pairs, QueryValues, Row, number, pair, values_of
from docmind_core.tables.segments import read_segment


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverRun:
    """What is read of one arm, warm-up left out."""

    row: Row
    queries: Sequence[Row]
    calls: Sequence[Row]
    passed: Sequence[Row]

    @property
    def arm(self) -> str:
        """Name of the arm."""
        return str(self.row["arm"])

    @property
    def failed(self) -> frozenset[str]:
        """Queries without an answer in some replicate: few tokens spent on nothing are no saving."""
        return frozenset(str(query["query_id"]) for query in self.queries if query["status"] == "failed")

    @property
    def clusters(self) -> dict[str, str]:
        """Cluster by query id."""
        return {str(query["query_id"]): str(query["cluster_id"] or query["query_id"]) for query in self.queries}

    @property
    def blocks(self) -> dict[str, str]:
        """Block by query id: what a time is not independent of."""
        return {str(query["query_id"]): str(query["block"]) for query in self.queries if query["block"] is not None}


Reader = Callable[[LeverRun], QueryValues]


def read_lever_run(folder: Path, run_id: str) -> LeverRun:
    """Read one finished arm from its segments."""
    return LeverRun(
        row=read_segment(folder, "runs", run_id)[0],
        queries=_measured(read_segment(folder, "query_runs", run_id)),
        calls=_measured(read_segment(folder, "llm_calls", run_id)),
        passed=[score for score in read_segment(folder, "measurements", run_id) if score["metric"] == "passed"],
    )


def column(name: str) -> Reader:
    """Return the reader of a column of `query_runs`."""
    return lambda run: values_of(run.queries, lambda query: number(query[name]))


def computed_tokens(run: LeverRun) -> QueryValues:
    """Read what the engine had to compute: uncached prompt tokens and completion tokens."""
    return values_of(run.queries, _computed)


def decode_tps(run: LeverRun) -> QueryValues:
    """Read the mean decode speed of a query's calls; a call with one token has none."""
    return values_of([call for call in run.calls if call["decode_tps"] is not None], lambda c: number(c["decode_tps"]))


def requests(run: LeverRun) -> Counter[tuple[object, object]]:
    """Return how often each request was sent for each query."""
    return Counter((call["query_id"], call["request_hash"]) for call in run.calls)


def passed(run: LeverRun) -> QueryValues:
    """Read which queries passed: 1 or 0."""
    return values_of(run.passed, lambda score: number(score["value"]))


def pairs_of(
    read: Reader, candidate: LeverRun, baseline: LeverRun, *, positive: bool = False, by_block: bool = False
) -> Pairs:
    """Pair the queries that both arms answered; their clusters are the blocks where a time is compared."""
    clusters: Mapping[str, str] = {**baseline.clusters, **candidate.clusters}
    if by_block:
        clusters = {**dict.fromkeys(clusters, ""), **baseline.blocks}
    failed = candidate.failed | baseline.failed
    return pair(
        _without(read(candidate), failed),
        _without(read(baseline), failed),
        clusters,
        only=frozenset(clusters),
        positive=positive,
    )


def _without(values: QueryValues, failed: frozenset[str]) -> QueryValues:
    return QueryValues(
        values={query: value for query, value in values.values.items() if query not in failed}, asked=values.asked
    )


def _measured(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["phase"] != "warmup"]


def _computed(query: Row) -> float | None:
    prefill, completion = number(query["prefill_computed_tokens"]), number(query["completion_tokens"])
    return None if prefill is None or completion is None else prefill + completion
