"""Coordination overhead: the part of a query's time in which nothing worked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docmind_core.errors import StoreError
from docmind_core.tables.building import sql_text
from docmind_core.tables.connecting import open_in_memory

_COLUMNS = {
    "run_id": "string",
    "query_id": "string",
    "replicate": "int32",
    "span_id": "string",
    "op": "string",
    "t0": "int64",
    "t1": "int64",
    "attributes": "string",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordination:
    """Where the time of one query run went; the fields are in the order of `sql/overhead.sql`."""

    wall_s: float
    busy_s: float
    """Union of the leaf work (model calls, searches, tools), clipped to the root span."""
    coordination_overhead_s: float
    """`wall_s - busy_s`, never negative."""
    coordination_overhead_ratio: float | None
    """In [0, 1]; None when the wall time is 0."""
    parallelism_ratio: float | None
    """Sum of the work / its union, at least 1; None without work."""
    coordination_incl_supervisor_s: float
    """The overhead when the supervisor's model calls count as coordination, not as work."""
    supervisor_llm_s: float


def coordination(spans: Sequence[Mapping[str, object]]) -> dict[tuple[str, int], Coordination]:
    """Measure every query run among the spans of one run.

    Agent and node spans are never work, so nesting counts nothing twice. Supervisor calls are `chat`
    spans whose attributes hold `"docmind.role": "supervisor"`.

    Returns:
        The measurement by (query_id, replicate); query runs without spans are absent.

    Raises:
        StoreError: If a query run has no root or several, or two spans of one id.
    """
    import pyarrow as pa

    if not spans:
        return {}
    _require_one_root(spans)
    table = pa.table(
        {name: pa.array([span.get(name) for span in spans], pa.type_for_alias(kind)) for name, kind in _COLUMNS.items()}
    )
    with open_in_memory() as connection:
        connection.register("spans", table)
        rows = connection.execute(sql_text("overhead")).fetchall()
    names = tuple(Coordination.__dataclass_fields__)
    return {(row[0], row[1]): Coordination(**dict(zip(names, row[2:], strict=True))) for row in rows}


def _require_one_root(spans: Sequence[Mapping[str, object]]) -> None:
    roots: dict[tuple[object, object], int] = {}
    seen: set[tuple[object, object, object]] = set()
    for span in spans:
        key = (span["query_id"], span["replicate"])
        roots[key] = roots.get(key, 0) + (span["op"] == "invoke_workflow")
        if (*key, span["span_id"]) in seen:
            raise StoreError(f"span {span['span_id']!r} is there twice in query {key[0]!r}, replicate {key[1]}")
        seen.add((*key, span["span_id"]))
    for (query_id, replicate), count in roots.items():
        if count != 1:
            raise StoreError(f"query {query_id!r}, replicate {replicate}: {count} root spans (invoke_workflow), not 1")
