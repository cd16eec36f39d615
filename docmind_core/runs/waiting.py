"""From spans and calls to the work of each query run, for its critical path."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from docmind_core.runs.journal import Row
from docmind_core.statistics.critical_path import CriticalPath, Work, critical_path

_LEAVES = frozenset({"chat", "text_completion", "generate_content", "embeddings", "retrieval", "execute_tool"})


def critical_paths(spans: Sequence[Row], calls: Sequence[Row]) -> dict[tuple[str, int], CriticalPath | None]:
    """Return the critical path of each query run that has spans, by (query_id, replicate).

    Args:
        spans: Of one run.
        calls: Its attempts; a call that was tried several times has several in one span, and costs all of them.
    """
    by_span: defaultdict[tuple[str, int, str], list[Row]] = defaultdict(list)
    for call in calls:
        by_span[(*_key(call), call["span_id"])].append(call)
    work: defaultdict[tuple[str, int], list[Work]] = defaultdict(list)
    for span in spans:
        pieces = work[_key(span)]
        if span["op"] in _LEAVES:
            pieces.append(_work(span, by_span.get((*_key(span), span["span_id"]), [])))
    return {key: critical_path(pieces) for key, pieces in work.items()}


def _key(row: Mapping[str, object]) -> tuple[str, int]:
    return str(row["query_id"]), int(str(row["replicate"]))


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
