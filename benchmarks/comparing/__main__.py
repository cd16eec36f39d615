"""Time the comparison of two runs of 10,000 queries.

python -m benchmarks.comparing [--queries 10000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from docmind_core.measurements.arm_values import read_arm_values
from docmind_core.measurements.comparability import ledger_states
from docmind_core.measurements.comparing import QUALITY_METRICS, ClaimRules, compare
from docmind_core.tables.segments import write_segment

CALLS = 5
ARMS = {"k.naive_supervisor": 6000.0, "k.tuned": 1500.0}
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
    run = {"run_id": run_id, "benchmark_run": "k", "arm": run_id.removeprefix("k."), "status": "finished"}
    engine = {"engine_managed": True, "prefix_cache_state": "reset", "max_model_len": 8192}
    write_segment(folder, "runs", run_id, [run | engine])
    write_segment(folder, "query_runs", run_id, query_rows(run_id, spent))
    write_segment(folder, "llm_calls", run_id, call_rows(run_id, spent))
    write_segment(folder, "measurements", run_id, scores)
    write_segment(folder, "engine_counters", run_id, counter_rows(run_id, spent))


def _key(run_id: str, place: int) -> Row:
    return {"run_id": run_id, "query_id": f"q{place:06}", "replicate": 0}


def main() -> None:
    """Write two runs, compare them, and print how long it took."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--queries", type=int, default=10_000)
    count = arguments.parse_args().queries
    rng = np.random.default_rng(20261130)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for run_id, mean in ARMS.items():
            write_run(folder, run_id, mean, count, rng)
        began, cpu = time.perf_counter(), time.process_time()
        baseline, candidate = (read_arm_values(folder, run_id, QUALITY_METRICS) for run_id in ARMS)
        read = time.perf_counter()
        ledger = ledger_states(folder, tuple(ARMS))
        booked = time.perf_counter()
        rows = compare(candidate, baseline, ledger, ClaimRules())
        ended = time.perf_counter()
    print(f"{count:,} queries, {len(rows)} rows: {rows[0]['claimable_because']}")
    print(f"read {read - began:.2f} s, ledger {booked - read:.2f} s, compare {ended - booked:.2f} s")
    print(f"together {ended - began:.2f} s, {time.process_time() - cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()
