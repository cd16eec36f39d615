"""The guide's usage example, planted through the real tables: three agents, fifty rounds, made-up times and VRAM."""

from datetime import UTC, datetime, timedelta

from tests.builders import RUN_ID, Row, make_call_row, make_query_run_row, make_run_row

AGENTS = ("query_router", "retrieval_expert", "result_synthesizer")
ROUNDS = 50
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
GIB_PER_GB = 1 / 1.073741824
MS = 1_000_000


def guide_example(run_id: str = RUN_ID, start: datetime = START, *, rounds: int = ROUNDS) -> dict[str, list[Row]]:
    """Return its rows: in round i each agent takes 0.2 + 0.01 i s, 100 + i and 50 + i tokens, 12 + 0.05 i GB."""
    tables: dict[str, list[Row]] = {
        "runs": [make_run_row(run_id, level="balanced", started_at=start, duration_s=1.5 * rounds)],
        "query_runs": [], "spans": [], "llm_calls": [], "device_samples": [],
    }  # fmt: skip
    for place in range(rounds):
        _add_round(tables, run_id, start + timedelta(seconds=2 * place), place)
    return tables


def _add_round(tables: dict[str, list[Row]], run_id: str, started_at: datetime, place: int) -> None:
    key: Row = {"run_id": run_id, "query_id": f"q{place:02d}", "replicate": 0}
    # The clock of spans begins anywhere; only differences mean something.
    t0, took = 7_000_000 * MS + 2_000 * MS * place, (200 + 10 * place) * MS
    tokens = 3 * (150 + 2 * place)
    tables["query_runs"].append(
        make_query_run_row(
            f"q{place:02d}", run_id,
            started_at=started_at, ended_at=started_at + timedelta(microseconds=3 * took / 1000),
            wall_s=3 * took / 1e9, prompt_tokens=3 * (100 + place), completion_tokens=3 * (50 + place),
            billed_tokens=tokens,
        )
    )  # fmt: skip
    tables["spans"].append({**key, "span_id": "root", "op": "invoke_workflow", "t0": t0, "t1": t0 + 3 * took})
    for turn, agent in enumerate(AGENTS):
        begin, end = t0 + turn * took, t0 + (turn + 1) * took
        span: Row = {**key, "span_id": f"a{turn}", "parent_id": "root", "op": "invoke_agent", "name": agent}
        chat: Row = {**key, "span_id": f"c{turn}", "parent_id": f"a{turn}", "op": "chat", "name": "ask"}
        tables["spans"] += [{**row, "t0": begin, "t1": end, "status": "ok"} for row in (span, chat)]
        tables["llm_calls"].append(
            make_call_row(
                f"{place}-{turn}", run_id, tokens=(100 + place, 50 + place), query_id=f"q{place:02d}",
                span_id=f"c{turn}", agent=agent,
            )
        )  # fmt: skip
        tables["device_samples"].append(
            {
                "run_id": run_id, "source": "nvml", "device_index": 0, "sampled_at_ns": end,
                "sampled_at": started_at + timedelta(microseconds=(end - t0) // 1000), "status": "ok",
                "name": "FAKE GPU, test stand-in", "mem_used_gib": (12.0 + 0.05 * place) * GIB_PER_GB,
            }
        )  # fmt: skip
