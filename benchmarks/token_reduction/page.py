"""The page docs/token-reduction.md, from rows of `token_efficiency`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docmind_core.reports.cells import Table
from docmind_core.reports.number_text import (
    count_text,
    interval_text,
    not_measured,
    percent_text,
    ratio_text,
    times_text,
)
from docmind_core.reports.rendering import markdown_table

GUIDE_LOW, GUIDE_HIGH = 50.0, 87.0
BASELINE, TUNED = "naive_supervisor", "tuned"

_MEANING = {
    "dependencies": "agents whose inputs exist and that have not run; the rule of the headline",
    "fixed": "the next agent in order, and nothing else",
    "free": "any agent at any time, at most eight hand-offs",
}
_COLUMNS = (
    "arm",
    "calls per query",
    "tokens per query",
    "fewer than the baseline",
    "times one call",
    "passages read",
    "passed",
    "against the baseline",
    "answer contained",
    "ledger",
    "claimable",
)
_HEAD = """Written by `python -m benchmarks.token_reduction`; don't edit by hand.

[The guide](glossary.md) promises 50–87 % fewer tokens and never measured it. Here it is measured: billed tokens of
every HTTP attempt, paired by query against `naive_supervisor`, whose supervisor may choose among agents by one of
three rules (`routing`). The rule decides how often the baseline calls, so it decides the figure; that is why each is
here. A saving is worth
nothing where answers are lost, so each figure has its quality next to it: the share of questions that passed, and the
difference with its 95 % interval. Four opponents keep the comparison fair: `single_pass` is one search and one call;
`single_pass@budget` makes as many single passes as the tokens of `tuned` buy; `extractive` asks no model.
"""
_PLUMBING = (
    "Ran on {model}, a smoke-test model: tokens, ledger and differences between the arms are real; quality\n"
    "figures are not meaningful, and no saving may be claimed. For your own model:\n"
    "`python -m benchmarks.token_reduction --engine URL --model NAME --limit 300`."
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
    """A row an arm, the cheapest first: its tokens, its quality, and both against the baseline."""
    opponents: Table | None = None
    """`tuned` against each of its opponents, paired by query."""
    budget: str | None = None
    """For how many queries the budget bought a vote."""


def page_text(results: Sequence[RoutingResult]) -> str:
    """Return the page in Markdown."""
    plumbing = [result.ran["model"] for result in results if result.ran["plumbing"]]
    parts = [
        "# Fifty to eighty-seven per cent fewer tokens?\n",
        *filter(None, [_opening(results[0])]),
        _HEAD,
        *([_PLUMBING.format(model=plumbing[0]) + "\n"] if plumbing else []),
        "## The answer\n",
    ]
    parts.append("\n".join(f"- `routing: {result.routing}`: {_answer(result)}" for result in results) + "\n")
    if absent := [f"`{routing}`" for routing in _MEANING if routing not in {result.routing for result in results}]:
        parts.append(f"Not measured on this engine yet: `routing:` {', '.join(absent)}.\n")
    parts += [_section(result) for result in results]
    return "\n".join([*parts, _SQL.strip(), ""])


def _opening(result: RoutingResult) -> str | None:
    """Say of `tuned` under the first rule what it saves and what became of the answers."""
    row = next((row for row in result.arms if row["arm"] == TUNED and row["reduction_pct"] is not None), None)
    if row is None:
        return None
    saved = f"`{TUNED}` spends {_reduction(row['reduction_pct'], 'tokens ')}than `{BASELINE}`{_known(row)}"
    asked = f"On {row['n_queries']} questions of `{result.ran['query_set']}` with `routing: {result.routing}`"
    return f"{asked}, {saved}, and {_quality(row)}.\n"


def _answer(result: RoutingResult) -> str:
    sentences = [_against_guide(row) for row in result.arms if row["arm"] != BASELINE]
    read = next((row["passages_read"] for row in result.arms if row["arm"] == BASELINE), None)
    if read == 0:
        sentences.append("The baseline never searched, so these savings are against answers without any passage.")
    elif read is not None and read < max(row["passages_read"] or 0 for row in result.arms):
        sentences.append(f"The baseline read {read:.1f} passages per query, fewer than the others.")
    return " ".join(sentences)


def _against_guide(row: dict[str, Any]) -> str:
    if row["tokens_per_query"] == 0:
        return f"`{row['arm']}` asks no model, and {_quality(row)}."
    if row["reduction_pct"] is None:
        return f"`{row['arm']}` {not_measured(row['missing_because'] or row['claimable_because'])}."
    low, high = row["reduction_low"], row["reduction_high"]
    ends = (low, high) if row["reduction_pct"] >= 0 or low is None or high is None else (-high, -low)
    interval = interval_text(*ends, decimals=1)
    saved = f"`{row['arm']}` {_reduction(row['reduction_pct'])}{_known(row)}"
    if low is None or high is None:
        return f"{saved}, without an interval, so nothing can be said about the range; {_quality(row)}."
    where = (
        "above what is promised"
        if low > GUIDE_HIGH
        else "below what is promised"
        if high < GUIDE_LOW
        else "inside what is promised"
        if low >= GUIDE_LOW and high <= GUIDE_HIGH
        else "across the edge of what is promised"
    )
    return f"{saved} ({interval}): {where}; {_quality(row)}."


def _reduction(percent: float, noun: str = "") -> str:
    end = f" {noun}" if noun else ""
    return f"{percent_text(abs(percent))} {'fewer' if percent >= 0 else 'more'}{end}"


def _known(row: dict[str, Any]) -> str:
    if row["n_compared"] in (None, row["n_queries"]):
        return ""
    return f", over the {row['n_compared']} questions whose tokens are known in both arms"


def _quality(row: dict[str, Any]) -> str:
    """Say what became of the answers: more, fewer (a saving that costs answers), or not clear."""
    if row["passed_delta"] is None:
        return "its answers were not compared with the baseline's"
    low, high = row["passed_low"], row["passed_high"]
    passed = f"{ratio_text(row['passed_ratio'])} against {ratio_text(row['passed_of_baseline'])}"
    found = f"{passed}, difference {_signed_difference(row)}"
    if low is not None and low > 0:
        return f"it passes more questions: {found}"
    if high is not None and high < 0:
        return f"the saving costs answers: it passes {found}"
    return f"whether that costs answers is not clear: it passes {found}"


def _signed_difference(row: dict[str, Any]) -> str:
    sign = "+" if row["passed_delta"] > 0 else ""
    return _estimate(f"{sign}{ratio_text(row['passed_delta'])}", row["passed_low"], row["passed_high"], 2)


def _section(result: RoutingResult) -> str:
    ran, lines = (
        result.ran,
        [f"## routing: {result.routing}\n", f"The supervisor may choose: {_MEANING[result.routing]}.\n"],
    )
    rows = [_cells(row) for row in result.arms]
    widths = [_COLUMNS, tuple("---" for _ in _COLUMNS), *rows]
    lines += ["| " + " | ".join(cells) + " |" for cells in widths]
    if result.opponents is not None:
        lines += ["", f"{result.opponents.caption}:", "", markdown_table(result.opponents)]
    if result.budget is not None:
        lines += ["", result.budget]
    reasons = dict.fromkeys(
        f"- `{row['arm']}`: {row['claimable_because']}"
        for row in result.arms
        if row["arm"] != BASELINE and row["claimable_because"]
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
    baseline, is_free = row["arm"] == BASELINE, row["tokens_per_query"] == 0
    because = row["missing_because"]
    reduction = _estimate(percent_text(row["reduction_pct"], because), row["reduction_low"], row["reduction_high"], 1)
    ratio = _estimate(
        times_text(row["single_pass_ratio"], because), row["single_pass_ratio_low"], row["single_pass_ratio_high"], 2
    )
    return (
        f"`{row['arm']}`",
        count_text(row["calls_per_query"]),
        count_text(row["tokens_per_query"], because),
        "the baseline" if baseline else "asks no model" if is_free else reduction,
        "one call" if row["arm"] == "single_pass" else "asks no model" if is_free else ratio,
        count_text(row["passages_read"]),
        ratio_text(row["passed_ratio"]),
        "the baseline" if baseline else not_measured(None) if row["passed_delta"] is None else _signed_difference(row),
        ratio_text(row["contained_ratio"]),
        row["ledger"] or "no call",
        "" if baseline or is_free else "yes" if row["claimable"] else "no",
    )


def _estimate(value: str, low: float | None, high: float | None, decimals: int) -> str:
    interval = interval_text(low, high, decimals=decimals)
    return f"{value} ({interval})" if interval else value
