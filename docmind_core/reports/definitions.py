"""What the figures of a report mean, one line each."""

from docmind_core.metrics.catalogue import METRICS
from docmind_core.metrics.reasons import REASON_PHRASES, REASONS
from docmind_core.reports.benchmark_records import BenchmarkRecords

DEFINITIONS: tuple[tuple[str, str], ...] = (
    ("answered", "queries with an answer, out of all queries; failed queries count in every denominator"),
    ("answered by a fallback", "an agent failed, and a single plain call answered instead"),
    ("prompt, completion tokens", "reported by the engine; every attempt counts, including retries and failures"),
    ("billed tokens", "prompt + completion; cached tokens are not subtracted"),
    (
        "cached, computed prompt tokens",
        "prompt tokens served from the engine's prefix cache, and the rest; shown separately, never subtracted",
    ),
    (
        "tokens saved vs. naive_supervisor",
        "100 · (1 − geometric mean of billed tokens / the baseline's), query by query, 95 % t interval on the logs, "
        "clustered by document: the saving of a typical query",
    ),
    (
        "computed tokens",
        "computed prompt tokens + completion tokens: the work of the engine; billed tokens are what you pay for",
    ),
    ("over the total of all queries", "100 · (1 − sum / baseline's sum): the saving on the whole bill"),
    ("tokens vs. one call", "geometric mean of billed tokens / those of single_pass, query by query"),
    ("tokens per correct answer", "billed tokens / passed answers, over the queries that could be judged"),
    (
        "may be claimed",
        "fewer tokens and quality shown to be not worse, with enough queries, a balanced ledger and equal conditions",
    ),
    (
        "quality",
        "mean over the query runs that have the score, with Wilson's interval for the effective number of queries "
        "given their clusters by document (n / deff); the suite's limits use the same interval",
    ),
    (
        "MDE",
        "minimum detectable effect: the smallest difference these queries detect with 80 % power (two-sided, 5 %)",
    ),
    ("left out", "queries without a value in one of the two arms, which are excluded from the comparison"),
    ("wall time", "from the start of a query to its end; closed loop, not service latency under load"),
    ("coordination overhead", "wall time minus the time during which at least one model call or search was running"),
    (
        "decode, first token, search, wait for a slot, not attributed",
        "parts that add up to a query's wall time: a call after and before its first token, searches, waiting for a "
        "free call slot while nothing is running, and the rest, such as the framework",
    ),
    (
        "engine queue, prefill",
        "parts of the wait for first tokens, in proportion to the time that the engine counted for the arm's calls; "
        "measured only if it counted exactly these",
    ),
    ("first token of a call", "from sending a call to its first content, measured by the client"),
    ("95th percentile", "interpolated over raw values; shown for 130 values or more"),
    (
        "the guide, guide grade",
        "the Multi-Agent Performance Tuning Guide of DocMind AI, the document that this project measures; its grade is "
        "computed exactly as written and decides nothing",
    ),
    ("balanced", "tokens in the ledger equal the growth of the engine's counters exactly"),
)
"""Definitions that every report lists."""


def definitions(records: BenchmarkRecords) -> tuple[tuple[str, str], ...]:
    """Return term and meaning of what this report shows: its columns, its metrics, its reasons for gaps."""
    known = {**METRICS, **records.own_metrics}
    metrics = [(name, _first_sentence(known[name].definition)) for name in records.quality_metrics if name in known]
    given = _reasons(records)
    return (
        *DEFINITIONS,
        *metrics,
        *((REASON_PHRASES[name], meaning) for name, meaning in REASONS.items() if name in given),
    )


def _first_sentence(text: str) -> str:
    return text.split(". ", 1)[0].rstrip(".").replace("`", "")


def _reasons(records: BenchmarkRecords) -> set[str | None]:
    reasons = {row.missing_because for row in records.quality} | {row.missing_because for row in records.tokens}
    for query in records.query_runs:
        reasons |= {query.tokens_missing_because, query.times_missing_because, query.cached_missing_because}
    for row in records.tokens:
        reasons |= {row.cached_missing_because, row.tokens_per_correct_interval_missing_because}
    return reasons
