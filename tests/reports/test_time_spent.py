"""Where the time goes, three queries in time, and what levers moved."""

import pytest

from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.document import Waterfall
from docmind_core.reports.lever_table import levers_part
from docmind_core.reports.time_spent import time_blocks, waterfall_part
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows
from tests.reports.planted_run import (
    BENCHMARK_RUN,
    Row,
    make_counters,
    make_query_row,
    make_run,
    plant,
    run_id_of,
    settings_of,
)

S = 1_000_000_000
ARM = "single_pass"


def span(query_id: str, span_id: str, op: str, begins: float, ends: float, **changes: object) -> Row:
    row: Row = {
        "run_id": run_id_of(ARM), "query_id": query_id, "replicate": 0, "span_id": span_id, "parent_id": "agent",
        "op": op, "name": op, "t0": 7 * S + int(begins * S), "t1": 7 * S + int(ends * S), "status": "ok",
    }  # fmt: skip
    return row | changes


def spans_of(query_id: str, wall_s: float) -> list[Row]:
    """A wait of 0.1 s, a call until 0.5 s before the end, a search meanwhile that takes 0.2 s, and 0.5 s of nothing."""
    return [
        span(query_id, "root", "invoke_workflow", 0, wall_s, parent_id=None),
        span(query_id, "agent", "invoke_agent", 0, wall_s, parent_id="root", name="single_pass"),
        span(query_id, "queue", "queue", 0, 0.1),
        span(query_id, "call", "chat", 0.1, wall_s - 0.5),
        span(query_id, "search", "retrieval", 0.2, 0.4),
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """Three queries of 1.6, 2.1 and 12.1 s, the second the costliest; the lever `dedupe` was measured before."""
    walls = {"q1": 1.6, "q2": 2.1, "q3": 12.1}
    call = {
        "run_id": run_id_of(ARM), "replicate": 0, "attempt": 1, "span_id": "call", "engine_session": "s1",
        "agent": "single_pass", "phase": "measured", "status": "finished", "role": "agent", "ttft_s": 0.25,
        "prompt_tokens": 400, "completion_tokens": 30, "billed_tokens": 430, "cached_missing_because": "flag_off",
    }  # fmt: skip
    effect = {
        "run_id": run_id_of(ARM), "benchmark_run": BENCHMARK_RUN, "lever": "dedupe", "edge": "none",
        "metric": "reduction_pct", "expected": "rises", "effect": 12.5, "effect_low": 8.0, "effect_high": 17.0, "n": 40,
        "verdict": "moved as claimed", "because": "planted",
    }  # fmt: skip
    settings = settings_of(tmp_path_factory.mktemp("time"))
    plant(
        settings,
        {
            "runs": [make_run(ARM, queries=3)],
            "query_runs": [
                make_query_row(ARM, query, wall_s=wall, billed_tokens=9000 if query == "q2" else 430)
                for query, wall in walls.items()
            ],
            "llm_calls": [call | {"query_id": query, "call_id": query} for query in walls],
            "spans": [row for query, wall in walls.items() for row in spans_of(query, wall)],
            "engine_counters": make_counters(ARM, calls=3, request_prefill_time_seconds_sum=0.45),
            "lever_effects": [effect],
        },
    )
    return settings


def test_the_parts_of_the_time_add_up_to_the_mean_wall_time_and_nothing_is_made_up(settings):
    _, table = time_blocks(settings, read_benchmark(settings, BENCHMARK_RUN))
    parts = {row.heading: row.cells[0] for row in table.rows}
    assert {name: pytest.approx(cell.number) for name, cell in parts.items()} == {
        "engine queue": None, "prefill": 0.15, "first token": 0.1, "decode": 15.8 / 3 - 0.6 - 0.25,
        "wait for a slot": 0.1, "not attributed": 0.5,
    }  # fmt: skip
    assert sum(cell.number or 0 for cell in parts.values()) == pytest.approx(15.8 / 3)
    assert str(parts["engine queue"]) == "not measured: not reported by device or engine"
    assert (parts["wait for a slot"].note, parts["first token"].note) == ("1.9 %", "1.9 %; includes engine queue")
    for row in table.rows:
        assert query_rows(settings, row.source.sql)[1] == [(ARM, pytest.approx(row.cells[0].number))]


def test_the_slowest_the_costliest_and_a_typical_query_are_drawn_with_their_critical_path(settings):
    records = read_benchmark(settings, BENCHMARK_RUN)
    drawn = [
        block for block in waterfall_part(settings, records, records.arms[0]).blocks if isinstance(block, Waterfall)
    ]
    assert [block.title.split(":")[0] for block in drawn] == ["Slowest query q3", "Costliest and typical query q2"]
    slowest, costliest = drawn
    assert [(each.what, each.is_critical) for each in costliest.spans] == [
        ("waits for a slot", False), ("model call", True), ("search", False),
    ]  # fmt: skip
    called = slowest.spans[0]
    assert (called.agent, called.start_s, called.first_token_s, called.tokens) == ("single_pass", 0.1, 0.25, 430)
    assert slowest.left_out == 1  # a wait of 0.1 s in 12 s


def test_a_run_whose_queries_have_no_span_of_the_whole_says_so(tmp_path):
    settings = settings_of(tmp_path)
    rootless = [span("q1", "call", "chat", 0.1, 0.5)]
    plant(settings, {"runs": [make_run(ARM)], "query_runs": [make_query_row(ARM, "q1")], "spans": rootless})
    records = read_benchmark(settings, BENCHMARK_RUN)
    text, table = time_blocks(settings, records)
    assert text.lines == ("No chart: no query has both spans and a wall time.",)
    assert all(row.cells[0].is_missing for row in table.rows)
    assert waterfall_part(settings, records, records.arms[0]) is None
    assert "docmind bench ablation" in levers_part(settings, records).blocks[0].lines[0]


def test_a_lever_is_named_with_its_measured_effect(settings):
    _, table = levers_part(settings, read_benchmark(settings, BENCHMARK_RUN)).blocks
    (row,) = table.rows
    assert [str(cell) for cell in row.cells] == ["reduction_pct", "rises", "12 % (8 to 17)", "moved as claimed"]
    assert query_rows(settings, row.source.sql)[1] == [("dedupe", 12.5)]
