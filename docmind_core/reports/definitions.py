"""What the figures of a report mean, one line each."""

from docmind_core.metrics.catalogue import METRICS, REASONS
from docmind_core.reports.benchmark_records import BenchmarkRecords

DEFINITIONS: tuple[tuple[str, str], ...] = (
    ("answered", "queries with an answer, of those asked; a failed query stays in every denominator"),
    ("answered by a fallback", "an agent failed and one plain call answered instead"),
    ("prompt, completion tokens", "from the engine's own usage, every attempt counted, retries and failures too"),
    ("billed tokens", "prompt + completion; cached tokens are not subtracted"),
    (
        "cached, computed prompt tokens",
        "what the engine's prefix cache served, and the rest; shown separately, never subtracted",
    ),
    (
        "tokens saved against naive_supervisor",
        "100 · (1 − geometric mean of billed tokens / the baseline's), query by query, 95 % t interval on the logs, "
        "clustered by document: what the typical query saves",
    ),
    (
        "computed tokens",
        "computed prompt tokens + completion tokens: what the engine had to work out; billed tokens ask what is paid",
    ),
    ("the same over the whole bill", "100 · (1 − sum / baseline's sum): what the bill saves"),
    ("tokens against one call", "geometric mean of billed tokens / those of single_pass, query by query"),
    ("tokens per correct answer", "billed tokens / answers that pass, over the queries whose passing is known"),
    (
        "may be claimed",
        "fewer tokens and quality proven not worse, with enough queries, a balanced ledger and equal conditions",
    ),
    (
        "quality",
        "mean over the query runs that have the score, with Wilson's interval over as many queries as the clusters "
        "by document leave (n / deff); the limits of the suite are decided by the same interval",
    ),
    (
        "MDE",
        "smallest difference that these queries show with 80 % power (two-sided, 5 %); a smaller one may be unseen",
    ),
    ("left out", "queries without a value in one of the two arms: they are in no comparison"),
    ("wall time", "from the start of a query to its end; closed loop, not service latency under load"),
    ("coordination overhead", "wall time minus the time in which at least one model call or search was at work"),
    (
        "decode, first token, search, queue, not attributed",
        "parts of a query's wall time that add up to it: after and before the first token of a call (before it, the "
        "engine's own queue too), searches, waiting for a place among the calls in flight while nothing is at work, "
        "and the rest, such as the framework",
    ),
    ("first token of a call", "from sending a call to its first content, as the client sees it"),
    ("95th percentile", "interpolated over raw values; shown from 130 values on"),
    (
        "the guide, guide grade",
        "the Multi-Agent Performance Tuning Guide of DocMind AI, the document that this project measures; its grade is "
        "kept to the letter, and nothing is decided by it",
    ),
    ("balanced", "tokens booked here equal the growth of the engine's own counters, to the token"),
)
"""Definitions that every report lists."""


def definitions(records: BenchmarkRecords) -> tuple[tuple[str, str], ...]:
    """Return term and meaning of what this report shows: its columns, its metrics, its reasons for gaps."""
    known = {**METRICS, **records.own_metrics}
    metrics = [(name, _first_sentence(known[name].definition)) for name in records.quality_metrics if name in known]
    given = _reasons(records)
    return (*DEFINITIONS, *metrics, *((name, meaning) for name, meaning in REASONS.items() if name in given))


def _first_sentence(text: str) -> str:
    return text.split(". ", 1)[0].rstrip(".").replace("`", "")


def _reasons(records: BenchmarkRecords) -> set[str | None]:
    reasons = {row.missing_because for row in records.quality} | {row.missing_because for row in records.tokens}
    for query in records.query_runs:
        reasons |= {query.tokens_missing_because, query.times_missing_because, query.cached_missing_because}
    for row in records.tokens:
        reasons |= {row.cached_missing_because, row.tokens_per_correct_interval_missing_because}
    return reasons
