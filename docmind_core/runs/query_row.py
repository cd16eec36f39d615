"""The row of `query_runs`: what one query cost and how it ended."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from docmind_core.agents.context import ArmAnswer, Message
from docmind_core.errors import NoAnswer
from docmind_core.query_sets.queries import Query
from docmind_core.runs.context_guard import ANSWER_TASKS, NOT_SHORTENED, Shortened
from docmind_core.runs.journal import QueryKey, Row
from docmind_core.serving.reply_endings import ADVICE, ANSWERED, EMPTY, ENDINGS, FAILED, NO_CALL, STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuery:
    """A query as the run sees it: no gold answers."""

    query_id: str
    text: str
    query_type: str
    cluster_id: str
    earlier: tuple[Message, ...] = ()
    """What user and assistant said before it."""
    tags: tuple[str, ...] = ()


def asked_query(query: Query, cluster_id: str) -> AskedQuery:
    """Return a query without what would give its answer away."""
    return AskedQuery(
        query_id=query.query_id,
        text=query.text,
        query_type=query.query_type,
        cluster_id=cluster_id,
        earlier=tuple(Message(speaker=said.role, text=said.content) for said in query.history),
        tags=query.tags,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryEnd:
    """How a query ended: with an answer, or with an error."""

    started_at: datetime
    ended_at: datetime
    answer: ArmAnswer | None
    error: Exception | None
    agent_sequence: Sequence[str]
    resumed: bool
    no_passages: bool
    """Whether it searched, and no search found a passage."""
    of_user: bool = False
    """Whether a user's system answered: which of its calls made the answer is not known."""
    shortened: Shortened = NOT_SHORTENED
    """What the context window made of the passages in the answer's prompt."""


def query_row(key: QueryKey, query: AskedQuery, end: QueryEnd, calls: Sequence[Row], window: int | None) -> Row:
    """Build the row; times of the spans are added when the arm is folded.

    Args:
        key: Which query of which run.
        query: Its text and type.
        end: How it ended.
        calls: Every attempt booked for it, replayed ones among them.
        window: The engine's context window in tokens, if known.
    """
    return {
        "run_id": key.run_id,
        "query_id": key.query_id,
        "replicate": key.replicate,
        "cluster_id": query.cluster_id,
        "query_type": query.query_type,
        "tags": json.dumps(list(query.tags)),
        "query": query.text,
        "earlier_turns": len(query.earlier) // 2,
        "scheduled_at": end.started_at,
        "started_at": end.started_at,
        "ended_at": end.ended_at,
        "phase": key.phase,
        "agent_sequence": json.dumps(list(end.agent_sequence)),
        "no_passages": end.no_passages,
        **_outcome(end, calls),
        **_token_sums(calls),
        **_utilisation(calls, window),
        "times_missing_because": "resumed" if end.resumed else None,
    }


def _outcome(end: QueryEnd, calls: Sequence[Row]) -> Row:
    if end.answer is None:
        return {**_failed(end.error), "ended_because": FAILED, "fallback": False}
    answer, judge = end.answer, system_ending if end.of_user else answer_ending
    ending = judge(answer.text, _answering(answer, calls))
    read = {
        "ended_because": ending,
        "fallback": answer.fallback_because is not None,
        "fallback_because": answer.fallback_because,
        "reasoning": answer.reasoning,
        **_passages(answer, end.shortened),
    }
    if ending not in ANSWERED:
        return {**_failed(NoAnswer(f"{ENDINGS[ending]}: {ADVICE[ending]}.")), **read}
    return {
        "status": "answered",
        **read,
        "answer": answer.text,
        "abstained": answer.abstained,
        "citations": json.dumps(list(answer.citations)),
    }


def _answering(answer: ArmAnswer, calls: Sequence[Row]) -> Sequence[Row]:
    """Leave out the calls whose replies were outvoted: how they ended is not how the answer ended."""
    return calls if answer.answered_by is None else [row for row in calls if row["task"] == answer.answered_by]


def _failed(error: Exception | None) -> Row:
    kind = type(error).__name__
    return {"status": "failed", "error_type": kind, "error_message": str(error) or kind}


def answer_ending(text: str, calls: Sequence[Row]) -> str:
    """Return how the reply ended that was to be the answer, a key of `QUERY_ENDINGS`.

    Args:
        text: The answer, as it is when thinking and citation marks are off.
        calls: Every attempt booked for the query, in the order of sending.
    """
    asked = [row for row in calls if row["status"] == "finished" and row["task"].startswith(ANSWER_TASKS)]
    if not text.strip():
        found = asked[-1].get("ended_because", STOP) if asked else EMPTY
        return EMPTY if found in ANSWERED else found
    return str(asked[-1].get("ended_because", STOP)) if asked else NO_CALL


def system_ending(text: str, calls: Sequence[Row]) -> str:
    """Return how the reply ended that the answer of a user's system is, word for word; else `stop` or `no_call`.

    What a system makes of its model's replies is its own: a text that no reply holds ended by itself.
    """
    asked = [row for row in calls if row["status"] == "finished"]
    if not text.strip():
        return EMPTY
    said = [row for row in asked if (row.get("reply") or "").strip() == text.strip()]
    return str(said[-1].get("ended_because") or STOP) if said else STOP if asked else NO_CALL


def _passages(answer: ArmAnswer, shortened: Shortened) -> Row:
    read = dict.fromkeys(hit.chunk.chunk_id for hit in answer.passages)
    found = [chunk_id for chunk_id in read if chunk_id not in shortened.unread]
    read_as = {chunk_id: shortened.read_as[chunk_id] for chunk_id in found if chunk_id in shortened.read_as}
    return {"passages": json.dumps(found), "passages_read_as": json.dumps(read_as) if read_as else None}


def _token_sums(calls: Sequence[Row]) -> Row:
    """Sum over all attempts; one attempt of unknown usage makes every sum unknown."""
    reasons = [row["tokens_missing_because"] for row in calls if row.get("tokens_missing_because")]
    counts: Row = {
        "calls": sum(row["status"] == "finished" for row in calls),
        "attempts": len(calls),
        "failures": sum(row["status"] != "finished" for row in calls),
        "tokens_missing_because": reasons[0] if reasons else None,
    }
    uncounted = [row["cached_missing_because"] for row in calls if row.get("cached_tokens") is None]
    counts["cached_missing_because"] = uncounted[0] if uncounted else None
    if reasons:
        return counts
    for column in ("prompt_tokens", "completion_tokens", "billed_tokens"):
        counts[column] = sum(row[column] for row in calls)
    counts["supervisor_tokens"] = sum(row["billed_tokens"] for row in calls if row["role"] == "supervisor")
    for column in ("cached_tokens", "prefill_computed_tokens"):
        known = [row.get(column) for row in calls]
        counts[column] = None if None in known else sum(value for value in known if value is not None)
    return counts


def _utilisation(calls: Sequence[Row], window: int | None) -> Row:
    """Return the largest prompt / (window - reserved output), or None and which part of it is unknown.

    A request that was tried several times has one prompt: one attempt that says how long it was is enough.
    """
    if window is None:
        return _no_utilisation("not_supported")
    known = [row for row in calls if row.get("prompt_tokens") is not None]
    counted = {row["request_hash"] for row in known}
    for row in calls:
        if row["request_hash"] not in counted:
            return _no_utilisation(str(row.get("tokens_missing_because") or "no_usage"))
    # Without a limit of its own a request reserves nothing.
    reserved = [(row["prompt_tokens"], row["max_tokens"] or 0) for row in known]
    shares = [prompt / (window - limit) for prompt, limit in reserved if window > limit]
    if not shares:
        return _no_utilisation("zero_denominator")
    return {"context_utilisation_ratio": max(shares), "context_missing_because": None}


def _no_utilisation(because: str) -> Row:
    return {"context_utilisation_ratio": None, "context_missing_because": because}
