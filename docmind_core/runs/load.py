"""How many calls an arm kept in flight, and by how much this platform itself was late."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from docmind_core.runs.journal import Row


@dataclass(slots=True)
class _Block:
    """Times of the measured queries of one block, ns: 8 bytes each, since an arm may have millions of calls."""

    starts: "array[int]" = field(default_factory=lambda: array("q"))
    """Of the queries."""
    sent: "array[int]" = field(default_factory=lambda: array("q"))
    ended: "array[int]" = field(default_factory=lambda: array("q"))
    """Of their calls."""

    def ns_in_flight(self, start: int, end: int) -> int:
        """Return how long calls were under way within a window, all added up, ns."""
        calls = zip(self.sent, self.ended, strict=True)
        return sum(max(0, min(ended, end) - max(sent, start)) for sent, ended in calls)


@dataclass(slots=True, kw_only=True)
class ArmLoad:
    """The columns of `runs` about the load, from the queries of an arm as they are added."""

    concurrency: int | None
    """What the suite asked for; None for `auto`."""
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

        That time is, in each block, from the first query's start to the last one's: afterwards fewer and fewer are
        under way whatever the platform does. A block that never had more queries than places says nothing.
        """
        if not any(block.sent for block in self._blocks.values()):
            return None, "no_model_call"
        places = self.concurrency or 1
        asking = [(one, min(one.starts), max(one.starts)) for one in self._blocks.values() if len(one.starts) > places]
        asked_ns = sum(end - start for _, start, end in asking)
        if asked_ns <= 0:
            return None, "n_too_small"
        return sum(block.ns_in_flight(start, end) for block, start, end in asking) / asked_ns, None


def _known(samples: Iterable[Row], column: str) -> Iterator[float]:
    return (row[column] for row in samples if row.get(column) is not None)
