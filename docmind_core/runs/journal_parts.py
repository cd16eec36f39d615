"""Reads a whole arm from a journal in parts or as totals, because all of its rows may not fit into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from docmind_core.runs.journal_entries import decode
from docmind_core.runs.journal_file import JournalFile

_Row = dict[str, Any]
Attempts = Sequence[tuple[_Row, bool]]
"""Attempts of calls, oldest first; False marks one without a recorded end."""

_FINISHED_PART = "select rowid, rows from finished_queries where rowid > ? and +run_id = ? order by rowid limit ?"
# The order of the tables is that of the loops: the attempts of each query are found by their index.
_THEIR_ATTEMPTS = (
    "select f.rowid, a.row, a.ended from finished_queries as f cross join attempts as a "
    "on (a.run_id, a.query_id, a.replicate) = (f.run_id, f.query_id, f.replicate) "
    "where f.rowid between ? and ? and +f.run_id = ? order by f.rowid, a.rowid"
)
_OTHER_ATTEMPTS = (
    "select rowid, row, ended from attempts as a where rowid > ? and +run_id = ? and not exists (select 1 "
    "from finished_queries as f where (f.run_id, f.query_id, f.replicate) = (a.run_id, a.query_id, a.replicate)) "
    "order by rowid limit ?"
)
_TOTALS = (
    "select count(*), coalesce(sum(status = 'failed'), 0), coalesce(sum(tokens), 0), count(tokens) from ("
    "select json_extract(rows, '$.query_runs[0].status') as status, "
    "json_extract(rows, '$.query_runs[0].completion_tokens') as tokens "
    "from finished_queries where run_id = ? and replicate >= 0)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedQuery:
    """What a journal holds of a query that has finished."""

    rows: dict[str, list[_Row]]
    """By table."""
    attempts: Attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTotals:
    """The measured queries of an arm that have finished, added up."""

    queries: int
    failed: int
    completion_tokens: int | None
    """None when those of one query are not known."""


class JournalParts(JournalFile):
    """The reading side of a journal where it is about a whole arm."""

    PART: ClassVar = 256
    """Queries that are held at once: some 40 MB where each makes 13 calls."""

    def finished_parts(self, run_id: str) -> Iterator[list[FinishedQuery]]:
        """Yield the finished queries of a run in the order in which they finished, with their attempts."""
        for found in self._parts(_FINISHED_PART, run_id):
            attempts: dict[int, list[tuple[_Row, bool]]] = {place: [] for place, _ in found}
            for place, row, ended in self._read(_THEIR_ATTEMPTS, (found[0][0], found[-1][0], run_id)):
                attempts[place].append((decode(row), bool(ended)))
            yield [FinishedQuery(rows=decode(rows), attempts=attempts[place]) for place, rows in found]

    def other_attempts(self, run_id: str) -> Iterator[Attempts]:
        """Yield, in parts, the attempts of a run that were made for queries which have not finished, or for none."""
        for found in self._parts(_OTHER_ATTEMPTS, run_id):
            yield [(decode(row), bool(ended)) for _, row, ended in found]

    def ticks(self, run_id: str) -> Iterator[list[_Row]]:
        """Yield, in parts, all ticks of an arm, those of earlier processes first."""
        sql = "select rowid, ticks from ticks where rowid > ? and +run_id = ? order by rowid limit ?"
        for found in self._parts(sql, run_id):
            yield [tick for _, ticks in found for tick in decode(ticks)]

    def totals(self, run_id: str) -> ArmTotals:
        """Add up what is known of the measured queries of a run that have finished."""
        ((queries, failed, tokens, known),) = self._read(_TOTALS, (run_id,))
        return ArmTotals(queries=queries, failed=failed, completion_tokens=tokens if known == queries else None)

    def billed_tokens(self, run_id: str) -> dict[tuple[str, int], int | None]:
        """Return what each finished query of a run was billed for, by query and replicate; None for unknown tokens."""
        sql = (
            "select query_id, replicate, json_extract(rows, '$.query_runs[0].billed_tokens') "
            "from finished_queries where run_id = ?"
        )
        return {(query_id, replicate): tokens for query_id, replicate, tokens in self._read(sql, (run_id,))}

    def _parts(self, sql: str, run_id: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield rows that begin with their rowid, `PART` at once; `sql` takes the last one, the run and how many."""
        last = 0
        while found := self._read(sql, (last, run_id, self.PART)):
            last = found[-1][0]
            yield found
