"""Where the time of a query went, from its spans and calls: coordination overhead and critical path."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from docmind_core.errors import StoreError
from docmind_core.runs.journal import Row
from docmind_core.statistics.coordination import Coordination, Interval, coordination
from docmind_core.statistics.critical_path import CriticalPath, Work, critical_path

_LEAVES = frozenset({"chat", "text_completion", "generate_content", "embeddings", "retrieval", "execute_tool"})
_SUPERVISOR = "supervisor"


def waiting_times(spans: Sequence[Row], calls: Sequence[Row]) -> Row:
    """Return the columns of `query_runs` about where the time of one query run went; none without spans.

    Raises:
        StoreError: If it has no root or several, or two spans of one id.
    """
    if not spans:
        return {}
    path = path_of(spans, calls)
    times = {**asdict(overhead_of(spans)), **(asdict(path) if path else {})}
    del times["busy_s"]
    return times


def overhead_of(spans: Sequence[Row]) -> Coordination:
    """Return the coordination overhead of one query run.

    Agent and node spans are never work, so nesting counts nothing twice. Supervisor calls are `chat`
    spans whose attributes hold `"docmind.role": "supervisor"`.

    Raises:
        StoreError: If it has no root or several, or two spans of one id.
    """
    root = _root(spans)
    leaves = (span for span in spans if span["op"] in _LEAVES)
    work = [Interval(t0=span["t0"], t1=span["t1"], by_supervisor=_is_supervisor(span)) for span in leaves]
    return coordination((root["t0"], root["t1"]), work)


def path_of(spans: Sequence[Row], calls: Sequence[Row]) -> CriticalPath | None:
    """Return the critical path of one query run; None without work that took time.

    Args:
        spans: Of the query run.
        calls: Its attempts; a call that was tried several times has several in one span, and costs all of them.
    """
    attempts: defaultdict[str | None, list[Row]] = defaultdict(list)
    for call in calls:
        attempts[call["span_id"]].append(call)
    leaves = (span for span in spans if span["op"] in _LEAVES)
    return critical_path([_work(span, attempts.get(span["span_id"], ())) for span in leaves])


def _root(spans: Sequence[Row]) -> Row:
    roots = [span for span in spans if span["op"] == "invoke_workflow"]
    query = f"query {spans[0]['query_id']!r}, replicate {spans[0]['replicate']}"
    seen = set[str]()
    for span in spans:
        if span["span_id"] in seen:
            raise StoreError(f"span {span['span_id']!r} is duplicated in {query}")
        seen.add(span["span_id"])
    if len(roots) != 1:
        raise StoreError(f"{query}: {len(roots)} root spans (invoke_workflow), not 1")
    return roots[0]


def _is_supervisor(span: Row) -> bool:
    attributes = span.get("attributes")
    if span["op"] != "chat" or not attributes or _SUPERVISOR not in attributes:
        return False
    said = json.loads(attributes)
    return isinstance(said, dict) and said.get("docmind.role") == _SUPERVISOR


def _work(span: Row, attempts: Sequence[Row]) -> Work:
    if not attempts:
        return Work(span_id=span["span_id"], t0=span["t0"], t1=span["t1"])
    return Work(
        span_id=span["span_id"], t0=span["t0"], t1=span["t1"], agent=attempts[0]["agent"], tokens=_tokens(attempts)
    )


def _tokens(attempts: Sequence[Row]) -> int | None:
    """Return what all attempts cost; None when that of one is unknown."""
    known = [row["billed_tokens"] for row in attempts if row.get("billed_tokens") is not None]
    return sum(known) if len(known) == len(attempts) else None
