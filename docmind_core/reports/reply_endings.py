"""Queries whose reply was not a complete answer, counted by cause, with the limit to raise."""

from collections import Counter

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Row, table_row
from docmind_core.reports.number_text import count_text
from docmind_core.serving.reply_endings import ADVICE, ANSWERED, ENDINGS


def ending_rows(records: BenchmarkRecords) -> list[Row]:
    """Return a row of the arm table for each kind of incomplete answer that occurred."""
    counts = _counts(records)
    return [
        table_row(_heading(ending), [count_text(counts[arm.run_id][ending]) for arm in records.arms])
        for ending in _found(counts)
    ]


def endings_sentence(records: BenchmarkRecords) -> str | None:
    """Say of each such ending how many queries of which arm have it, and what to do; None when all are whole."""
    counts = _counts(records)
    sentences = []
    for ending in _found(counts):
        arms = [
            f"{counts[arm.run_id][ending]:,} of {len(records.queries_of_arms[arm.run_id]):,} queries of {arm.arm}"
            for arm in records.arms
            if counts[arm.run_id][ending]
        ]
        sentences.append(f"{ENDINGS[ending].capitalize()}: {', '.join(arms)}; {ADVICE[ending]}.")
    return " ".join(sentences) or None


def _heading(ending: str) -> str:
    return ENDINGS[ending] if ending in ANSWERED else f"failed, {ENDINGS[ending]}"


def _counts(records: BenchmarkRecords) -> dict[str, Counter[str | None]]:
    return {
        arm.run_id: Counter(query.ended_because for query in records.queries_of_arms[arm.run_id])
        for arm in records.arms
    }


def _found(counts: dict[str, Counter[str | None]]) -> list[str]:
    return [ending for ending in ADVICE if any(count[ending] for count in counts.values())]
