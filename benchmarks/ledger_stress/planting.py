"""One run, then its bookings with each fault planted, and what the ledger says of them."""

import json
import logging
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.ledger_stress.runs import CUT_OFF, TROUBLES, UNDISTURBED, Played, Trouble, play
from docmind_core.runs import benchmark
from docmind_core.serving.retrying import RetryPolicy
from docmind_core.tables.reading import query_segments
from docmind_core.tables.segments import read_segment, write_segment

Row = dict[str, Any]
Found = dict[tuple[str, str], Counter[str]]
"""By planted fault and trouble: how often it was planted and found."""
_TABLES = ("runs", "llm_calls", "engine_counters")


def doubled(calls: list[Row], rng: random.Random) -> None:
    """Book a call twice."""
    calls.append({**rng.choice(calls), "call_id": "doubled"})


def dropped(calls: list[Row], rng: random.Random) -> None:
    """Lose a booking."""
    calls.pop(rng.randrange(len(calls)))


def _changed(column: str) -> Callable[[list[Row], random.Random], None]:
    def change(calls: list[Row], rng: random.Random) -> None:
        known = [call for call in calls if call[column] is not None and call["status"] == "finished"]
        if known:
            rng.choice(known)[column] += rng.choice([-1, 1]) * rng.randint(1, 40)

    return change


FAULTS: dict[str, Callable[[list[Row], random.Random], None]] = {
    "booking doubled": doubled,
    "booking dropped": dropped,
    "prompt count changed": _changed("prompt_tokens"),
    "completion count changed": _changed("completion_tokens"),
    "cached count changed": _changed("cached_tokens"),
}


def prepare() -> None:
    """Make a process of the benchmark quiet, and its retries quick: nothing here gets better by waiting."""
    logging.disable(logging.CRITICAL)
    RetryPolicy.wait_s = lambda *_: 0.01  # type: ignore[method-assign]
    benchmark.publish = lambda settings: settings.metrics_database  # what is asked here are the segments


def one_run(place: tuple[int, int]) -> tuple[str, list[str], Found]:
    """Return what happened to a run, the states of its engine sessions, and what was planted and found.

    Args:
        place: Seed and number of the run.
    """
    seed, number = place
    trouble, rng, found = TROUBLES[number % len(TROUBLES)], random.Random(f"{seed}/{number}"), Found()
    with tempfile.TemporaryDirectory() as folder:
        played = play(trouble, rng, _query_set(Path(folder)), Path(folder) / "home")
        seen = _judged(trouble, played)
        if trouble in (UNDISTURBED, CUT_OFF):
            _plant(trouble, played, rng, found)
    return trouble.name, seen, found


def _judged(trouble: Trouble, played: Played) -> list[str]:
    rows = [row for run_id in played.run_ids for row in _ledger(played.settings.tables, run_id)]
    return [state if state in trouble.allowed else f"WRONG: {state}: {because}" for state, because in rows]


def _plant(trouble: Trouble, played: Played, rng: random.Random, found: Found) -> None:
    run_id = rng.choice(played.run_ids)
    for fault, plant in FAULTS.items():
        tables = {
            table: [_aware(row) for row in read_segment(played.settings.tables, table, run_id)] for table in _TABLES
        }
        if any(call["status"] == "cut_off" for call in tables["llm_calls"]) != (trouble is CUT_OFF):
            continue  # the arm that was drawn met no fault
        before = json.dumps(tables["llm_calls"], default=str)
        plant(tables["llm_calls"], rng)
        if json.dumps(tables["llm_calls"], default=str) == before:
            continue
        for counted in (True, False):
            if not counted:
                tables["engine_counters"] = [
                    row for row in tables["engine_counters"] if row["counter"] != "docmind:requests_sent"
                ]
            outcome = found.setdefault((fault, trouble.name), Counter())
            is_found = _is_found(tables, run_id)
            outcome["found" if counted else "found without the count of requests"] += is_found
            outcome["planted"] += counted


def _is_found(tables: dict[str, list[Row]], run_id: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for table, rows in tables.items():
            write_segment(Path(folder), table, run_id, rows)
        rows = _ledger(Path(folder), run_id)
    return any(state == "unbalanced" or "cached ones against" in (because or "") for state, because in rows)


def _ledger(tables: Path, run_id: str) -> Sequence[tuple[str, str | None]]:
    _, rows = query_segments(tables, [run_id], "select state, because from ledger_balance", tables=_TABLES)
    return [(str(state), because if because is None else str(because)) for state, because in rows]


def _aware(row: Row) -> Row:
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def _query_set(folder: Path) -> Path:
    topics = ("apples", "bridges", "clouds", "dolphins", "engines", "forests")
    place = folder / "set"
    place.mkdir()
    documents = [{"doc_id": topic, "title": topic, "text": f"The colour of {topic} is blue."} for topic in topics]
    queries = [
        {
            "query_id": topic,
            "query": f"What is the colour of {topic}?",
            "answers": ["blue"],
            "gold_doc_ids": [topic],
            "type": "factoid",
            "expected_abstain": False,
        }
        for topic in topics
    ]
    for name, rows in (("documents", documents), ("queries", queries)):
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return place
