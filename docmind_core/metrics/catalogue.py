"""The catalogue: one entry for each number shown. `docs/metrics.md` is generated from it.

python -m docmind_core.metrics.catalogue > docs/metrics.md
"""

import sys
from collections.abc import Iterator, Sequence

from docmind_core.metrics.comparisons import COMPARISONS
from docmind_core.metrics.cost import TIMES, TOKENS
from docmind_core.metrics.mechanisms import MECHANISMS, ROUTING
from docmind_core.metrics.metric import Metric
from docmind_core.metrics.quality import ABSTENTION, ANSWERS, CITATIONS, RETRIEVAL
from docmind_core.metrics.runs import NOT_MEASURED, RUNS

FAMILIES: dict[str, tuple[Metric, ...]] = {
    "Answers": ANSWERS,
    "Abstention": ABSTENTION,
    "Citations and evidence": CITATIONS,
    "Retrieval": RETRIEVAL,
    "Routing": ROUTING,
    "Tokens": TOKENS,
    "Mechanisms": MECHANISMS,
    "Comparison of two runs": COMPARISONS,
    "Time": TIMES,
    "An arm as a whole": RUNS,
}
METRICS: dict[str, Metric] = {metric.name: metric for family in FAMILIES.values() for metric in family}

REASONS: dict[str, str] = {
    "no_usage": "the engine finished the call and sent no usage",
    "implausible": "the engine reported something impossible, such as 0 tokens for a text, a negative count, or more "
    "cached tokens than the prompt has; or your own scorer returned something other than a number in its range",
    "flag_off": "the engine was started without the flag that reports it",
    "no_gpu": "no GPU to measure",
    "not_sampled": "no device sample was taken at that time",
    "not_supported": "the device or the engine can't report it",
    "zero_denominator": "no query, or not this one, belongs to the part of the queries that the ratio covers",
    "no_gold": "the query set does not provide the correct answer, document or span",
    "not_logged": "your system does not report what it read (`sources`) or found (`search_tool`)",
    "no_citation": "the answer cites nothing",
    "not_all_open": "the suite does not allow every search strategy, so there is no best one to compare a choice with",
    "index_changed": "the document index is no longer the one that the run searched",
    "unattributed": "calls from your system could not be assigned to a question",
    "not_routed": "the router was not asked about this query",
    "not_compared": "one of the two compared arms did not run, or is not in the suite",
    "no_correct": "no query passed",
    "no_model_call": "the arm uses no model, so it has no model cost: 0 tokens are not a saving",
    "not_scored": "the run has not been scored yet: its answers have not been compared with the accepted answers",
    "scorer_failed": "your own scorer raised an error, ran past its deadline_s, ended its process, or could not be "
    "loaded; see `measurements.missing_detail`",
    "n_too_small": "too few values for this statistic",
    "no_price": "the suite has no `price`",
    "per_gpu_hour": "with a price per GPU hour, only a whole run has a cost, not a single query or day",
    "judge_parse_error": "the judge's verdict could not be read",
    "judge_disabled": "it requires a judge, and none is configured",
    "single_token": "a single token has no time between tokens",
    "no_content": "the stream of the call ended without any text",
    "not_streamed": "the server did not stream the reply or did not count tokens while streaming, or something on the "
    "way held the chunks back",
    "warmup_only": "only warm-up rows have a value",
    "failed_run": "the query failed",
    "clock_mismatch": "the time stamps come from different clocks",
    "resumed": "the query was finished from replayed calls, or the arm by several processes: its times are "
    "meaningless, but tokens, answer and quality are valid",
    "unreconciled": "the call was cut off before its usage was known; all sums that include it are missing too",
    "not_exclusive": "other traffic used the engine, so its counters can't be attributed to this run",
    "not_exclusive_cache": "the prefix cache was shared or its state is unknown: cached tokens and times of two arms "
    "are not compared",
    "not_judged": "times of two arms that did not run interleaved in at least 6 blocks",
}
"""Why a value may be missing; nothing else is ever written into `missing_because`."""

_ORIGIN = """# Metrics

Generated from the catalogue in `docmind_core/metrics`; do not edit. To change this page, edit the catalogue and run
`python -m docmind_core.metrics.catalogue > docs/metrics.md`.
"""
_ORIGIN_OF_A_HOME = """# Metrics of this home

Written with each report, from the catalogue and from what your scorers declare (`docs/metrics-of-your-own.md` of the
project); do not edit.
"""
_RULES = """A value that could not be measured is NULL with a reason, never 0. It is excluded from means and counted
(`n_defined` of `n_total`). Warm-up rows are in the tables, but not in the views. *Gating* metrics decide claims; all
others are exploratory.

Percentiles are interpolated (`quantile_cont`, like `numpy.percentile`). A p95 requires 130 values, a p99 662 and a p90
64. With fewer, the percentile is missing (`n_too_small`), because its bound does not hold with 99 % confidence.

Intervals are clustered by `cluster_id`: queries that share a gold document or ask the same thing, directly or through
other queries, are not independent. For the estimators and their error rates, see {statistics}.
"""


def render(own: Sequence[Metric] = ()) -> str:
    """Return the text of `docs/metrics.md`, or with the user's metrics that of the same page in the home."""
    return "\n".join(_lines(own)) + "\n"


def main() -> None:
    """Print the page."""
    sys.stdout.write(render())


def _lines(own: Sequence[Metric]) -> Iterator[str]:
    yield _ORIGIN_OF_A_HOME if own else _ORIGIN
    yield _RULES.format(statistics="`docs/statistics.md`" if own else "[statistics.md](statistics.md)")
    for family, metrics in {**({"Your own metrics": own} if own else {}), **FAMILIES}.items():
        yield f"## {family}\n"
        for metric in metrics:
            yield from _entry(metric)
    yield "## Defined, but not measured yet\n"
    yield "| name | why it is not measured |\n|---|---|"
    yield from (f"| {name} | {text} |" for name, text in NOT_MEASURED.items())
    yield "\n## Reasons for a missing value\n"
    yield "| reason | the value is missing because |\n|---|---|"
    yield from (f"| `{reason}` | {text} |" for reason, text in REASONS.items())


def _entry(metric: Metric) -> Iterator[str]:
    facts = [f"unit {metric.unit}", f"range {metric.range}", f"per {metric.level}"]
    if metric.better != "none":
        facts.append(f"{metric.better} is better")
    if metric.gating:
        facts.append("gating")
    yield f"### `{metric.name}`\n"
    yield f"*{', '.join(facts)}*\n"
    yield f"{metric.definition}\n"
    yield f"Missing: {metric.missing}. Stored in {metric.source}.\n"


if __name__ == "__main__":
    main()
