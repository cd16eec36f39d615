"""The sentences a report opens with: what the arms cost against each other, and what became of quality."""

from dataclasses import dataclass

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.comparison_rows import (
    BASELINE,
    NO_BASELINE,
    NO_INTERVAL,
    NO_SCORE_IN_BOTH,
    QUALITY_METRICS,
    SINGLE_PASS,
    and_more,
    claim_reasons,
    did_not_run,
    find_comparison,
    pairs_text,
    verdict_text,
)
from docmind_core.reports.number_text import (
    count_text,
    counted,
    interval_text,
    not_measured,
    percent_text,
    ratio_text,
    times_text,
)
from docmind_core.reports.opponents import quality_of_arm, tokens_of_arm
from docmind_core.reports.run_records import ArmRun, NoPassages, TokenEfficiency

TUNED = "tuned"
PLUMBING = (
    "Ran on {model}, a smoke-test model: tokens, times and the ledger are real; quality figures are not meaningful, "
    "and no grade is given."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the report has to say first about one arm, or about the run as a whole."""

    main: str
    """One sentence: the tokens."""
    rest: str = ""
    """How many queries were compared, and what became of quality."""
    claim: str = ""
    """Whether the saving may be claimed, and the first reason if it may not."""
    reasons: tuple[str, ...] = ()
    """Why it may, or may not, one clause each."""


def headline(records: BenchmarkRecords) -> tuple[Finding, ...]:
    """Answer the reader's first question for each arm, `tuned` first; at least one finding."""
    if not any(query.answered for query in records.query_runs):
        return (Finding(main="No query was answered.", rest=nothing_answered(records)),)
    if len(records.arms) == 1:
        return (_of_one_arm(records, records.arms[0]),)
    judged = sorted(
        (arm for arm in records.arms if arm.arm != BASELINE), key=lambda arm: (arm.arm != TUNED, arm.arm == SINGLE_PASS)
    )
    return tuple(_finding(records, arm) for arm in judged)


def _of_one_arm(records: BenchmarkRecords, arm: ArmRun) -> Finding:
    queries, tokens, quality = (
        records.queries_of_arms[arm.run_id],
        tokens_of_arm(records, arm),
        quality_of_arm(records, arm),
    )
    answered = f"{arm.arm} answered {sum(query.answered for query in queries):,} of {counted_queries(len(queries))}"
    passed = (
        f"{ratio_text(quality.value)} passed ({interval_text(quality.low, quality.high, decimals=2) or NO_INTERVAL})"
        if quality.value is not None
        else f"passed is {not_measured(quality.because)}"
    )
    spent = count_text(tokens.value, tokens.because)
    cost = f"{spent} billed tokens per query" if tokens.value is not None else f"tokens are {spent}"
    rest = " ".join(filter(None, (_failures(records, arm), "Compare it with another run: docmind compare latest RUN.")))
    return Finding(main=f"{answered}; {passed}; {cost}.", rest=rest)


def counted_queries(count: int) -> str:
    """Return `1 query`, `2 queries`."""
    return f"{count:,} {'query' if count == 1 else 'queries'}"


def nothing_answered(records: BenchmarkRecords) -> str:
    """Say how the queries of a failed run ended, so that no number can be mistaken for a result."""
    failed = sum(query.status == "failed" for query in records.query_runs)
    expected = sum(arm.expected_queries or 0 for arm in records.arms)
    never = f", {expected - len(records.query_runs):,} never finished" if expected > len(records.query_runs) else ""
    return (
        f"Of {expected:,} query runs {failed:,} failed{never}. Nothing below says anything about tokens saved or about "
        "quality; the section on failures says what happened."
    )


def _finding(records: BenchmarkRecords, arm: ArmRun) -> Finding:
    row = records.tokens_of_arms.get(arm.run_id)
    cost = "; ".join(part for part in (_against_baseline(records, arm, row), _against_one_call(records, row)) if part)
    rest = " ".join(filter(None, (_compared(records, arm, row), _quality(records, arm), _failures(records, arm))))
    if row is None or row.claimable is None or BASELINE not in records.arm_names.values():
        return Finding(main=f"{arm.arm} {cost}.", rest=rest)
    reasons = claim_reasons(row)
    claim = "A saving may be claimed." if row.claimable else f"A saving may not be claimed: {and_more(reasons)}."
    return Finding(main=f"{arm.arm} {cost}.", rest=rest, claim=claim, reasons=reasons)


def plumbing_sentence(records: BenchmarkRecords) -> str | None:
    """Warn of a smoke-test model; None for every other model."""
    models = dict.fromkeys(arm.model or "an unnamed model" for arm in records.arms if arm.plumbing)
    return PLUMBING.format(model=" and ".join(models)) if models else None


def no_passages_sentence(records: BenchmarkRecords) -> str | None:
    """Say for how many query runs no search found a passage; None when all found one."""
    order = list(records.arm_names)
    arms = [_found_none(records, row) for row in sorted(records.no_passages, key=lambda row: order.index(row.run_id))]
    return f"Searches found no passage for {'; '.join(arms)}." if arms else None


def _found_none(records: BenchmarkRecords, row: NoPassages) -> str:
    right = f", {row.passed:,} of them counted as right" if row.passed else ""
    abstained = f" ({row.abstained:,} abstained{right})" if row.abstained else ""
    return f"{row.found_none:,} of {row.query_runs:,} query runs of {records.arm_names[row.run_id]}{abstained}"


def unjudged_sentence(records: BenchmarkRecords) -> str | None:
    """Say what share of the queries nothing can judge; None when each is judged, or none was scored yet."""
    rows = [records.quality_of_arms.get((arm.run_id, "passed")) for arm in records.arms]
    total = sum(row.n_total or 0 for row in rows if row)
    unjudged = total - sum(row.n_defined or 0 for row in rows if row)
    if not unjudged:
        return None
    return (
        f"Not judged: {percent_text(100 * unjudged / total)} of the queries ({unjudged:,} of {total:,} query runs) "
        "have no accepted answer that can be compared without a judge; no pass ratio counts them."
    )


def _against_baseline(records: BenchmarkRecords, arm: ArmRun, row: TokenEfficiency | None) -> str:
    if BASELINE not in records.arm_names.values():
        return f"can't be compared in tokens: {NO_BASELINE}"
    if (because := did_not_run(records, arm.run_id, BASELINE)) is not None:
        return f"can't be compared in tokens: {because}"
    if row is None or row.reduction_pct is None:
        why = and_more(claim_reasons(row)) if row and row.claimable_because else "no query has tokens in both arms"
        return f"can't be compared in tokens: {why}"
    size = f"{percent_text(abs(row.reduction_pct))} {'fewer' if row.reduction_pct >= 0 else 'more'}"
    low, high = row.reduction_low, row.reduction_high
    if low is None or high is None:
        return f"used {size} billed tokens per query than {BASELINE} ({NO_INTERVAL})"
    sign = 1 if row.reduction_pct >= 0 else -1
    interval = interval_text(*sorted((sign * low, sign * high)), decimals=0)
    if low <= 0 <= high:
        return f"shows no clear difference in billed tokens to {BASELINE}: {size} per query ({interval} %)"
    return f"used {size} billed tokens per query than {BASELINE} ({interval} %)"


def _compared(records: BenchmarkRecords, arm: ArmRun, row: TokenEfficiency | None) -> str:
    billed = find_comparison(records, arm.run_id, BASELINE, ("billed_tokens",))
    if row is None or row.reduction_pct is None or billed is None:
        return ""
    return f"Tokens were compared over {pairs_text(billed)}; routing {arm.routing or 'unknown'}."


def _against_one_call(records: BenchmarkRecords, row: TokenEfficiency | None) -> str:
    if row is not None and (because := did_not_run(records, row.run_id, SINGLE_PASS)) is not None:
        # Once is enough where it is this arm that did not run.
        return "" if because == did_not_run(records, row.run_id, BASELINE) else f"none against one call: {because}"
    if row is None or row.single_pass_ratio is None:
        return ""
    interval = interval_text(row.single_pass_ratio_low, row.single_pass_ratio_high, decimals=2)
    return f"{times_text(row.single_pass_ratio)} the tokens of one call" + (f" ({interval})" if interval else "")


def _quality(records: BenchmarkRecords, arm: ArmRun) -> str:
    others = [name for name in (BASELINE, SINGLE_PASS) if name != arm.arm and name in records.arm_names.values()]
    if not others:
        absent = " nor ".join(name for name in (BASELINE, SINGLE_PASS) if name != arm.arm)
        return f"Quality was not compared: {'neither ' if ' nor ' in absent else 'no '}{absent} arm in this run."
    return " ".join(_quality_against(records, arm, name) for name in others)


def _quality_against(records: BenchmarkRecords, arm: ArmRun, other: str) -> str:
    found = find_comparison(records, arm.run_id, other, QUALITY_METRICS)
    if found is None:
        return f"Quality was not compared with {other}: {NO_SCORE_IN_BOTH}."
    interval = interval_text(found.delta_low, found.delta_high, decimals=2) or NO_INTERVAL
    values = f"{ratio_text(found.candidate_value)} against {ratio_text(found.baseline_value)} of {other}"
    difference = f"{ratio_text(found.delta)} ({interval}; {pairs_text(found)})"
    return f"Quality ({found.metric}) is {verdict_text(found)}: {values}, a difference of {difference}."


def _failures(records: BenchmarkRecords, arm: ArmRun) -> str:
    parts = []
    for other in records.arms:
        queries = records.queries_of_arms[other.run_id]
        failed = sum(query.status == "failed" for query in queries)
        if failed and other.arm in (arm.arm, BASELINE):
            parts.append(f"{failed:,} of {counted(len(queries), 'query run')} of {other.arm} failed")
    counts = (
        "in quality they count as not passed, and what is known of their tokens is only in the line over all queries"
    )
    return f"{'; '.join(parts)}: {counts}." if parts else ""
