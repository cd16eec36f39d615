"""`tuned` against what it has to beat, in tokens and in quality: as a table, and as points of one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.measurements.comparing_arms import TUNED, opponents_of
from docmind_core.metrics.signs import signed
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Table, figure, missing, run_sql, table_row
from docmind_core.reports.comparison_rows import (
    NO_INTERVAL,
    SINGLE_PASS,
    delta_of,
    did_not_run,
    find_comparison,
    pairs_text,
    verdict_text,
)
from docmind_core.reports.estimates import quality_estimate
from docmind_core.reports.number_text import counted, interval_text, percent_text
from docmind_core.reports.run_records import ArmRun, VoteSummary
from docmind_core.statistics.estimates import Estimate, clustered_mean

QUALITY = "passed"
NO_MODEL_CALL = "no model call"
_NOT_IN_RUN = "not in this run"
_COMPARED = (
    "select other.arm, metric, candidate_value, baseline_value, delta, delta_low, delta_high, verdict, n "
    "from comparisons join runs on candidate_run_id = runs.run_id join runs as other "
    "on baseline_run_id = other.run_id and other.benchmark_run = runs.benchmark_run"
)
_OF_TUNED = f"runs.arm = '{TUNED}' and agent = 'all' and slice = 'all' and metric in ('billed_tokens', '{QUALITY}')"
"""A difference of tokens is the mean of the logs of tuned's tokens over the other arm's, query by query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """What an arm costs and what its answers are worth."""

    arm: str
    tokens: Estimate
    """Billed tokens per query."""
    quality: Estimate
    """Share of the queries that passed."""


def opponents_table(records: BenchmarkRecords) -> Table | None:
    """Put `tuned` against each opponent; None where `tuned` or every opponent is missing."""
    tuned = next((arm for arm in records.arms if arm.arm == TUNED), None)
    names = list(records.arm_names.values())
    opponents = opponents_of(TUNED)
    absent = [missing(_NOT_IN_RUN, unit) for unit in ("%", "1", "tokens", "1")]
    if tuned is None or not set(opponents) & set(names):
        return None
    return Table(
        caption="Differences of tuned from each opponent, paired by query; fewer tokens and higher quality are better",
        columns=(
            "tuned vs.",
            "tokens of tuned",
            f"quality of tuned ({QUALITY})",
            "its tokens per query",
            "its pass ratio",
        ),
        rows=tuple(
            table_row(
                name,
                _against(records, tuned, name) if name in names else absent,
            )
            for name in opponents
        ),
        sql=run_sql(tuned.benchmark_run, _COMPARED, _OF_TUNED),
    )


def budget_sentence(records: BenchmarkRecords) -> str | None:
    """Say for how many queries the budget bought single passes a vote; None where no arm votes."""
    return " ".join(_budget_of(records.arm_names[row.run_id], row) for row in records.votes) or None


def _budget_of(arm: str, row: VoteSummary) -> str:
    bought = f"a second pass for {row.second_pass_runs:,} of {counted(row.query_runs, 'query run')}"
    if row.second_pass_runs == 0:
        return (
            f"{arm} is equivalent to {SINGLE_PASS} here: its budget allowed {bought} (in {row.over_budget_runs:,} the "
            f"first pass alone cost more than {TUNED}), so there was no vote to compare."
        )
    rest = f"; in the others it is equivalent to {SINGLE_PASS}" if row.second_pass_runs < row.query_runs else ""
    return f"The budget of {arm} allowed {bought}{rest}."


def trade_offs(records: BenchmarkRecords) -> list[TradeOff]:
    """Return the arms whose tokens and quality are both known, in the order of the suite."""
    found = [
        TradeOff(arm=arm.arm, tokens=tokens_of_arm(records, arm), quality=quality_of_arm(records, arm))
        for arm in records.arms
    ]
    return [each for each in found if each.tokens.value is not None and each.quality.value is not None]


def pareto_front(points: Sequence[TradeOff]) -> list[TradeOff]:
    """Return the arms with a model that no other one beats in both, the cheapest first.

    An arm without a model costs nothing and would be on every front: it is the floor, and what is not above it is on
    no front. Points are compared, not their intervals.
    """
    floor = max((quality_of(each) for each in points if is_free(each)), default=-math.inf)
    best, front = floor, []
    for each in sorted(
        (each for each in points if not is_free(each)), key=lambda each: (tokens_of(each), -quality_of(each))
    ):
        if quality_of(each) > best:
            best = quality_of(each)
            front.append(each)
    return front


def is_free(point: TradeOff) -> bool:
    """Whether an arm asks no model."""
    return point.tokens.value == 0


def tokens_of(point: TradeOff) -> float:
    """Return the billed tokens per query."""
    return point.tokens.value or 0.0


def quality_of(point: TradeOff) -> float:
    """Return the share that passed."""
    return point.quality.value or 0.0


def _against(records: BenchmarkRecords, tuned: ArmRun, name: str) -> list[Cell]:
    other = next(arm for arm in records.arms if arm.arm == name)
    tokens, quality = tokens_of_arm(records, other), quality_of_arm(records, other)
    return [
        _token_cell(records, tuned, name, tokens),
        _quality_cell(records, tuned, name),
        figure(tokens, "tokens"),
        figure(quality, "1"),
    ]


def _token_cell(records: BenchmarkRecords, tuned: ArmRun, name: str, tokens: Estimate) -> Cell:
    if tokens.value == 0:
        return Cell(words=NO_MODEL_CALL)
    if (because := did_not_run(records, tuned.run_id, name)) is not None:
        return missing(because, "%")
    row = find_comparison(records, tuned.run_id, name, ("billed_tokens",))
    if row is None or row.delta is None:
        return missing("no query with tokens in both arms", "%")
    saved = -100 * math.expm1(row.delta)
    low, high = (None if end is None else -100 * math.expm1(end) for end in (row.delta_high, row.delta_low))
    shown = (low, high) if saved >= 0 or low is None or high is None else (-high, -low)
    return figure(
        Estimate(value=saved, low=low, high=high, n=row.n or 0),
        "%",
        words=f"{percent_text(abs(saved))} {'fewer' if saved >= 0 else 'more'}",
        remark=interval_text(*shown, decimals=0) or NO_INTERVAL,
    )


def _quality_cell(records: BenchmarkRecords, tuned: ArmRun, name: str) -> Cell:
    row = find_comparison(records, tuned.run_id, name, (QUALITY,))
    if row is None or row.delta is None:
        return missing("no score in both arms", "1")
    interval = interval_text(row.delta_low, row.delta_high, decimals=2) or NO_INTERVAL
    return figure(
        delta_of(row),
        "1",
        words=signed(row.delta, "+.2f"),
        remark=f"{interval}; {verdict_text(row)}; {pairs_text(row)}",
    )


def tokens_of_arm(records: BenchmarkRecords, arm: ArmRun) -> Estimate:
    """Return the billed tokens per query; no value where those of a query are unknown."""
    queries = records.queries_of_arms[arm.run_id]
    unknown = next((query.tokens_missing_because for query in queries if query.billed_tokens is None), None)
    if unknown or not queries:
        return Estimate(value=None, n=0, because=unknown or "no query finished")
    billed = [float(query.billed_tokens or 0) for query in queries]
    return clustered_mean(billed, [query.cluster_id or query.query_id for query in queries])


def quality_of_arm(records: BenchmarkRecords, arm: ArmRun) -> Estimate:
    """Return the share of the queries that passed."""
    row = records.quality_of_arms.get((arm.run_id, QUALITY))
    return quality_estimate(row) if row else Estimate(value=None, n=0, because="not_scored")
