"""From spans and calls to the work of each query run, for its critical path."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from docmind_core.runs.journal import Row
from docmind_core.statistics.critical_path import CriticalPath, Work, critical_path

_LEAVES = frozenset({"chat", "text_completion", "generate_content", "embeddings", "retrieval", "execute_tool"})


def critical_paths(spans: Sequence[Row], calls: Sequence[Row]) -> dict[tuple[str, int], CriticalPath | None]:
    """Return the critical path of each query run that has spans, by (query_id, replicate)."""
    by_span = {(*_key(call), call["span_id"]): call for call in calls}
    work: defaultdict[tuple[str, int], list[Work]] = defaultdict(list)
    for span in spans:
        pieces = work[_key(span)]
        if span["op"] in _LEAVES:
            pieces.append(_work(span, by_span.get((*_key(span), span["span_id"]))))
    return {key: critical_path(pieces) for key, pieces in work.items()}


def _key(row: Mapping[str, object]) -> tuple[str, int]:
    return str(row["query_id"]), int(str(row["replicate"]))


def _work(span: Row, call: Row | None) -> Work:
    if call is None:
        return Work(span_id=span["span_id"], t0=span["t0"], t1=span["t1"])
    return Work(
        span_id=span["span_id"], t0=span["t0"], t1=span["t1"], agent=call["agent"], tokens=call.get("billed_tokens")
    )
