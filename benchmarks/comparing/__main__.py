"""Time the comparison of two runs of 10,000 queries, the gate on it, and the history among 1,000 runs.

python -m benchmarks.comparing [--queries 10000] [--runs 1000]
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from docmind_core.measurements.comparing import QUALITY_METRICS
from docmind_core.measurements.gate import decide_gate
from docmind_core.measurements.run_comparison import compare_runs
from docmind_core.reports.benchmark_records import read_benchmark
from docmind_core.reports.history import read_history
from docmind_core.reports.history_chart import history_svg
from docmind_core.settings import Settings
from docmind_core.suites.gate_policy import GatePolicy
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment

CALLS = 5
BASELINE, CANDIDATE = "20261121T020000Z-smoke-7f3a.tuned", "20261122T020000Z-smoke-7f3a.tuned"
ARMS = {BASELINE: 6000.0, CANDIDATE: 1500.0}
TYPES = ("factoid", "comparison", "multi_hop", "abstain")


Row = dict[str, object]


def query_rows(run_id: str, spent: list[int]) -> list[Row]:
    """Return a query for each of `spent`, the tokens of one of its calls."""
    return [
        {
            **_key(run_id, place),
            "cluster_id": f"d{place // 3}",
            "query": f"What does document {place // 3} say of subject {place}?",
            "query_type": TYPES[place % len(TYPES)],
            "tags": f'["tag{place % 5}"]',
            "status": "answered",
            "fallback": False,
            "phase": "measured",
            "answer": "Paris",
            "billed_tokens": tokens * CALLS,
            "completion_tokens": CALLS,
            "prefill_computed_tokens": tokens * CALLS - CALLS,
        }
        for place, tokens in enumerate(spent)
    ]


def call_rows(run_id: str, spent: list[int]) -> list[Row]:
    """Return the calls of these queries."""
    call = {"attempt": 1, "engine_session": "s1", "agent": "result_synthesizer", "role": "agent", "phase": "measured"}
    ended = {"status": "finished", "http_status": 200, "completion_tokens": 1, "max_tokens": 64}
    return [
        {
            **_key(run_id, place),
            **call,
            **ended,
            "call_id": f"{place}-{number}",
            "prompt_tokens": tokens - 1,
            "billed_tokens": tokens,
            "cached_missing_because": "flag_off",
        }
        for place, tokens in enumerate(spent)
        for number in range(CALLS)
    ]


def counter_rows(run_id: str, spent: list[int]) -> list[Row]:
    """Return what the engine counted of them."""
    calls = len(spent) * CALLS
    grown = {"prompt_tokens": sum(spent) * CALLS - calls, "generation_tokens": calls, "request_success": calls}
    key = {"run_id": run_id, "engine_session": "s1", "block": 1}
    return [
        {**key, "counter": name, "moment": moment, "value": value}
        for name, growth in grown.items()
        for moment, value in (("before", 0.0), ("after", float(growth)))
    ]


def write_run(folder: Path, run_id: str, mean: float, count: int, rng: np.random.Generator) -> None:
    """Write a finished, scored and balanced run of `count` queries: five calls and nine scores each."""
    spent = ((mean * rng.lognormal(0.0, 0.4, count)).astype(int) // CALLS).tolist()
    passed = rng.random((count, len(QUALITY_METRICS))) < 0.7
    scores = [
        {**_key(run_id, place), "metric": metric, "value": float(passed[place, at]), "draw": 0}
        for place in range(count)
        for at, metric in enumerate(QUALITY_METRICS)
    ]
    run = {"run_id": run_id, "benchmark_run": run_id.split(".", maxsplit=1)[0], "arm": "tuned", "status": "finished"}
    engine = {"engine_managed": True, "prefix_cache_state": "reset", "max_model_len": 8192}
    write_segment(folder, "runs", run_id, [run | engine])
    write_segment(folder, "query_runs", run_id, query_rows(run_id, spent))
    write_segment(folder, "llm_calls", run_id, call_rows(run_id, spent))
    write_segment(folder, "measurements", run_id, scores)
    write_segment(folder, "engine_counters", run_id, counter_rows(run_id, spent))


def _key(run_id: str, place: int) -> Row:
    return {"run_id": run_id, "query_id": f"q{place:06}", "replicate": 0}


def write_history(settings: Settings, runs: int, queries: int) -> str:
    """Write `runs` nights of one arm with `queries` queries each, publish them, and return the newest benchmark run."""
    dice, begin, key = np.random.default_rng(1), datetime(2024, 1, 1, 2, tzinfo=UTC), ""
    for night in range(runs):
        key = f"{begin + timedelta(days=night):%Y%m%dT%H%M%SZ}-smoke-7f3a"
        run_id, spent = f"{key}.tuned", dice.integers(200, 400, queries).tolist()
        row = {"run_id": run_id, "benchmark_run": key, "suite": "smoke", "arm": "tuned", "status": "finished"}
        write_segment(settings.tables, "runs", run_id, [row | {"started_at": begin + timedelta(days=night)}])
        write_segment(settings.tables, "query_runs", run_id, query_rows(run_id, spent))
        scores = [{**_key(run_id, at), "metric": "passed", "value": 1.0, "draw": 0} for at in range(queries)]
        write_segment(settings.tables, "measurements", run_id, scores)
    publish(settings)
    return key


def time_comparison(count: int) -> None:
    """Print how long `docmind compare` and `docmind gate` take in two runs of `count` queries."""
    rng = np.random.default_rng(20261130)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        for run_id, mean in ARMS.items():
            write_run(settings.tables, run_id, mean, count, rng)
        publish(settings)
        began, cpu = time.perf_counter(), time.process_time()
        found = compare_runs(settings, CANDIDATE, BASELINE)
        compared = time.perf_counter()
        publish(settings)
        published = time.perf_counter()
        result = decide_gate([found], GatePolicy())
        ended = time.perf_counter()
    print(f"{count:,} queries, {len(found.rows)} rows, {len(found.flips):,} flipped: {result.state}")
    print(
        f"compare {compared - began:.2f} s, publish {published - compared:.2f} s, gate {ended - published:.2f} s more"
    )
    print(f"together {ended - began:.2f} s, {time.process_time() - cpu:.2f} s of CPU")


def time_history(runs: int, queries: int) -> None:
    """Print how long the history of a report takes among `runs` nights of `queries` queries."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        records = read_benchmark(settings, write_history(settings, runs, queries))
        began, cpu = time.perf_counter(), time.process_time()
        found = read_history(settings, records)
        read = time.perf_counter()
        history_svg(found)
        ended = time.perf_counter()
    print(f"history of {runs:,} runs of {queries} queries: {len(found[0].run_ids)} shown")
    print(f"read {read - began:.2f} s, draw {ended - read:.2f} s, {time.process_time() - cpu:.2f} s of CPU")


def main() -> None:
    """Time the comparison, the gate and the history."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--queries", type=int, default=10_000)
    arguments.add_argument("--runs", type=int, default=1_000)
    given = arguments.parse_args()
    time_comparison(given.queries)
    time_history(given.runs, 100)


if __name__ == "__main__":
    main()
