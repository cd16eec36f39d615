"""What each arm costs and what became of quality, against the baseline and against one call."""

import math
from collections.abc import Callable

from docmind_core.measurements.comparability import NOT_EXCLUSIVE_CACHE
from docmind_core.measurements.verdicts import NOT_JUDGED
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.estimates import estimate_cell, quality_estimate
from docmind_core.reports.number_text import (
    count_text,
    interval_text,
    not_measured,
    percent_text,
    ratio_text,
    times_text,
)
from docmind_core.reports.run_records import TOKENS_PER_CORRECT, ArmRun, Comparison, TokenEfficiency
from docmind_core.reports.text_table import Cell, TextRow, text_row

BASELINE = "naive_supervisor"
SINGLE_PASS = "single_pass"  # noqa: S105 - an arm
NO_BASELINE = f"no {BASELINE} arm in this run"
NO_SINGLE_PASS = f"no {SINGLE_PASS} arm in this run"
NOT_CLAIMABLE = "not claimable: "
"""How `claimable_because` begins when it says no."""
NO_CALL = "no model call finished"
NO_SCORE = "not scored"
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


def comparison_rows(records: BenchmarkRecords) -> list[TextRow]:
    """Return the rows of the arm table that compare each arm with the others."""
    arms = records.arms
    return [
        text_row("tokens saved against naive_supervisor", [_reduction(records, arm, _billed) for arm in arms]),
        text_row("the same over all queries, failed ones too", [_reduction(records, arm, _all) for arm in arms]),
        text_row("the same with unknown tokens at their worst", [_reduction(records, arm, _worst) for arm in arms]),
        text_row("the same over the whole bill", [_reduction(records, arm, _bill) for arm in arms]),
        text_row("the same in computed tokens", [_reduction(records, arm, _computed) for arm in arms]),
        text_row("tokens against one call", [_single_pass_ratio(records, arm) for arm in arms]),
        text_row("tokens per correct answer", [_per_correct(records, arm) for arm in arms]),
        text_row("quality against naive_supervisor", [_quality(records, arm, BASELINE) for arm in arms]),
        text_row("quality against one call", [_quality(records, arm, SINGLE_PASS) for arm in arms]),
        text_row("may be claimed", [_claimable(records.tokens_of_arms.get(arm.run_id)) for arm in arms]),
    ]


Saving = Callable[[TokenEfficiency], tuple[float | None, float | None, float | None]]
"""A saving in percent with the ends of its interval."""


def _billed(row: TokenEfficiency) -> tuple[float | None, float | None, float | None]:
    return row.reduction_pct, row.reduction_low, row.reduction_high


def _all(row: TokenEfficiency) -> tuple[float | None, float | None, float | None]:
    return row.reduction_all_pct, row.reduction_all_low, row.reduction_all_high


def _worst(row: TokenEfficiency) -> tuple[float | None, float | None, float | None]:
    return row.reduction_worst_pct, row.reduction_worst_low, row.reduction_worst_high


def _bill(row: TokenEfficiency) -> tuple[float | None, float | None, float | None]:
    return row.reduction_of_totals_pct, row.reduction_of_totals_low, row.reduction_of_totals_high


def _computed(row: TokenEfficiency) -> tuple[float | None, float | None, float | None]:
    return row.computed_reduction_pct, row.computed_reduction_low, row.computed_reduction_high


_TOKENS_OF: dict[Saving, str] = {_billed: "billed_tokens", _computed: "computed_tokens"}
"""What the pairs of a saving are of; all others are over other queries, or have no typical one."""


def _reduction(records: BenchmarkRecords, arm: ArmRun, saving: Saving) -> Cell:
    row = records.tokens_of_arms.get(arm.run_id)
    value, low, high = saving(row) if row else (None, None, None)
    if (because := did_not_run(records, arm.run_id, BASELINE)) is not None:
        return Cell(text=not_measured(because))
    if value is None:
        return Cell(text=_why_no_reduction(records, arm, saving))
    found = find_comparison(records, arm.run_id, BASELINE, (_TOKENS_OF[saving],)) if saving in _TOKENS_OF else None
    interval = interval_text(low, high, decimals=0) or NO_INTERVAL
    # The MDE is that of the typical query; nothing says it of the sums.
    pairs = pairs_text(found) if found else ""
    return Cell(text=percent_text(value), note="; ".join(filter(None, (interval, pairs))))


def _quality(records: BenchmarkRecords, arm: ArmRun, other: str) -> Cell:
    if arm.arm == other:
        return Cell(text="is the baseline" if other == BASELINE else "is the one call")
    if other not in records.arm_names.values():
        return Cell(text=not_measured(NO_BASELINE if other == BASELINE else NO_SINGLE_PASS))
    found = find_comparison(records, arm.run_id, other, QUALITY_METRICS)
    if found is None:
        return Cell(text=not_measured(NO_SCORE_IN_BOTH))
    interval = interval_text(found.delta_low, found.delta_high, decimals=2) or NO_INTERVAL
    return Cell(
        text=verdict_text(found), note=f"{found.metric} {ratio_text(found.delta)} ({interval}); {pairs_text(found)}"
    )


def _why_no_reduction(records: BenchmarkRecords, arm: ArmRun, saving: Saving) -> str:
    if arm.arm == BASELINE:
        return "is the baseline"
    if BASELINE not in records.arm_names.values():
        return not_measured(NO_BASELINE)
    row = records.tokens_of_arms.get(arm.run_id)
    if row is None:
        return not_measured(NO_CALL)
    if saving is _computed and row.reduction_pct is not None:
        return not_measured(row.cached_missing_because or _why_not_computed(records, arm) or NO_COUNT_IN_BOTH)
    return not_measured(row.claimable_because)


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
        note = interval_text(row.single_pass_ratio_low, row.single_pass_ratio_high, decimals=2)
        return Cell(text=times_text(row.single_pass_ratio), note=note)
    if arm.arm == SINGLE_PASS:
        return Cell(text="is the one call")
    if SINGLE_PASS not in records.arm_names.values():
        return Cell(text=not_measured(NO_SINGLE_PASS))
    return Cell(
        text=not_measured(NO_CALL if row is None else row.missing_because or "no query with tokens in both arms")
    )


def _per_correct(records: BenchmarkRecords, arm: ArmRun) -> Cell:
    row, scored = records.tokens_of_arms.get(arm.run_id), records.quality_of_arms.get((arm.run_id, TOKENS_PER_CORRECT))
    if row is None or scored is None:
        return Cell(text=not_measured(NO_CALL if row is None else NO_SCORE))
    cell = estimate_cell(quality_estimate(scored), scored.n_total, count_text)
    if scored.value is None:
        return cell
    low, high = row.tokens_per_correct_low, row.tokens_per_correct_high
    interval = interval_text(low, high, decimals=0)
    if not interval:
        ends = NO_INTERVAL if low is None else f"from {count_text(low)}, no upper end"
        interval = f"{ends}: {row.tokens_per_correct_interval_missing_because}"
    return Cell(text=cell.text, note="; ".join(filter(None, (interval, cell.note))))


def _claimable(row: TokenEfficiency | None) -> Cell:
    if row is None or row.claimable is None:
        return Cell(text="–")
    return Cell(text="yes" if row.claimable else "no", note=(row.claimable_because or "").removeprefix(NOT_CLAIMABLE))
