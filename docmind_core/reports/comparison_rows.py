"""Cost and quality of each arm compared with the baseline and with one call."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from docmind_core.measurements.comparability import NOT_EXCLUSIVE_CACHE
from docmind_core.measurements.verdicts import NOT_CLAIMABLE, NOT_JUDGED, REASONS_APART
from docmind_core.metrics.reasons import reason_text
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Cell, Row, figure, joined, missing, run_source, table_row
from docmind_core.reports.estimates import quality_estimate
from docmind_core.reports.number_text import count_text, counted, interval_text, percent_text, ratio_text
from docmind_core.reports.run_records import TOKENS_PER_CORRECT, ArmRun, Comparison, TokenEfficiency
from docmind_core.statistics.estimates import Estimate

BASELINE = "naive_supervisor"
SINGLE_PASS = "single_pass"  # noqa: S105 - an arm
NO_BASELINE = f"no {BASELINE} arm in this run"
NO_SINGLE_PASS = f"no {SINGLE_PASS} arm in this run"
NO_CALL = "no model call finished"
NO_SCORE = "not_scored"
QUALITY_METRICS = ("passed", "exact_match", "token_f1")
"""The first of these that two arms have values of represents quality in the headline."""
NO_SCORE_IN_BOTH = "no query has a score in both arms"
NO_COUNT_IN_BOTH = "no query with cached tokens in both arms"
NO_INTERVAL = "no interval"
UNKNOWN = "unknown"


def find_comparison(
    records: BenchmarkRecords, run_id: str, baseline: str, metrics: tuple[str, ...]
) -> Comparison | None:
    """Return the comparison with the arm `baseline` in the first of `metrics` that both arms have values of."""
    for metric in metrics:
        for row in records.comparisons:
            against = records.arm_names.get(row.baseline_run_id)
            if (row.candidate_run_id, against, row.metric) == (run_id, baseline, metric) and row.delta is not None:
                return row
    return None


def no_call(records: BenchmarkRecords, arm: ArmRun) -> str:
    """Say why an arm has no tokens: it uses no model, or none of its calls finished."""
    calls = [query.calls for query in records.queries_of_arms[arm.run_id]]
    return "no_model_call" if calls and not any(calls) else NO_CALL


def did_not_run(records: BenchmarkRecords, run_id: str, baseline: str) -> str | None:
    """Say why the tokens of two arms are not compared: one of them did not answer itself. None where they are."""
    for row in records.comparisons:
        against = records.arm_names.get(row.baseline_run_id)
        if (row.candidate_run_id, against, row.metric, row.verdict) == (run_id, baseline, "billed_tokens", NOT_JUDGED):
            return row.because
    return None


def verdict_text(row: Comparison) -> str:
    """Return the verdict as a report writes it."""
    return (row.verdict or "no verdict").replace("_", "-")


def pairs_text(row: Comparison) -> str:
    """Say how many queries are compared, how many had no value in one of the arms, and what would have shown."""
    is_ratio = row.metric.endswith("_tokens")
    left_out = f", {row.n_left_out:,} left out" if row.n_left_out else ""
    left_out += f", {row.n_failed:,} not answered by both" if row.n_failed and is_ratio else ""
    # The MDE of tokens is stored in logs, as their delta: metrics.md 7 states it as a share.
    mde = None if row.mde is None else percent_text(100 * math.expm1(row.mde)) if is_ratio else ratio_text(row.mde)
    return f"{row.n or 0:,} {'query' if row.n == 1 else 'queries'}{left_out}; MDE {mde or UNKNOWN}"


_SAVINGS = {
    "reduction": "tokens saved vs. naive_supervisor",
    "reduction_all": "over all queries, including failed ones",
    "reduction_worst": "with unknown tokens at their maximum",
    "reduction_of_totals": "over the total of all queries",
    "computed_reduction": "in computed tokens",
}
"""Columns of `token_efficiency`, each with `_pct`, `_low` and `_high`, and how they are called."""
_TOKENS_OF = {"reduction": "billed_tokens", "computed_reduction": "computed_tokens"}
"""What the pairs of a saving are of; all others are over other queries, or have no typical one."""


def delta_of(row: Comparison) -> Estimate:
    """Return the difference of a comparison with its interval."""
    return Estimate(value=row.delta, low=row.delta_low, high=row.delta_high, n=row.n or 0)


def comparison_rows(records: BenchmarkRecords) -> list[Row]:
    """Return the rows of the arm table that compare each arm with the others."""
    arms = records.arms
    efficiency = partial(run_source, arms[0].benchmark_run, "token_efficiency", where="agent = 'all'")
    return [
        *(
            table_row(
                heading,
                [_reduction(records, arm, saving) for arm in arms],
                key=f"{saving}_pct",
                source=efficiency(column=f"{saving}_pct"),
            )
            for saving, heading in _SAVINGS.items()
        ),
        table_row(
            "tokens vs. one call",
            [_single_pass_ratio(records, arm) for arm in arms],
            key="single_pass_ratio",
            source=efficiency(column="single_pass_ratio"),
        ),
        table_row(
            "tokens per correct answer",
            [_per_correct(records, arm) for arm in arms],
            key=TOKENS_PER_CORRECT,
            source=efficiency(column="tokens_per_correct"),
        ),
        _quality_row(records, "quality vs. naive_supervisor", BASELINE),
        _quality_row(records, "quality vs. one call", SINGLE_PASS),
        table_row(
            "may be claimed",
            [_claimable(records.tokens_of_arms.get(arm.run_id)) for arm in arms],
            key="claimable",
            source=efficiency(column="claimable"),
        ),
    ]


def _reduction(records: BenchmarkRecords, arm: ArmRun, saving: str) -> Cell:
    row = records.tokens_of_arms.get(arm.run_id)
    value, low, high = (getattr(row, f"{saving}_{part}", None) for part in ("pct", "low", "high"))
    if (because := did_not_run(records, arm.run_id, BASELINE)) is not None:
        return missing(because, "%")
    if value is None:
        return _why_no_reduction(records, arm, saving)
    found = find_comparison(records, arm.run_id, BASELINE, (_TOKENS_OF[saving],)) if saving in _TOKENS_OF else None
    # The MDE is that of the typical query; nothing says it of the sums.
    remark = joined("" if low is not None and high is not None else NO_INTERVAL, pairs_text(found) if found else "")
    return figure(Estimate(value=value, low=low, high=high, n=(found.n or 0) if found else 0), "%", remark=remark)


def _quality_row(records: BenchmarkRecords, heading: str, other: str) -> Row:
    found = {arm.run_id: find_comparison(records, arm.run_id, other, QUALITY_METRICS) for arm in records.arms}
    cells = [_quality(records, arm, other, found[arm.run_id]) for arm in records.arms]
    metrics = {row.metric for row in found.values() if row}
    benchmark_run = records.arms[0].benchmark_run
    where = f"baseline_run_id = '{benchmark_run}.{other}' and agent = 'all' and slice = 'all' and metric = "
    one = run_source(benchmark_run, "comparisons", "delta", f"{where}'{min(metrics, default='')}'")
    return table_row(heading, cells, key=f"quality_against_{other}", source=one if len(metrics) == 1 else None)


def _quality(records: BenchmarkRecords, arm: ArmRun, other: str, found: Comparison | None) -> Cell:
    if arm.arm == other:
        return Cell(words="is the baseline" if other == BASELINE else "is the one call")
    if other not in records.arm_names.values():
        return missing(NO_BASELINE if other == BASELINE else NO_SINGLE_PASS, "1")
    if found is None:
        return missing(NO_SCORE_IN_BOTH, "1")
    interval = interval_text(found.delta_low, found.delta_high, decimals=2) or NO_INTERVAL
    return figure(
        delta_of(found),
        "1",
        words=verdict_text(found),
        remark=f"{found.metric} {ratio_text(found.delta)} ({interval}); {pairs_text(found)}",
    )


def _why_no_reduction(records: BenchmarkRecords, arm: ArmRun, saving: str) -> Cell:
    if arm.arm == BASELINE:
        return Cell(words="is the baseline")
    if BASELINE not in records.arm_names.values():
        return missing(NO_BASELINE, "%")
    row = records.tokens_of_arms.get(arm.run_id)
    if row is None:
        return missing(no_call(records, arm), "%")
    if saving == "computed_reduction" and row.reduction_pct is not None:
        return missing(row.cached_missing_because or _why_not_computed(records, arm) or NO_COUNT_IN_BOTH, "%")
    return missing(row.claimable_because, "%")


def _why_not_computed(records: BenchmarkRecords, arm: ArmRun) -> str | None:
    """Return the reason for which nothing was compared, where it is one of docs/metrics.md."""
    return next(
        (
            row.because
            for row in records.comparisons
            if (row.candidate_run_id, row.metric, row.because) == (arm.run_id, "computed_tokens", NOT_EXCLUSIVE_CACHE)
            and records.arm_names.get(row.baseline_run_id) == BASELINE
        ),
        None,
    )


def _single_pass_ratio(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row = records.tokens_of_arms.get(arm.run_id)
    if row is not None and row.single_pass_ratio is not None:
        low, high = row.single_pass_ratio_low, row.single_pass_ratio_high
        return figure(Estimate(value=row.single_pass_ratio, low=low, high=high, n=0), "×")
    if arm.arm == SINGLE_PASS:
        return Cell(words="is the one call")
    if SINGLE_PASS not in records.arm_names.values():
        return missing(NO_SINGLE_PASS, "×")
    return missing(
        no_call(records, arm) if row is None else row.missing_because or "no query with tokens in both arms", "×"
    )


def _per_correct(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row, scored = records.tokens_of_arms.get(arm.run_id), records.quality_of_arms.get((arm.run_id, TOKENS_PER_CORRECT))
    if row is None or scored is None:
        return missing(no_call(records, arm) if row is None else NO_SCORE, "tokens")
    low, high = row.tokens_per_correct_low, row.tokens_per_correct_high
    why = ""
    if low is None or high is None:
        ends = NO_INTERVAL if low is None else f"{count_text(low)} or more"
        why = f"{ends}: {reason_text(row.tokens_per_correct_interval_missing_because)}"
    estimate = replace(quality_estimate(scored), low=low, high=high)
    return figure(estimate, "tokens", total=scored.n_total, remark=why if scored.value is not None else "")


def _claimable(row: TokenEfficiency | None) -> Cell:
    if row is None or row.claimable is None:
        return Cell(words="–")
    return Cell(words="yes" if row.claimable else "no", remark=and_more(claim_reasons(row)))


def claim_reasons(row: TokenEfficiency) -> tuple[str, ...]:
    """Return why a saving may or may not be claimed, one clause each."""
    because = (row.claimable_because or "no reason recorded").removeprefix(NOT_CLAIMABLE)
    return tuple(because.rstrip(".").split(REASONS_APART))


def and_more(reasons: Sequence[str]) -> str:
    """Return the first reason, and how many more there are."""
    more = len(reasons) - 1
    return f"{reasons[0]}, and {counted(more, 'more reason')}" if more else reasons[0]
