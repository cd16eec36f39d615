"""What evaluating all limits and alerts of a benchmark run costs: python -m benchmarks.alerts --queries 1000."""

import argparse
import cProfile
import os
import pstats
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docmind_core.alerts.evaluating import evaluate_alerts
from docmind_core.measurements.grades import write_limits
from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from docmind_core.tables.segments import write_segment
from tests.builders import make_call_row, make_counter_rows, make_query_run_row, make_run_row, make_score_row

KEY = "20261122T020000Z-size-{number:04x}"
ARMS = ("single_pass", "naive_supervisor", "tuned")
AGENTS = ("query_router", "query_planner", "retrieval_expert", "result_synthesizer", "response_validator")
BEGAN = datetime(2026, 11, 22, 2, tzinfo=UTC)
SCORES_PER_QUERY = 24
SPANS_PER_AGENT = 3
SECONDS_PER_QUERY = 40
SECONDS_PER_SAMPLE = 5
ANSWER = "an answer of some length, with its citations [1] [2]. " * 4


def main() -> None:
    """Print a line per round: wall clock and CPU of the asset `limits`, then of `alert_states`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="show where the last round spent its time")
    options = parser.parse_args()
    suite = Suite.model_validate(
        {"name": "size", "query_set": "python-reference", "arms": ARMS, "limits": {"pass_ratio_min": 0.5}}
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        for number in range(options.rounds):
            for arm in ARMS:
                write_arm(settings, f"{KEY.format(number=number)}.{arm}", options.queries)
        print("round | limits wall s | limits CPU s | alerts wall s | alerts CPU s")
        profile = cProfile.Profile()
        for number in range(options.rounds):
            key = KEY.format(number=number)
            before = os.times()
            write_limits(settings.tables, key, suite)
            between = os.times()
            if options.profile and number == options.rounds - 1:
                profile.enable()
            evaluate_alerts(settings, key, suite)
            profile.disable()
            figures = [*took(before, between), *took(between, os.times())]
            print(f"{number + 1} | " + " | ".join(f"{figure:.2f}" for figure in figures), flush=True)
        if options.profile:
            pstats.Stats(profile).sort_stats("cumulative").print_stats(25)


def took(before: os.times_result, after: os.times_result) -> tuple[float, float]:
    """Return seconds of wall clock and of this process's CPU."""
    return after.elapsed - before.elapsed, after.user + after.system - before.user - before.system


def write_arm(settings: Settings, run_id: str, queries: int) -> None:
    """Write what a finished arm leaves."""
    ids = [f"q{number}" for number in range(queries)]
    calls = [row for query_id in ids for row in call_rows(run_id, query_id)]
    growth = {"prompt_tokens": 10.0 * len(calls), "generation_tokens": 3.0 * len(calls), "request_success": len(calls)}
    segments: dict[str, list[dict[str, object]]] = {
        "runs": [make_run_row(run_id, suite="size")],
        "query_runs": [
            make_query_run_row(
                query_id, run_id, query="a question? " * 8, answer=ANSWER, wall_s=3.0, calls=len(AGENTS),
                started_at=began(number), ended_at=began(number) + timedelta(seconds=3),
                prompt_tokens=50, completion_tokens=15, billed_tokens=65, coordination_overhead_s=number % 97 / 1000,
                context_utilisation_ratio=number % 89 / 100,
            )
            for number, query_id in enumerate(ids)
        ],
        "llm_calls": calls,
        "engine_counters": make_counter_rows(growth, run_id),
        "device_samples": list(device_rows(run_id, queries)),
        "spans": [row for query_id in ids for row in span_rows(run_id, query_id)],
        "measurements": [
            make_score_row("passed" if score == 0 else f"score_{score}", float(number % 2), query_id, run_id)
            for number, query_id in enumerate(ids)
            for score in range(SCORES_PER_QUERY)
        ],
    }  # fmt: skip
    for table, rows in segments.items():
        write_segment(settings.tables, table, run_id, rows)


def began(number: int) -> datetime:
    """Return when a query began."""
    return BEGAN + timedelta(seconds=SECONDS_PER_QUERY * number)


def device_rows(run_id: str, queries: int) -> Iterator[dict[str, object]]:
    """Yield the samples of a GPU and of the engine's KV cache over the whole arm."""
    for number in range(queries * SECONDS_PER_QUERY // SECONDS_PER_SAMPLE):
        seconds = number * SECONDS_PER_SAMPLE
        row = {
            "run_id": run_id,
            "device_index": 0,
            "sampled_at_ns": seconds * 10**9,
            "sampled_at": BEGAN + timedelta(seconds=seconds),
            "status": "ok",
        }
        yield {**row, "source": "nvml", "name": "a GPU", "mem_used_gib": 10.0 + number % 7 / 10}
        yield {**row, "source": "engine", "kv_cache_usage_ratio": number % 11 / 20}


def call_rows(run_id: str, query_id: str) -> Iterator[dict[str, object]]:
    """Yield one call per agent."""
    for number, agent in enumerate(AGENTS):
        yield make_call_row(
            f"{query_id}-{agent}", run_id, query_id=query_id, agent=agent, reply=ANSWER, span_id=f"{number}.1"
        )


def span_rows(run_id: str, query_id: str) -> Iterator[dict[str, object]]:
    """Yield the spans of a query's agents and of what they asked for."""
    for number, agent in enumerate(AGENTS):
        for inner in range(SPANS_PER_AGENT):
            yield {
                "run_id": run_id,
                "query_id": query_id,
                "replicate": 0,
                "span_id": f"{number}.{inner}",
                "parent_id": f"{number}.0" if inner else None,
                "op": "invoke_agent" if inner == 0 else "chat",
                "name": agent,
                "t0": number * 10**9,
                "t1": number * 10**9 + len(query_id) * 10**7,
                "status": "ok",
                "attributes": '{"gen_ai.request.model": "tiny", "gen_ai.usage.input_tokens": 123}',
            }


if __name__ == "__main__":
    main()
