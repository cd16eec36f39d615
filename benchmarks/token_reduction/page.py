"""The page docs/token-reduction.md, from rows of `token_efficiency`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docmind_core.reports.number_text import (
    count_text,
    interval_text,
    not_measured,
    percent_text,
    ratio_text,
    times_text,
)

GUIDE_LOW, GUIDE_HIGH = 50.0, 87.0
BASELINE = "naive_supervisor"

_MEANING = {
    "dependencies": "agents whose inputs exist and that have not run; the rule of the headline",
    "fixed": "the next agent in order, and nothing else",
    "free": "any agent at any time, at most eight hand-offs",
}
_COLUMNS = (
    "arm",
    "calls per query",
    "prompt tokens",
    "completion tokens",
    "reduction_pct",
    "times one call",
    "passages read",
    "passed",
    "token F1",
    "ledger",
    "claimable",
)
_HEAD = """# Fifty to eighty-seven per cent fewer tokens?

Written by `python -m benchmarks.token_reduction`; don't edit by hand.

The guide promises 50–87 % fewer tokens and never measured it. Here it is measured: billed tokens of every HTTP attempt,
paired by query against `naive_supervisor`, whose supervisor may choose among agents by one of three rules (`routing`).
The rule decides how often the baseline calls, so it decides the figure; that is why each stands here. `single_pass` is
one search and one call: what the same question costs without agents.
"""
_PLUMBING = (
    "Made with {model}, which checks the plumbing: tokens and ledger are real, and a model of this\n"
    "size says nothing about quality. The saving is therefore not claimable. For your own model:\n"
    "`python -m benchmarks.token_reduction --engine URL --model NAME`."
)
_SQL = """
The same by SQL, for any benchmark run:

    docmind sql "select arm, prompt_tokens, completion_tokens, reduction_pct, reduction_low, reduction_high, claimable,
        claimable_because from token_efficiency where agent = 'all'"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingResult:
    """What came out under one routing rule."""

    routing: str
    ran: dict[str, Any]
    """Row of `runs`: model, engine, times."""
    arms: list[dict[str, Any]]
    """Rows of `token_efficiency`, the cheapest arm first."""


def page_text(results: Sequence[RoutingResult]) -> str:
    """Return the page in Markdown."""
    plumbing = [result.ran["model"] for result in results if result.ran["plumbing"]]
    parts = [_HEAD, *([_PLUMBING.format(model=plumbing[0]) + "\n"] if plumbing else []), "## The answer\n"]
    parts.append("\n".join(f"- `routing: {result.routing}`: {_answer(result)}" for result in results) + "\n")
    parts += [_section(result) for result in results]
    return "\n".join([*parts, _SQL.strip(), ""])


def _answer(result: RoutingResult) -> str:
    sentences = [_against_guide(row) for row in result.arms if row["arm"] != BASELINE]
    read = next((row["passages_read"] for row in result.arms if row["arm"] == BASELINE), None)
    if read == 0:
        sentences.append("The baseline never searched, so these savings are against answers without any passage.")
    elif read is not None and read < max(row["passages_read"] or 0 for row in result.arms):
        sentences.append(f"The baseline read {read:.1f} passages per query, fewer than the others.")
    return " ".join(sentences)


def _against_guide(row: dict[str, Any]) -> str:
    if row["reduction_pct"] is None:
        return f"`{row['arm']}` {not_measured(row['missing_because'] or row['claimable_because'])}."
    low, high = row["reduction_low"], row["reduction_high"]
    interval = interval_text(low, high, decimals=1)
    saved = f"`{row['arm']}` {percent_text(row['reduction_pct'])} fewer"
    if low is None or high is None:
        return f"{saved}, without an interval, so nothing can be said about the range."
    where = (
        "above what is promised"
        if low > GUIDE_HIGH
        else "below what is promised"
        if high < GUIDE_LOW
        else "inside what is promised"
        if low >= GUIDE_LOW and high <= GUIDE_HIGH
        else "across the edge of what is promised"
    )
    return f"{saved} ({interval}): {where}."


def _section(result: RoutingResult) -> str:
    ran, lines = (
        result.ran,
        [f"## routing: {result.routing}\n", f"The supervisor may choose: {_MEANING[result.routing]}.\n"],
    )
    rows = [_cells(row) for row in result.arms]
    widths = [_COLUMNS, tuple("---" for _ in _COLUMNS), *rows]
    lines += ["| " + " | ".join(cells) + " |" for cells in widths]
    reasons = dict.fromkeys(
        f"- `{row['arm']}`: {row['claimable_because']}" for row in result.arms if row["arm"] != BASELINE
    )
    engine = "started by this project" if ran["engine_managed"] else "a server of its own"
    lines += ["", "Why it may be claimed or not:", "", *reasons, ""]
    lines.append(
        f"`{ran['benchmark_run']}`: {result.arms[0]['n_queries']} queries of {ran['query_set']}, level {ran['level']}, "
        f"model {ran['model']}, vLLM {ran['engine_version']} ({engine}), commit "
        f"{(ran['git_sha'] or 'unknown')[:10]}{' with changes' if ran['git_dirty'] else ''}.\n"
    )
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    baseline = row["arm"] == BASELINE
    because = row["missing_because"]
    reduction = _estimate(percent_text(row["reduction_pct"], because), row["reduction_low"], row["reduction_high"], 1)
    ratio = _estimate(
        times_text(row["single_pass_ratio"], because), row["single_pass_ratio_low"], row["single_pass_ratio_high"], 2
    )
    return (
        f"`{row['arm']}`",
        count_text(row["calls_per_query"]),
        count_text(row["prompt_tokens"], because),
        count_text(row["completion_tokens"], because),
        "the baseline" if baseline else reduction,
        "one call" if row["arm"] == "single_pass" else ratio,
        count_text(row["passages_read"]),
        ratio_text(row["passed_ratio"]),
        ratio_text(row["token_f1"]),
        row["ledger"] or "none",
        "" if baseline else "yes" if row["claimable"] else "no",
    )


def _estimate(value: str, low: float | None, high: float | None, decimals: int) -> str:
    interval = interval_text(low, high, decimals=decimals)
    return f"{value} ({interval})" if interval else value
