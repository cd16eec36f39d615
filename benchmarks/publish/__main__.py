"""What publishing costs as the history grows: python -m benchmarks.publish --calls 100000 400000 1000000."""

import argparse
import os
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from docmind_core.settings import Settings
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import write_segment
from tests.builders import make_call_row, make_counter_rows, make_query_run_row, make_run_row, make_score_row

QUERIES_PER_RUN = 1_000
CALLS_PER_QUERY = 10
CALLS_PER_RUN = QUERIES_PER_RUN * CALLS_PER_QUERY
SPANS_PER_QUERY, RANKED_PER_QUERY, METRICS = 14, 20, tuple(f"metric_{number}" for number in range(12))
AGENTS = ("query_router", "query_planner", "retrieval_expert", "result_synthesizer", "response_validator")
WORDS = tuple(f"{first}{second}" for first in ("ka", "lo", "mi", "pre", "sta", "vor") for second in "aeiounrst")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Print a line per size: calls, rows of all tables, runs, seconds, and MiB of the segments and of the database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[100_000, 200_000, 400_000])
    sizes = sorted(parser.parse_args().calls)
    print("| calls | rows | runs | CPU s | wall s | segments MiB | database MiB |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        runs = rows = 0
        for size in sizes:
            while runs * CALLS_PER_RUN < size:
                rows += write_run(settings, runs)
                runs += 1
            before = os.times()
            path = publish(settings)
            after = os.times()
            cpu_s = after.user + after.system - before.user - before.system
            segments = sum(file.stat().st_size for file in settings.tables.rglob("*.parquet")) / 2**20
            sizes_mib = f"{segments:.0f} | {path.stat().st_size / 2**20:.0f}"
            numbers = (
                f"{runs * CALLS_PER_RUN:,} | {rows:,} | {runs} | {cpu_s:.1f} | {after.elapsed - before.elapsed:.1f}"
            )
            print(f"| {numbers} | {sizes_mib} |", flush=True)


def write_run(settings: Settings, number: int) -> int:
    """Write the rows of one arm of 1,000 queries, as different from each other as those of a real one."""
    run_id = f"20260101T{number // 60 % 24:02}{number % 60:02}00Z-smoke-{number:04x}.tuned"
    dice, start = random.Random(number), BEGIN + timedelta(hours=number)
    tables: dict[str, list[dict[str, Any]]] = {
        "runs": [make_run_row(run_id, started_at=start)],
        "engine_counters": make_counter_rows({"prompt_tokens": 1e6, "generation_tokens": 1e5}, run_id),
    }
    for query in range(QUERIES_PER_RUN):
        for table, rows in query_rows(dice, start + timedelta(seconds=query), f"q{query}").items():
            tables.setdefault(table, []).extend({**row, "run_id": run_id} for row in rows)
    for table, rows in tables.items():
        write_segment(settings.tables, table, run_id, rows)
    return sum(len(rows) for rows in tables.values())


def query_rows(dice: random.Random, start: datetime, query_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one query."""
    key = {"query_id": query_id, "replicate": 0}
    ended = {
        "wall_s": dice.uniform(1, 9),
        "prompt_tokens": dice.randrange(9000),
        "completion_tokens": dice.randrange(900),
    }
    texts = {"query": words(dice, 15), "answer": words(dice, 40), "started_at": start}
    return {
        "query_runs": [make_query_run_row(query_id, **ended, **texts)],
        "llm_calls": [call_row(dice, start, query_id, number) for number in range(CALLS_PER_QUERY)],
        "spans": [
            {
                **key,
                "span_id": f"{number:02}-{dice.getrandbits(48):x}",
                "op": "chat",
                "name": AGENTS[number % 5],
                "status": "ok",
            }
            | {"t0": (began := dice.getrandbits(40)), "t1": began + dice.getrandbits(30)}
            for number in range(SPANS_PER_QUERY)
        ],
        "retrieved": [
            {**key, "ranking": "candidates", "span_id": "root", "rank": rank, "strategy": "hybrid_search"}
            | {"doc_id": (doc := f"d{dice.randrange(50_000)}"), "chunk_id": f"{doc}#{rank}", "score": dice.random()}
            for rank in range(1, RANKED_PER_QUERY + 1)
        ],
        "measurements": [make_score_row(metric, dice.random(), query_id) for metric in METRICS],
    }


def call_row(dice: random.Random, start: datetime, query_id: str, number: int) -> dict[str, Any]:
    """Return one call with hashes, times, tokens and a reply of its own."""
    tokens = (dice.randrange(200, 4000), dice.randrange(1, 300))
    ttft_s = dice.uniform(0.05, 2)
    return make_call_row(
        f"{dice.getrandbits(128):032x}",
        tokens=tokens,
        query_id=query_id,
        agent=AGENTS[number % len(AGENTS)],
        task=f"task {number}",
        request_hash=f"{dice.getrandbits(256):064x}",
        sent_at=start + timedelta(milliseconds=dice.randrange(1000)),
        ttft_s=ttft_s,
        e2e_latency_s=ttft_s + tokens[1] * 0.02,
        reply=words(dice, tokens[1] // 5),
    )


def words(dice: random.Random, count: int) -> str:
    """Return a text of made-up words."""
    return " ".join(dice.choices(WORDS, k=count))


if __name__ == "__main__":
    main()
