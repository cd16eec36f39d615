"""The values of finished arms, query by query and metric by metric, read from their segments."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from docmind_core.tables.building import sql_text
from docmind_core.tables.reading import query_segments

_TABLES = ("runs", "query_runs", "llm_calls", "measurements")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryValue:
    """One metric of one query of an arm: the mean over its replicates."""

    value: float | None
    """None when one replicate lacks it."""
    has_clock: bool
    block: int | None
    cluster_id: str
    because: str | None = None
    """Why a replicate lacks it, the commonest reason; None where a whole replicate is missing."""
    is_own: bool = True
    """Whether the arm answered every replicate itself: no failure, no fallback."""


ArmQueryValues = dict[str, dict[str, QueryValue]]
"""By metric, then by query id."""


def read_query_values(
    folder: Path, run_ids: Sequence[str], *, times: Sequence[str] | None = None
) -> dict[str, ArmQueryValues]:
    """Return what each query of each run cost, took and scored, by run id; warm-up is left out.

    Args:
        folder: Of the segments.
        run_ids: Whose values.
        times: Read these metrics alone, which are times and not scores; every metric when None.
    """
    found: dict[str, ArmQueryValues] = {run_id: defaultdict(dict) for run_id in run_ids}
    sql = sql_text("query_values")
    if times is not None:
        sql = f"from ({sql}) where metric in $metrics"
    tables = _TABLES if times is None else _TABLES[:-1]  # scores are most of the rows, and stay unread
    parameters = None if times is None else {"metrics": list(times)}
    _, rows = query_segments(folder, run_ids, sql, parameters, tables=tables)
    for run_id, query_id, metric, has_clock, value, block, cluster_id, because, is_own in cast("list[Any]", rows):
        found[run_id][metric][query_id] = QueryValue(
            value=value,
            has_clock=has_clock,
            block=block,
            cluster_id=cluster_id or query_id,
            because=because,
            is_own=bool(is_own),
        )
    return found
