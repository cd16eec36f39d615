"""The journal: what a benchmark run has done so far, in SQLite, one file per benchmark run.

An attempt is durable before it goes out and when it has ended, before its answer is used; all rows of a finished query
are written in one transaction. A process killed at any moment loses no finished call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from docmind_core.runs.journal_entries import LEFT, SET_ASIDE, STARTED, UNFINISHED, BegunArm, FailedCall, decode, encode
from docmind_core.runs.journal_file import Statement
from docmind_core.runs.journal_parts import JournalParts
from docmind_core.tables.definitions import INTERRUPTED, WARM_UP_BLOCK

Row = dict[str, Any]
_BOOK = (
    "insert into attempts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "on conflict (call_id, attempt) do update set ended = excluded.ended, row = excluded.row"
)
_FINISH = "insert into finished_queries values (?, ?, ?, ?)"
_TICKS = "insert into ticks values (?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryKey:
    """One query in one replicate of one arm."""

    run_id: str
    query_id: str
    replicate: int
    """From 0; below 0 for warm-up, so that it can ask a query that is measured too."""

    @property
    def phase(self) -> str:
        """`warmup` or `measured`."""
        return "measured" if self.replicate >= 0 else "warmup"


class Journal(JournalParts):
    """The journal of one benchmark run; one process writes it, which holds the home's lock.

    What is booked while queries are answered, `book_attempt`, `finish_query`, `book_ticks` and the notes on calls, does
    not hold up an event loop: it is durable when `kept` is done.
    """

    _MERGED: ClassVar = frozenset({_BOOK, _FINISH, _TICKS})

    def book_attempt(
        self,
        key: QueryKey,
        row: Row,
        *,
        ended: bool,
        failed: bool = False,
        sent_on: tuple[str, bytes] | None = None,
        waits: bool = True,
    ) -> None:
        """Write one attempt of a call or its end, and in the same transaction whether the call has failed for good.

        `sent_on` is what a client of the recording proxy was sent. Without `waits` it is written on return: it survives
        the end of this process, and a power failure from the next durable transaction on.
        """
        attempt = (
            *(key.run_id, key.query_id, key.replicate),
            *(row["agent"], row["task"], row["request_hash"], row["call_id"], row["attempt"]),
            *(int(ended), encode(row)),
        )
        statements: list[Statement] = [(_BOOK, attempt)]
        if sent_on is not None:
            statements.append(("insert into replies values (?, ?, ?, ?)", (row["call_id"], row["attempt"], *sent_on)))
        if failed:
            match = (row["agent"], row["task"], row["request_hash"])
            error = {"error_type": row["error_type"], "error_message": row["error_message"]}
            statements.append(_failure(key, FailedCall(call_id=row["call_id"], match=match, **error)))
        self._hand_over(*statements, waits=waits)

    def attempts(self, run_id: str, key: QueryKey | None = None) -> list[tuple[Row, bool]]:
        """Return the attempts of a run, oldest first; False marks one without a recorded end.

        Those of one query are without what was set aside when it was interrupted.
        """
        sql = "select row, ended from attempts where run_id = ?"
        parameters: tuple[Any, ...] = (run_id,)
        if key is not None:
            sql = f"{sql} and query_id = ? and replicate = ? and json_extract(row, '$.phase') is not ?"
            parameters = (run_id, key.query_id, key.replicate, INTERRUPTED)
        return [(decode(row), bool(ended)) for row, ended in self._read(f"{sql} order by rowid", parameters)]

    def unfinished_attempts(self, run_id: str) -> list[Row]:
        """Return the attempts of a run that were made for queries which have not finished, oldest first."""
        rows = self._read(f"select row from attempts where run_id = ? and {LEFT} order by rowid", (run_id,))
        return [decode(row) for (row,) in rows]

    def interrupted_queries(self) -> int:
        """Return how many measured queries were started and have not finished."""
        return len(self._read(STARTED, ()))

    def set_interrupted_aside(self) -> int:
        """Mark unfinished measured queries to be asked from the beginning; return how many were started.

        Their attempts stay, in the phase `interrupted`: the ledger has them, their query has not.
        """
        with self._one_transaction():
            count = self.interrupted_queries()
            self._write(SET_ASIDE, ())
            for table in ("late_calls", "failed_calls"):
                self._write(f"delete from {table} where replicate >= 0 and {UNFINISHED.format(table)}", ())
        return count

    def sent_on(self, row: Row) -> tuple[str, bytes]:
        """Return the content type and the body that a client of the recording proxy was sent for an attempt."""
        sql = "select content_type, body from replies where call_id = ? and attempt = ?"
        ((kind, body),) = self._read(sql, (row["call_id"], row["attempt"]))
        return kind, body

    def note_late(self, key: QueryKey, agent: str, task: str) -> None:
        """Write that a call's reply came too late: what was decided without it stays decided."""
        place = (key.run_id, key.query_id, key.replicate, agent, task)
        self._hand_over(("insert or ignore into late_calls values (?, ?, ?, ?, ?)", place))

    def late_calls(self, key: QueryKey) -> frozenset[tuple[str, str]]:
        """Return agent and task of the calls of a query whose replies came too late."""
        rows = self._read(
            "select agent, task from late_calls where run_id = ? and query_id = ? and replicate = ?",
            (key.run_id, key.query_id, key.replicate),
        )
        return frozenset((agent, task) for agent, task in rows)

    def note_failed(self, key: QueryKey, call: FailedCall) -> None:
        """Write that a call failed for good: what its agent did without a reply is done."""
        self._hand_over(_failure(key, call))

    def failed_calls(self, key: QueryKey) -> list[FailedCall]:
        """Return the calls of a query that failed for good, oldest first."""
        rows = self._read(
            "select call_id, agent, task, request_hash, error_type, error_message from failed_calls "
            "where run_id = ? and query_id = ? and replicate = ? order by rowid",
            (key.run_id, key.query_id, key.replicate),
        )
        return [
            FailedCall(call_id=call_id, match=(agent, task, request_hash), error_type=kind, error_message=message)
            for call_id, agent, task, request_hash, kind, message in rows
        ]

    def forget_failed(self, key: QueryKey) -> None:
        """Allow a query's failed calls to be retried, because the engine was unreachable."""
        sql = "delete from failed_calls where run_id = ? and query_id = ? and replicate = ?"
        self._hand_over((sql, (key.run_id, key.query_id, key.replicate)))

    def finish_query(self, key: QueryKey, rows: Mapping[str, Sequence[Row]]) -> None:
        """Write all rows of a finished query in one transaction; it is never run again."""
        self._hand_over((_FINISH, (key.run_id, key.query_id, key.replicate, encode(rows))))

    def finished_keys(self, run_id: str, *, warm_up: bool = False) -> set[tuple[str, int]]:
        """Return (query_id, replicate) of each finished query that is measured, or of those that warmed the arm up."""
        rows = self._read("select query_id, replicate from finished_queries where run_id = ?", (run_id,))
        return {(query_id, replicate) for query_id, replicate in rows if (replicate < 0) == warm_up}

    def begin_block(self, run_id: str, block: int, engine_session: str, *, was_reset: bool) -> None:
        """Record the start of an arm's share of a block; a resumed share counts as reset only if it was each time."""
        self._write(
            "insert into blocks (run_id, block, engine_session, was_reset) values (?, ?, ?, ?) "
            "on conflict do update set was_reset = min(was_reset, excluded.was_reset)",
            (run_id, block, engine_session, int(was_reset)),
        )

    def end_block(self, run_id: str, block: int, engine_session: str) -> None:
        """Note that an arm's share of a block is done, its last reading of the counters included."""
        self._write(
            "update blocks set ended = 1 where run_id = ? and block = ? and engine_session = ?",
            (run_id, block, engine_session),
        )

    def ended_blocks(self, run_id: str) -> set[int]:
        """Return the blocks of which an arm has answered its share."""
        return {block for (block,) in self._read("select block from blocks where run_id = ? and ended = 1", (run_id,))}

    def always_reset(self, run_id: str) -> bool:
        """Return whether the prefix cache was emptied before the measured queries of each block."""
        found = self._read("select min(was_reset) from blocks where run_id = ? and block <> ?", (run_id, WARM_UP_BLOCK))
        return found == [(1,)]

    def warm_ups(self, run_id: str) -> dict[str, bool]:
        """Return the engine sessions in which an arm was warmed up, oldest first, and whether it has ended."""
        sql = "select engine_session, ended from blocks where run_id = ? and block = ? order by rowid"
        return {session: bool(ended) for session, ended in self._read(sql, (run_id, WARM_UP_BLOCK))}

    def book_counters(self, run_id: str, engine_session: str, block: int, moment: str, rows: Sequence[Row]) -> None:
        """Write the engine's counters; of a session and block the first `before` stays, and the last `after` wins."""
        verb = "insert or ignore" if moment == "before" else "insert or replace"
        self._write(
            f"{verb} into counters values (?, ?, ?, ?, ?)", (run_id, engine_session, block, moment, encode(rows))
        )

    def counters(self, run_id: str) -> list[Row]:
        """Return the rows of `engine_counters` of a run."""
        found = self._read("select rows from counters where run_id = ? order by rowid", (run_id,))
        return [row for (rows,) in found for row in decode(rows)]

    def next_interval(self, run_id: str, block: int) -> int:
        """Return the number of the engine session that begins with a process, within an arm's share of a block.

        0, unless an earlier process has begun sessions there because workers were lost.
        """
        number = "cast(substr(engine_session, instr(engine_session, '+') + 1) as integer) + 1"
        sql = f"select max({number}) from counters where run_id = ? and block = ? and instr(engine_session, '+')"
        ((following,),) = self._read(sql, (run_id, block))
        return following or 0

    def book_ticks(self, run_id: str, ticks: Sequence[Row]) -> None:
        """Write the device samples taken since the last call."""
        self._hand_over((_TICKS, (run_id, encode(ticks))))

    def identity(self) -> Row | None:
        """Return the identity the run was started with; None before the start."""
        return next((decode(identity) for (identity,) in self._read("select identity from beginning", ())), None)

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Record the identity the run is started with."""
        self._write("insert into beginning (only_row, identity) values (1, ?)", (encode(identity),))

    def accept_changes(self, *, accepted: bool = True) -> None:
        """Allow (or disallow) the next resumption, and only that one, to proceed despite changes."""
        self._write("update beginning set accepts_changes = ?", (int(accepted),))

    def accepts_changes(self) -> bool:
        """Return whether the next resumption may proceed although something has changed."""
        return self._read("select accepts_changes from beginning", ()) == [(1,)]

    def change_identity(self, identity: Mapping[str, Any]) -> None:
        """Replace the identity of the run, which makes it not comparable."""
        self._write("update beginning set identity = ?", (encode(identity),))
        self.mark_not_comparable()

    def mark_not_comparable(self) -> None:
        """Mark the run as not comparable: parts of it ran with different inputs."""
        self._write("update beginning set comparable = 0", ())

    def comparable(self) -> bool:
        """Return whether all of the run used the same inputs."""
        return self._read("select comparable from beginning", ()) != [(0,)]

    def start_arm(self, run_id: str, started_at: datetime, facts: Row, *, again: bool = False) -> None:
        """Record that a process started on an arm; a later start replaces the facts but keeps the arm's time.

        `again` says that it is the same process, with the arm's share of another block.
        """
        if not again:
            self._write("insert into starts values (?, ?)", (run_id, started_at.isoformat()))
        self._write(
            "insert into arms values (?, ?, null, ?) on conflict (run_id) do update set facts = excluded.facts",
            (run_id, started_at.isoformat(), encode(facts)),
        )

    def starts(self, run_id: str) -> int:
        """Return how many processes have worked on an arm."""
        ((count,),) = self._read("select count(*) from starts where run_id = ?", (run_id,))
        return int(count)

    def end_arm(self, run_id: str, ended_at: datetime, facts: Row | None = None) -> None:
        """Record that an arm has ended, with the facts that changed since its start."""
        known = encode({**self.facts(run_id), **(facts or {})})
        self._write("update arms set ended_at = ?, facts = ? where run_id = ?", (ended_at.isoformat(), known, run_id))

    def begin_addition(self, replicates: int, expected: int) -> None:
        """Open the arms of a finished run again for more replicates, in one transaction.

        Args:
            replicates: How many are added.
            expected: How many rows each arm has to have then.
        """
        with self._one_transaction():
            self._write("insert into additions values (?)", (replicates,))
            reopened = "update arms set ended_at = null, facts = json_set(facts, '$.expected_queries', ?)"
            self._write(reopened, (expected,))

    def additions(self) -> tuple[int, ...]:
        """Return the number of replicates of each addition, oldest first; the last one may be in progress."""
        return tuple(count for (count,) in self._read("select replicates from additions order by rowid", ()))

    def facts(self, run_id: str) -> Row:
        """Return the conditions of an arm and how it ended; empty if it has not started."""
        begun = self.arm(run_id)
        return {} if begun is None else begun.facts

    def arm(self, run_id: str) -> BegunArm | None:
        """Return what is known of an arm; None when it has not begun."""
        found = self._read("select started_at, ended_at, facts from arms where run_id = ?", (run_id,))
        for started_at, ended_at, facts in found:
            ended = None if ended_at is None else datetime.fromisoformat(ended_at)
            return BegunArm(started_at=datetime.fromisoformat(started_at), ended_at=ended, facts=decode(facts))
        return None


def _failure(key: QueryKey, call: FailedCall) -> Statement:
    place = (key.run_id, key.query_id, key.replicate, call.call_id, *call.match)
    sql = "insert or ignore into failed_calls values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    return sql, (*place, call.error_type, call.error_message)
