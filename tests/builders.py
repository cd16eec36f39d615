"""Builders of rows and records for tests; each takes what the test is about and fills in the rest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from docmind_core.query_sets.queries import Query
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import write_segment

BENCHMARK_RUN = "20261122T020000Z-smoke-7f3a"
RUN_ID = f"{BENCHMARK_RUN}.naive_supervisor"
Row = dict[str, object]


def make_run_row(run_id: str = RUN_ID, **changes: object) -> Row:
    benchmark_run, arm = run_id.rsplit(".", 1)
    return {
        "run_id": run_id,
        "benchmark_run": benchmark_run,
        "suite": "smoke",
        "arm": arm,
        "routing": "fixed",
        "engine_managed": True,
        "prefix_cache_state": "reset",
        "max_model_len": 8192,
        "model": "tiny",
        "status": "finished",
        "started_at": datetime(2026, 11, 22, 2, tzinfo=UTC),
        **changes,
    }


def make_query_run_row(query_id: str = "q1", run_id: str = RUN_ID, **changes: object) -> Row:
    return {
        "run_id": run_id,
        "query_id": query_id,
        "replicate": 0,
        "cluster_id": f"doc-{query_id}",
        "query_type": "factoid",
        "status": "answered",
        "phase": "measured",
        "answer": "Paris",
        "abstained": False,
        **changes,
    }


def make_call_row(
    call_id: str = "c1", run_id: str = RUN_ID, *, tokens: tuple[int, int] = (10, 3), **changes: object
) -> Row:
    row: Row = {
        "run_id": run_id,
        "query_id": "q1",
        "replicate": 0,
        "call_id": call_id,
        "attempt": 1,
        "engine_session": "s1",
        "agent": "query_router",
        "role": "agent",
        "phase": "measured",
        "status": "finished",
        "http_status": 200,
        "max_tokens": 64,
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "billed_tokens": sum(tokens),
        **changes,
    }
    if row.get("cached_tokens") is None:
        row.setdefault("cached_missing_because", row.get("tokens_missing_because") or "flag_off")
    return row


def make_counter_rows(
    growth: Mapping[str, float],
    run_id: str = RUN_ID,
    *,
    session: str = "s1",
    moments: Sequence[str] = ("before", "after"),
) -> list[Row]:
    """The counters of an engine that had already counted 1000 of everything before the run."""
    return [
        {
            "run_id": run_id,
            "engine_session": session,
            "block": 1,
            "counter": counter,
            "value": 1000.0 + (amount if moment == "after" else 0),
            "moment": moment,
        }
        for counter, amount in growth.items()
        for moment in moments
    ]


def make_score_row(
    metric: str, value: float | None, query_id: str = "q1", run_id: str = RUN_ID, **changes: object
) -> Row:
    return {
        "run_id": run_id,
        "query_id": query_id,
        "replicate": 0,
        "metric": metric,
        "value": value,
        "missing_because": "no_gold" if value is None else None,
        "draw": 0,
        **changes,
    }


def write_rows(settings: Settings, rows: Mapping[str, Sequence[Row]], run_id: str = RUN_ID) -> None:
    """Write one segment per table, a plain run among them; every row becomes one of `run_id`."""
    for table, content in {"runs": [make_run_row(run_id)], **rows}.items():
        write_segment(settings.tables, table, run_id, [{**row, "run_id": run_id} for row in content])


def make_query(query_id: str = "q1", **changes: object) -> Query:
    values: dict[str, object] = {"text": "Where?", "gold_answers": ("Paris",), "gold_doc_ids": ("d1",), **changes}
    return Query(query_id=query_id, **values)  # type: ignore[arg-type]


def make_toy_suite(query_set: str, engine_url: str, /, **changes: object) -> Suite:
    """A small suite on a stand-in engine."""
    values = {"name": "toy", "query_set": query_set, "engine": engine_url, "concurrency": 3, "warmup": 0}
    return Suite.model_validate({**values, **changes})
