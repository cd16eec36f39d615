"""Resuming a benchmark run: what must not have changed since its start, and what earlier processes left of a query."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from docmind_core import errors
from docmind_core.agents.prompt_files import prompt_hash
from docmind_core.errors import DocMindError, RunError
from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs.journal import Journal, QueryKey, Row
from docmind_core.runs.journal_entries import CallMatch, FailedCall
from docmind_core.serving.connection import EngineConnection

RESUME_ANYWAY = "Start a new run, or rerun with --resume-anyway, which marks it not comparable."

_CORE = Path(__file__).resolve().parents[1]
_TOKENS = ("prompt_tokens", "completion_tokens", "billed_tokens", "cached_tokens", "prefill_computed_tokens")


@cache
def code_hash() -> str:
    """Return the sha256 over the core's Python and SQL files: the commit alone would miss uncommitted changes."""
    digest = hashlib.sha256()
    for path in sorted([*_CORE.rglob("*.py"), *_CORE.rglob("*.sql")]):
        digest.update(str(path.relative_to(_CORE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run_identity(
    query_set: QuerySet, index_hash: str, engine: EngineConnection, own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str | None]:
    """Return the inputs of a run by readable name, to detect changes on resumption.

    Args:
        query_set: What is asked.
        index_hash: Of the index that is searched.
        engine: What answers.
        own: sha256 of the user's own code that the run is made with: systems and plug-ins.
    """
    sets = {f"query set {name}": sha256 for name, sha256 in query_set.parts.items()}
    return {
        "code": code_hash(),
        "prompts": prompt_hash(),
        **(sets or {"query set": query_set.query_set_hash}),
        "retrieval index": index_hash,
        "model": engine.model,
        "engine dialect": engine.dialect.name,
        "engine version": engine.engine_version,
        "engine flags": engine.engine_args_hash,
        "context window": None if engine.max_model_len is None else str(engine.max_model_len),
        **own,
    }


def guard_resume(
    journal: Journal, benchmark_run: str, identity: Mapping[str, str | None], *, advice: str = RESUME_ANYWAY
) -> None:
    """Start a run, or let it resume if its inputs have not changed; `advice` is the hint if they have.

    Raises:
        RunError: If something has changed; it is named, with both values.
    """
    begun = journal.identity()
    if begun is None:
        journal.begin(identity)
        return
    changed = [
        f"{name} ({_short(begun.get(name))} → {_short(value)})"
        for name, value in identity.items()
        if begun.get(name) != value
    ]
    accepted = journal.accepts_changes()
    if not changed or accepted:
        if changed:
            journal.change_identity(identity)
        journal.accept_changes(accepted=False)  # it was given for this resumption alone
        return
    raise RunError(f"benchmark run {benchmark_run} was started with something else: {', '.join(changed)}. {advice}")


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What ended processes left of one query that they did not finish; nothing by default."""

    attempts: Sequence[Row] = ()
    recorded: Mapping[CallMatch, deque[Row]] = field(default_factory=dict)
    """The calls that finished, to be replayed."""
    late: frozenset[tuple[str, str]] = frozenset()
    """Agent and task of the calls whose replies came too late."""
    failed: Mapping[CallMatch, FailedCall] = field(default_factory=dict)


def read_earlier(journal: Journal, run_id: str) -> dict[tuple[str, int], Earlier]:
    """Return the earlier work on unfinished queries of a run, by query_id and replicate."""
    by_query: dict[tuple[str, int], list[Row]] = {}
    for row in journal.unfinished_attempts(run_id):
        by_query.setdefault((row["query_id"], row["replicate"]), []).append(row)
    return {place: _earlier(journal, run_id, place, attempts) for place, attempts in by_query.items()}


def _earlier(journal: Journal, run_id: str, place: tuple[str, int], attempts: Sequence[Row]) -> Earlier:
    key = QueryKey(run_id=run_id, query_id=place[0], replicate=place[1])
    failed = journal.failed_calls(key)
    # A reply that was cut off while it was written to disk is in the journal, and its agent had none.
    unused = {call.call_id for call in failed}
    return Earlier(
        attempts=attempts,
        recorded=finished_calls([row for row in attempts if row["call_id"] not in unused]),
        late=journal.late_calls(key),
        failed={call.match: call for call in failed},
    )


def finished_calls(attempts: Iterable[Row]) -> dict[CallMatch, deque[Row]]:
    """Return the finished calls of a query by what makes them the same call; equal ones in the order they ended."""
    found: dict[CallMatch, deque[Row]] = {}
    for row in attempts:
        if row["status"] == "finished":
            found.setdefault((row["agent"], row["task"], row["request_hash"]), deque()).append(row)
    return found


def without_doubled(
    calls: Sequence[Row],
    earlier: Sequence[Row],
    recorded: Mapping[tuple[str, str, str], deque[Row]],
    late: Set[tuple[str, str]],
    failed: Set[str] = frozenset(),
) -> list[Row]:
    """Return the attempts of a query for summing; attempts that would count a call twice get unknown usage.

    A call that an ended process did not finish was made again in full: the part of it that was booked is cost of the
    interruption, not of the query, and how much the engine had computed is unknown. An attempt that was tried again
    in its own process is the query's cost. The journal keeps all as they are.

    Args:
        calls: Every attempt booked for the query.
        earlier: Those of them that were there when this process began it.
        recorded: What is left of the finished calls that could be replayed.
        late: Agent and task of calls whose replies came too late: they are not made again.
        failed: Ids of calls that failed for good: they are not made again either.
    """
    settled = failed | {row["call_id"] for row in earlier if row["status"] == "finished"}
    doubled = {_name(row) for row in earlier if row["call_id"] not in settled and row.get("billed_tokens") != 0}
    doubled |= {_name(row) for row in _left(recorded.values()) if (row["agent"], row["task"]) not in late}
    return [_unknown(row) if _name(row) in doubled else row for row in calls]


def recreated_error(call: FailedCall) -> DocMindError:
    """Recreate the error that a call of an earlier process failed with."""
    kind: type[DocMindError] = getattr(errors, call.error_type)
    return kind(call.error_message)


def _left(queues: Iterable[deque[Row]]) -> Iterable[Row]:
    return (row for queue in queues for row in queue)


def _name(row: Row) -> tuple[str, int]:
    return row["call_id"], row["attempt"]


def _unknown(row: Row) -> Row:
    reason = "unreconciled"
    return {**row, **dict.fromkeys(_TOKENS), "tokens_missing_because": reason, "cached_missing_because": reason}
