"""What the row of `runs` says of an arm as a whole, added up query by query: counts, times, calls in flight, lag."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from docmind_core.runs.journal import Row
from docmind_core.tables.definitions import INTERRUPTED

FINISHED, DECIDED = "finished", "decided"
"""Status of an arm with a row for each query, and of one that its gate stopped early."""


@dataclass(slots=True)
class _Block:
    """Times of the measured queries of one block, ns: 8 bytes each, since an arm may have millions of calls."""

    starts: "array[int]" = field(default_factory=lambda: array("q"))
    """Of the queries."""
    sent: "array[int]" = field(default_factory=lambda: array("q"))
    ended: "array[int]" = field(default_factory=lambda: array("q"))
    """Of their calls."""

    def ns_in_flight(self, start: int, end: int) -> int:
        """Return the total time that calls were in flight within a window, in ns."""
        calls = zip(self.sent, self.ended, strict=True)
        return sum(max(0, min(ended, end) - max(sent, start)) for sent, ended in calls)


@dataclass(slots=True, kw_only=True)
class ArmLoad:
    """The columns of `runs` about the load, from the queries of an arm as they are added."""

    concurrency: int | None
    """The suite's concurrency; None for `auto`."""
    missing_because: str | None = None
    """Why the load is unknown: `resumed` where several processes worked on the arm, whose clocks have nothing in
    common, `several_hosts` where workers on several machines did, or `unattributed` where calls belong to no query."""
    _blocks: dict[int, _Block] = field(default_factory=dict)
    _lags: list[float] = field(default_factory=list)
    """The largest, once there is one."""
    _limits: list[float] = field(default_factory=list)
    """The smallest and the largest."""

    def add_query(self, row: Row, spans: Sequence[Row]) -> None:
        """Add a measured query by its row of `query_runs` and its spans."""
        if row["times_missing_because"] == "resumed":
            self.missing_because = "resumed"
        block = self._blocks.setdefault(row["block"], _Block())
        for span in spans:
            if span["parent_id"] is None:
                block.starts.append(span["t0"])
            elif span["op"] == "chat":
                block.sent.append(span["t0"])
                block.ended.append(span["t1"])

    def add_calls(self, calls: Iterable[Row]) -> None:
        """Add attempts: one that belongs to no query leaves the load unknown."""
        if self.missing_because is None and any(call["query_id"] is None for call in calls):
            self.missing_because = "unattributed"

    def add_samples(self, samples: Sequence[Row]) -> None:
        """Add rows of `device_samples`."""
        limits = [*self._limits, *_known(samples, "in_flight_limit")]
        self._limits = [min(limits), max(limits)] if limits else []
        lags = [*self._lags, *_known(samples, "loop_lag_s")]
        self._lags = [max(lags)] if lags else []

    def columns(self) -> Row:
        """Return the columns."""
        achieved, because = (None, self.missing_because) if self.missing_because else self.achieved_concurrency()
        return {
            "achieved_concurrency": achieved,
            "concurrency_missing_because": because,
            "in_flight_min": min(self._limits, default=None),
            "in_flight_max": max(self._limits, default=None),
            "loop_lag_max_s": max(self._lags, default=None),
        }

    def achieved_concurrency(self) -> tuple[float | None, str | None]:
        """Return the mean number of calls in flight while there were queries left to begin, or None and the reason.

        That time is, in each block, from the first query's start to the last one's: afterwards fewer and fewer are in
        flight whatever the platform does. A block that never had more queries than places says nothing.
        """
        if not any(block.sent for block in self._blocks.values()):
            return None, "no_model_call"
        places = self.concurrency or 1
        asking = [(one, min(one.starts), max(one.starts)) for one in self._blocks.values() if len(one.starts) > places]
        asked_ns = sum(end - start for _, start, end in asking)
        if asked_ns <= 0:
            return None, "n_too_small"
        return sum(block.ns_in_flight(start, end) for block, start, end in asking) / asked_ns, None


@dataclass(slots=True, kw_only=True)
class ArmRow:
    """Counts, times and load of an arm, from the queries that are added."""

    facts: Row
    """What it ran on."""
    expected_queries: int
    interrupted: bool
    """Whether a process died or was stopped, and another one continued."""
    load: ArmLoad = field(init=False)
    _measured: int = 0
    _unseen: int = 0
    """Answered queries without a call."""
    _redone: int = 0
    """Finished queries that an earlier process began without finishing them."""
    _begun: set[tuple[str, int]] = field(default_factory=set)
    """Queries that an earlier process began and that are still unfinished."""
    _resumed: bool = False
    _first: dict[int, datetime] = field(default_factory=dict)
    _last: dict[int, datetime] = field(default_factory=dict)
    """By block, when the first measured query began and the last one ended."""

    def __post_init__(self) -> None:
        because = "resumed" if self.interrupted else self.facts.get("concurrency_missing_because")
        self.load = ArmLoad(concurrency=self.facts.get("concurrency"), missing_because=because)

    def add_query(self, row: Row, spans: Sequence[Row], calls: Sequence[Row]) -> None:
        """Add a finished query: its row of `query_runs`, its spans, and all its attempts."""
        self._unseen += row["status"] == "answered" and row["attempts"] == 0
        self._redone += any(call["phase"] == INTERRUPTED for call in calls)
        self.load.add_calls(calls)
        if row["phase"] == "warmup":
            return
        self._measured += 1
        self._resumed |= row["times_missing_because"] == "resumed"
        block = row["block"]
        self._first[block] = min(row["started_at"], self._first.get(block, row["started_at"]))
        self._last[block] = max(row["ended_at"], self._last.get(block, row["ended_at"]))
        self.load.add_query(row, spans)

    def add_other_calls(self, calls: Iterable[Row]) -> None:
        """Add attempts that no finished query made."""
        calls = list(calls)
        self.load.add_calls(calls)
        self._begun.update((row["query_id"], row["replicate"]) for row in calls if row["phase"] == INTERRUPTED)

    def columns(self) -> Row:
        """Return the columns of `runs` that are computed from the queries."""
        ended = DECIDED if self.facts.get("stopped_because") else FINISHED
        of_user = self.facts.get("system") is not None
        return {
            "status": ended if self._measured == self.expected_queries else "incomplete",
            "expected_queries": self.expected_queries,
            "queries_without_calls": self._unseen if of_user else None,
            "redone_queries": self._redone + len(self._begun),
            **self._duration(),
            **self.load.columns(),
        }

    def _duration(self) -> Row:
        """Seconds from the first start to the last end, summed over the blocks: between them other arms are at work.

        None for a resumed arm: the pause would count.
        """
        # A process that died between two queries leaves no replayed call, only the second start.
        if self.interrupted or self._resumed:
            return {"duration_s": None, "duration_missing_because": "resumed"}
        if not self._measured:
            return {"duration_s": None, "duration_missing_because": "failed_run"}
        seconds = sum((self._last[block] - self._first[block]).total_seconds() for block in self._first)
        return {"duration_s": seconds, "duration_missing_because": None}


def _known(samples: Iterable[Row], column: str) -> Iterator[float]:
    return (row[column] for row in samples if row.get(column) is not None)
