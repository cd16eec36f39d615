"""A home with one planted benchmark run, published through the real tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment

BENCHMARK_RUN = "20261122T020000Z-smoke-7f3a"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
AGENTS = ("query_router", "query_planner", "retrieval_expert", "result_synthesizer", "response_validator")
ARM_AGENTS = {
    "single_pass": ("single_pass",),
    "naive_supervisor": tuple(name for agent in AGENTS for name in ("supervisor", agent)),
    "tuned": ("query_router", "result_synthesizer", "response_validator"),
}
Row = dict[str, object]


def run_id_of(arm: str, benchmark_run: str = BENCHMARK_RUN) -> str:
    return f"{benchmark_run}.{arm}"


def make_run(
    arm: str, *, benchmark_run: str = BENCHMARK_RUN, place: int = 0, queries: int = 4, **changes: object
) -> Row:
    row: Row = {
        "run_id": run_id_of(arm, benchmark_run), "benchmark_run": benchmark_run, "suite": "smoke", "arm": arm,
        "level": "balanced", "routing": "fixed", "strategy": "keyword_search", "replicates": 1, "concurrency": 4,
        "engine_session": "s1", "engine_managed": True, "engine_version": "0.32.0", "prefix_cache_state": "reset",
        "max_model_len": 8192, "model": "HuggingFaceTB/SmolLM2-135M-Instruct", "plumbing": True,
        "query_set": "python-reference", "query_set_hash": "aa11", "corpus_hash": "bb22", "git_sha": "0123abc",
        "git_dirty": True, "started_at": START + timedelta(minutes=place), "duration_s": 41.5, "status": "finished",
        "ended_at": START + timedelta(minutes=place, seconds=42), "expected_queries": queries, "comparable": True,
        "manifest": json.dumps({"engine": {"profile": "cpu-smollm2"}, "hardware": {"cores": 2, "memory_gib": 24}}),
    }  # fmt: skip
    return row | changes


def make_query_row(arm: str, query_id: str, *, benchmark_run: str = BENCHMARK_RUN, **changes: object) -> Row:
    agents = ARM_AGENTS[arm]
    prompt, completion = 400 * len(agents), 30 * len(agents)
    row: Row = {
        "run_id": run_id_of(arm, benchmark_run), "query_id": query_id, "replicate": 0, "cluster_id": f"doc-{query_id}",
        "query_type": "factoid", "query": f"What does {query_id} return?", "status": "answered", "fallback": False,
        "phase": "measured", "agent_sequence": json.dumps(agents), "answer": f"It returns None ({arm}).",
        "abstained": False, "citations": json.dumps([f"topic-{query_id}#0"]),
        "passages": json.dumps([f"topic-{query_id}#0", "topic-x#2"]), "calls": len(agents), "attempts": len(agents),
        "failures": 0, "prompt_tokens": prompt, "completion_tokens": completion, "billed_tokens": prompt + completion,
        "cached_tokens": 100, "prefill_computed_tokens": prompt - 100,
        "supervisor_tokens": 430 * agents.count("supervisor"), "wall_s": 1.234 * len(agents), "supervisor_llm_s": 0.5,
        "coordination_overhead_s": 0.0123, "coordination_incl_supervisor_s": 0.4,
    }  # fmt: skip
    return row | changes


def make_calls(arm: str, query_id: str, *, benchmark_run: str = BENCHMARK_RUN, **changes: object) -> list[Row]:
    rows = []
    for place, agent in enumerate(ARM_AGENTS[arm]):
        row: Row = {
            "run_id": run_id_of(arm, benchmark_run), "query_id": query_id, "replicate": 0,
            "call_id": f"{query_id}-{place}", "attempt": 1, "engine_session": "s1", "agent": agent,
            "role": "supervisor" if agent == "supervisor" else "agent", "task": f"turn {place}", "phase": "measured",
            "status": "finished", "sent_at": START + timedelta(seconds=place), "ttft_s": 0.2, "e2e_latency_s": 1.1,
            "tpot_s": 0.03, "prompt_tokens": 400, "completion_tokens": 30, "billed_tokens": 430, "cached_tokens": 100,
            "prefill_computed_tokens": 300, "http_status": 200, "finish_reason": "stop", "max_tokens": 64,
            "reply": f"{agent} says something about {query_id}.",
        }  # fmt: skip
        rows.append(row | changes)
    return rows


def make_scores(arm: str, query_id: str, values: Mapping[str, float | None], **changes: object) -> list[Row]:
    return [
        {
            "run_id": run_id_of(arm), "query_id": query_id, "replicate": 0, "metric": metric, "value": value,
            "missing_because": "no_gold" if value is None else None, "scorer_version": "1", "draw": 0,
        }
        | changes
        for metric, value in values.items()
    ]  # fmt: skip


def make_comparison(candidate: str, baseline: str, metric: str, **changes: object) -> Row:
    row: Row = {
        "run_id": run_id_of(candidate), "candidate_run_id": run_id_of(candidate), "metric": metric,
        "baseline_run_id": run_id_of(baseline), "agent": "all", "slice": "all", "n": 4, "n_left_out": 0, "clusters": 4,
    }  # fmt: skip
    return row | changes


def make_counters(arm: str, *, calls: int, benchmark_run: str = BENCHMARK_RUN, **more: float) -> list[Row]:
    grown = {
        "prompt_tokens": 400.0 * calls, "generation_tokens": 30.0 * calls, "request_success": float(calls), **more,
    }  # fmt: skip
    return [
        {
            "run_id": run_id_of(arm, benchmark_run), "engine_session": "s1", "block": 1, "counter": name,
            "moment": moment, "value": 1000.0 + (value if moment == "after" else 0.0), "taken_at": START,
        }
        for name, value in grown.items()
        for moment in ("before", "after")
    ]  # fmt: skip


def plant(settings: Settings, tables: Mapping[str, Sequence[Row]]) -> None:
    """Write rows of any runs as segments and publish them."""
    for table, rows in tables.items():
        for run_id in dict.fromkeys(str(row["run_id"]) for row in rows):
            write_segment(settings.tables, table, run_id, [row for row in rows if row["run_id"] == run_id])
    publish(settings)


def planted_tables(
    arms: Sequence[str] = ("single_pass", "naive_supervisor", "tuned"), *, queries: int = 4
) -> dict[str, list[Row]]:
    """Return the rows of an undisturbed run: every table filled, the ledger balanced."""
    ids = [f"q{place:04d}" for place in range(queries)]
    tables: dict[str, list[Row]] = {
        "runs": [make_run(arm, place=place, queries=queries) for place, arm in enumerate(arms)],
        "query_runs": [make_query_row(arm, query_id) for arm in arms for query_id in ids],
        "llm_calls": [row for arm in arms for query_id in ids for row in make_calls(arm, query_id)],
        "engine_counters": [
            row for arm in arms for row in make_counters(arm, calls=len(ARM_AGENTS[arm]) * queries)
        ],
        "retrieved": [
            {
                "run_id": run_id_of(arm), "query_id": query_id, "replicate": 0, "ranking": "candidates",
                "span_id": "root", "rank": rank + 1, "doc_id": chunk.split("#")[0], "chunk_id": chunk,
            }
            for arm in arms
            for query_id in ids
            for rank, chunk in enumerate((f"topic-{query_id}#0", "topic-x#2"))
        ],
        "measurements": [
            row
            for arm in arms
            for place, query_id in enumerate(ids)
            for row in make_scores(
                arm, query_id, {"exact_match": float(place % 2), "token_f1": 0.2 + 0.6 * (place % 2),
                                "passed": float(place % 2), "abstention_recall": None},
            )
        ],
        "comparisons": [],
    }  # fmt: skip
    for arm in arms:
        if arm != "naive_supervisor" and "naive_supervisor" in arms:
            tables["comparisons"] += _against_naive_supervisor(arm)
    if {"single_pass", "tuned"} <= set(arms):
        tables["comparisons"] += _against_one_call()
    return tables


def _against_naive_supervisor(arm: str) -> list[Row]:
    tokens = {
        "baseline_value": 4300.0, "candidate_value": 1290.0, "delta": -1.2, "delta_low": -1.3, "delta_high": -1.1,
        "ratio_of_totals": 0.3, "verdict": "better", "claimable": False,
        "claimable_because": "not claimable: quality undecided (n = 4 is below 300)",
    }  # fmt: skip
    quality = {
        "baseline_value": 0.5, "candidate_value": 0.5, "delta": 0.0, "delta_low": -0.4, "delta_high": 0.4,
        "verdict": "inconclusive", "because": "n = 4 is below 300", "mde": 0.21,
    }  # fmt: skip
    return [
        make_comparison(arm, "naive_supervisor", "billed_tokens", **tokens),
        make_comparison(arm, "naive_supervisor", "passed", **quality),
    ]


def _against_one_call() -> list[Row]:
    one_call = {"delta": 1.1, "delta_low": 1.0, "delta_high": 1.2, "ratio_of_totals": 3.0}
    quality = {
        "baseline_value": 0.45, "candidate_value": 0.5, "delta": 0.05, "delta_low": -0.02, "delta_high": 0.12,
        "verdict": "inconclusive", "n": 3, "n_left_out": 1, "mde": 0.1,
    }  # fmt: skip
    return [
        make_comparison("tuned", "single_pass", "billed_tokens", **one_call),
        make_comparison("tuned", "single_pass", "passed", n=0, n_left_out=4, verdict="inconclusive"),
        make_comparison("tuned", "single_pass", "token_f1", **quality),
    ]


def renamed(tables: Mapping[str, Sequence[Row]], benchmark_run: str) -> dict[str, list[Row]]:
    """Return the same rows under another key, so that one home can hold many planted runs."""
    return {
        table: [
            {
                name: value.replace(BENCHMARK_RUN, benchmark_run) if isinstance(value, str) else value
                for name, value in row.items()
            }
            for row in rows
        ]
        for table, rows in tables.items()
    }


def settings_of(folder: Path) -> Settings:
    return Settings(home=folder / "home")
