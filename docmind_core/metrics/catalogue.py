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
from docmind_core.metrics.reasons import REASON_PHRASES, REASONS
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
    yield "Tables and JSON hold the reason, reports and messages its phrase.\n"
    yield "| reason | phrase | the value is missing because |\n|---|---|---|"
    yield from (f"| `{reason}` | {REASON_PHRASES[reason]} | {text} |" for reason, text in REASONS.items())


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
