"""What the row of `runs` says of an arm as a whole, added up query by query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from docmind_core.runs.journal import Row
from docmind_core.runs.load import ArmLoad
from docmind_core.tables.definitions import INTERRUPTED

FINISHED, DECIDED = "finished", "decided"
"""Status of an arm with a row for each query, and of one whose gate needed no further query."""


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
    """Finished queries that were begun before, by a process that did not finish them."""
    _begun: set[tuple[str, int]] = field(default_factory=set)
    """Such queries that have not finished."""
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
        """Return the columns of `runs` that rest on the queries."""
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
