"""The sentences a report opens with: what the arms cost against each other, what became of quality, what may be claimed."""

from docmind_core.reports.arm_table import BASELINE, NO_BASELINE, SINGLE_PASS
from docmind_core.reports.number_text import interval_text, percent_text, ratio_text, times_text
from docmind_core.reports.run_records import ArmRun, BenchmarkRecords, Comparison, TokenEfficiency

TUNED = "tuned"
QUALITY_METRICS = ("passed", "exact_match", "token_f1")
"""The first of these that was compared stands for quality in the headline."""
PLUMBING = (
    "Made with {model}, a model that is here to check the plumbing: tokens, times and the ledger are real, "
    "the quality says nothing about any system, and it gets no letter."
)


def headline(records: BenchmarkRecords) -> tuple[str, ...]:
    """Answer the reader's first question for each arm, `tuned` first; at least one sentence."""
    if not any(query.answered for query in records.query_runs):
        return (nothing_answered(records),)
    judged = sorted(
        (arm for arm in records.arms if arm.arm != BASELINE), key=lambda arm: (arm.arm != TUNED, arm.arm == SINGLE_PASS)
    )
    if not judged:
        return (f"Only {BASELINE} ran, so there is nothing to compare it with.",)
    return tuple(arm_sentence(records, arm) for arm in judged)


def nothing_answered(records: BenchmarkRecords) -> str:
    """Say that no query has an answer, so that no number can be mistaken for a result."""
    failed = sum(query.status == "failed" for query in records.query_runs)
    expected = sum(arm.expected_queries or 0 for arm in records.arms)
    return (
        f"No query was answered: {failed:,} of {expected:,} failed, the others never finished. "
        "Nothing below says anything about tokens saved or about quality; see the failures."
    )


def arm_sentence(records: BenchmarkRecords, arm: ArmRun) -> str:
    """Say what one arm costs against the baseline and against one call, its quality, and the claim."""
    row = records.tokens_of_arms.get(arm.run_id)
    parts = [_against_baseline(records, arm, row), _against_one_call(row), _quality(records, arm)]
    cost = "; ".join(part for part in parts if part)
    return f"{arm.arm} {cost}. {_claim(records, row)}".strip()


def plumbing_sentence(records: BenchmarkRecords) -> str | None:
    """Warn that the model only checks the plumbing; None for every other model."""
    models = dict.fromkeys(arm.model or "an unnamed model" for arm in records.arms if arm.plumbing)
    return PLUMBING.format(model=" and ".join(models)) if models else None


def _against_baseline(records: BenchmarkRecords, arm: ArmRun, row: TokenEfficiency | None) -> str:
    if BASELINE not in records.arm_names.values():
        return f"can't be compared in tokens: {NO_BASELINE}"
    if row is None or row.reduction_pct is None:
        why = row.claimable_because if row and row.claimable_because else "no query has tokens in both arms"
        return f"has no figure against {BASELINE} ({why})"
    more_or_fewer = "fewer" if row.reduction_pct >= 0 else "more"
    size = percent_text(abs(row.reduction_pct))
    return f"used {size} {more_or_fewer} tokens than {BASELINE} (routing {arm.routing or 'unknown'}{_reduction_n(records, row)})"


def _reduction_n(records: BenchmarkRecords, row: TokenEfficiency) -> str:
    notes = ""
    if row.reduction_pct is not None and row.reduction_low is not None and row.reduction_high is not None:
        sign = 1 if row.reduction_pct >= 0 else -1
        ends = sorted((sign * row.reduction_low, sign * row.reduction_high))
        notes += f"; 95 % interval {interval_text(*ends, decimals=0)} %"
    billed = _comparison(records, row.run_id, BASELINE, ("billed_tokens",))
    return notes + (f"; {billed.n} queries" if billed and billed.n is not None else "")


def _against_one_call(row: TokenEfficiency | None) -> str:
    if row is None or row.single_pass_ratio is None:
        return ""
    interval = interval_text(row.single_pass_ratio_low, row.single_pass_ratio_high, decimals=2)
    return f"it costs {times_text(row.single_pass_ratio)} one call" + (f" ({interval})" if interval else "")


def _quality(records: BenchmarkRecords, arm: ArmRun) -> str:
    found = _comparison(records, arm.run_id, BASELINE, QUALITY_METRICS)
    if found is None or found.candidate_value is None or found.baseline_value is None:
        return "quality was not compared"
    interval = interval_text(found.delta_low, found.delta_high, decimals=2)
    verdict = (found.verdict or "no verdict").replace("_", "-")
    between = f", difference {ratio_text(found.delta)}" + (f" ({interval})" if interval else "")
    values = f"{ratio_text(found.candidate_value)} against {ratio_text(found.baseline_value)}"
    return f"{found.metric} {values}{between}: {verdict}"


def _claim(records: BenchmarkRecords, row: TokenEfficiency | None) -> str:
    if row is None or row.claimable is None or BASELINE not in records.arm_names.values():
        return ""
    because = f": {row.claimable_because}" if row.claimable_because else ""
    return f"The saving {'may' if row.claimable else 'may not'} be claimed{because.rstrip('.')}."


def _comparison(records: BenchmarkRecords, run_id: str, baseline: str, metrics: tuple[str, ...]) -> Comparison | None:
    for metric in metrics:
        for row in records.comparisons:
            against = records.arm_names.get(row.baseline_run_id)
            if (row.candidate_run_id, against, row.metric) == (run_id, baseline, metric):
                return row
    return None
