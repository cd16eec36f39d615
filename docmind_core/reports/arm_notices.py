"""Warnings about an arm: truncated replies, too little load, a lagging platform."""

from collections import Counter

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Row, table_row
from docmind_core.reports.number_text import count_text, duration_text, percent_text
from docmind_core.reports.run_records import ArmRun
from docmind_core.serving.reply_endings import ADVICE, ANSWERED, ENDINGS

ACHIEVED_MIN = 0.8
"""Share of `concurrency` below which the times of an arm are those of another load."""
QUERIES_A_PLACE_MIN = 4
"""With fewer, how the first ones begin and the last ones end decides the mean."""
LAG_NOTED_S = 0.5
"""Less is in every time that is measured on a machine with other work."""


def ending_rows(records: BenchmarkRecords) -> list[Row]:
    """Return a row of the arm table for each kind of incomplete answer that occurred."""
    counts = _counts(records)
    return [
        table_row(_heading(ending), [count_text(counts[arm.run_id][ending]) for arm in records.arms])
        for ending in _found(counts)
    ]


def endings_sentence(records: BenchmarkRecords) -> str | None:
    """Return how many queries of each arm have incomplete answers, and what to do; None if all are complete."""
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


def load_sentence(records: BenchmarkRecords) -> str | None:
    """Return which arms kept too few calls in flight, and how much the platform lagged; None if all is well."""
    low = [f"{arm.arm} kept {_kept(arm)}" for arm in records.arms if _is_low(records, arm)]
    lags = [arm.loop_lag_max_s for arm in records.arms if (arm.loop_lag_max_s or 0.0) >= LAG_NOTED_S]
    sentences = []
    if low:
        sentences.append(f"Load below the configured concurrency: {'; '.join(low)}. Times are those of the lower load.")
    if lags:
        longest = duration_text(max(lag for lag in lags if lag))
        sentences.append(
            f"The platform itself lagged by up to {longest}: give it more CPU time, "
            "or lower the concurrency. Measured times include the lag; call deadlines were extended by it."
        )
    return " ".join(sentences) or None


def _is_low(records: BenchmarkRecords, arm: ArmRun) -> bool:
    if arm.achieved_concurrency is None or arm.concurrency is None:
        return False
    enough = len(records.queries_of_arms[arm.run_id]) >= QUERIES_A_PLACE_MIN * arm.concurrency
    return enough and arm.achieved_concurrency < ACHIEVED_MIN * arm.concurrency


def _kept(arm: ArmRun) -> str:
    achieved, asked = arm.achieved_concurrency or 0.0, arm.concurrency or 1
    return f"{achieved:.1f} of {asked} calls in flight ({percent_text(100 * achieved / asked)})"
