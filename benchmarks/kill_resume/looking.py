"""What a killed and resumed run lost, doubled, repeated or changed against an undisturbed one."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from benchmarks.kill_resume.comparable_rows import Bag, comparable_rows, wrong_sums
from benchmarks.kill_resume.killing import KilledRun
from docmind_core.measurements.comparing_arms import compare_arms
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal, Row
from docmind_core.runs.keys import run_id_of
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite

ENDS = ("finished", "failed", "in flight")


@dataclass(slots=True, kw_only=True)
class TableLosses:
    """Rows of one table, against those of the undisturbed run."""

    rows: int = 0
    lost: int = 0
    doubled: int = 0
    """Rows beyond those of the undisturbed run."""
    changed: int = 0

    def add(self, before: Bag, after: Bag) -> None:
        """Count the differences of two bags; a row that went and one that came are one that changed."""
        gone, come = (before - after).total(), (after - before).total()
        self.rows += after.total()
        self.changed += min(gone, come)
        self.lost += gone - min(gone, come)
        self.doubled += come - min(gone, come)

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        return bool(self.lost or self.doubled or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The findings on one killed run; `repeated`, `unexplained` and all in `tables` should be 0."""

    kills: int
    finished: int
    """Calls that the journal holds as finished."""
    failed: int
    """Calls that failed for good, without a kill."""
    repeated: int
    """Of both, beyond the undisturbed run: calls made again that had ended."""
    in_flight: int
    """Attempts that were in progress at a kill: their end is unknown."""
    completed: int
    """Answers that the engine sent to their end, by its own counter."""
    unexplained: int
    """Requests or completed answers that are neither a finished call nor an attempt in flight; None must be."""
    tables: dict[str, TableLosses] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether nothing was lost."""
        return not (self.repeated or self.unexplained or any(table.any for table in self.tables.values()))

    @property
    def line(self) -> str:
        """The findings as one row of the printed table."""
        sums = [
            sum(getattr(table, name) for table in self.tables.values())
            for name in ("rows", "lost", "doubled", "changed")
        ]
        beyond = self.completed - self.finished
        numbers = (self.kills, self.finished, self.failed, self.repeated)
        numbers += (self.completed, beyond, self.in_flight, self.unexplained)
        return " | ".join(
            [*(str(number) for number in (*numbers, *sums)), "nothing lost" if self.nothing else "LOSSES"]
        )


def score(settings: Settings, suite: Suite, benchmark_run: str) -> None:
    """Write what the later assets write: measurements and comparisons."""
    score_benchmark_run(settings, benchmark_run, load_query_set(suite.query_set))
    compare_arms(settings, benchmark_run, suite)


def look(
    settings: Settings, suite: Suite, reference: str, killed: KilledRun, *, ignoring: Collection[str] = ()
) -> Losses:
    """Compare a killed run with the undisturbed run `reference`, but for some columns, and with what the engine saw."""
    attempts, expected = _attempts(settings, suite, killed.benchmark_run), _attempts(settings, suite, reference)
    finished, failed, in_flight = (_by_request(attempts, end) for end in ENDS)
    # A call that an agent makes twice in one query is in the undisturbed run twice, too.
    repeated = sum((_by_request(attempts, end) - _by_request(expected, end)).total() for end in ENDS[:2])
    touched = {(arm, row["query_id"], row["replicate"]) for arm, row, end in attempts if end == "in flight"}
    touched |= {
        (arm, row["query_id"], row["replicate"]) for arm, row in _resumed(settings, suite, killed.benchmark_run)
    }
    before = comparable_rows(settings, suite, reference, touched, ignoring=ignoring)
    after = comparable_rows(settings, suite, killed.benchmark_run, touched, ignoring=ignoring)
    tables = {table: TableLosses() for table in after}
    for table, rows in after.items():
        tables[table].add(before[table], rows)
    tables["query_runs"].changed += wrong_sums(settings, suite, reference, killed.benchmark_run, touched, ignoring)
    return Losses(
        kills=killed.kills,
        finished=finished.total(),
        failed=failed.total(),
        repeated=repeated,
        in_flight=in_flight.total(),
        completed=killed.completed,
        unexplained=_unexplained(killed, finished, failed, in_flight),
        tables=tables,
    )


def _unexplained(killed: KilledRun, finished: Counter[str], failed: Counter[str], in_flight: Counter[str]) -> int:
    """Count, request by request, what the engine saw and the journal can't explain."""
    beyond = killed.completed - finished.total()
    count = max(0, beyond - in_flight.total()) + max(0, -beyond)
    if killed.requests is not None:
        # Each call that ended arrived, and what else arrived was in flight when its process was killed.
        ended = finished + failed
        count += (ended - killed.requests).total() + (killed.requests - ended - in_flight).total()
    return count


def _by_request(attempts: list[tuple[str, Row, str]], wanted: str) -> Counter[str]:
    return Counter(str(row["request_hash"]) for _, row, end in attempts if end == wanted)


def _attempts(settings: Settings, suite: Suite, benchmark_run: str) -> list[tuple[str, Row, str]]:
    """Return each attempt with its arm and its end, one of `ENDS`."""
    with Journal(journal_path(settings, benchmark_run)) as journal:
        return [
            (arm, row, "in flight" if not ended else "finished" if row["status"] == "finished" else "failed")
            for arm in suite.arms
            for row, ended in journal.attempts(run_id_of(benchmark_run, arm))
        ]


def _resumed(settings: Settings, suite: Suite, benchmark_run: str) -> list[tuple[str, Row]]:
    with Journal(journal_path(settings, benchmark_run)) as journal:
        rows = [
            (arm, row)
            for arm in suite.arms
            for part in journal.finished_parts(run_id_of(benchmark_run, arm))
            for finished in part
            for row in finished.rows["query_runs"]
        ]
    return [(arm, row) for arm, row in rows if row["times_missing_because"] == "resumed"]
